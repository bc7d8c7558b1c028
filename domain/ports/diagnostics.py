"""What is asked of the database and of Temporal by people who want to know why nobody is dialled."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.contact import ContactStatus
from domain.diagnosis.facts import QueueFacts, Withheld
from domain.frequency import CapsAt
from domain.identity import BatchId, CampaignId, ContactId


@dataclass(frozen=True, kw_only=True)
class StatusShare:
    """The contacts of a batch that stand in one status; there is at least one."""

    count: int
    oldest_updated_at: datetime
    newest_updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class WebhookSilence:
    """What is heard of a batch's calls."""

    last_received_at: datetime | None
    """The newest webhook of the calls that are live or ended last."""
    dispatched_without_webhook: int
    """Contacts dispatched for a while of whose call no webhook came."""
    live_without_webhook: int
    """Those, and contacts on the phone, dialled as long ago, of whom only asking has told."""
    recent_endings: int
    """Newest ended calls whose ending was told by webhook or learnt by asking."""
    polled_endings: int
    """Those of them that no webhook has told of."""


@dataclass(frozen=True, kw_only=True)
class RecentAttempts:
    """How the newest ended attempts of a batch ended."""

    ended: int
    failed: int
    """Those nobody can say the ending of are among them."""


@dataclass(frozen=True, kw_only=True)
class EndedCalls:
    """How the calls of a batch ended, each attempt counted once."""

    ended: int = 0
    completed: int = 0
    no_answer: int = 0
    no_answer_by_hour: Mapping[str, int] = field(default_factory=dict)
    """By the hour, `00` to `23`, at which the callee's clocks stood when it was placed."""
    no_answer_by_prefix: Mapping[str, int] = field(default_factory=dict)
    """By `+`, country code and three digits; the ten largest, largest first."""


class DiagnosticsStore(Protocol):
    """Numbers about one batch, each verb one quick look however large the batch is."""

    async def standings(self, batch_id: BatchId) -> Mapping[ContactStatus, StatusShare]:
        """Return who stands where, without the statuses nobody is in."""

    async def longest_pending(self, batch_id: BatchId, limit: int) -> Sequence[ContactId]:
        """Return the pending contacts that are unchanged the longest, the longest first."""

    async def withheld(
        self, batch_id: BatchId, caps: CapsAt, limit: int, *, closed_zones: Collection[str | None] = ()
    ) -> Withheld | None:
        """Tell why nobody among the first `limit` pending contacts outside the closed zones can be called.

        None when somebody can be, or nobody is there. Of one who waits for several reasons the cap is told
        first, then the busy number; one that another organization has on the phone counts as free.
        """

    async def live_in_campaign(self, campaign_id: CampaignId) -> int:
        """Return how many contacts of all batches of a campaign are live."""

    async def webhook_silence(self, batch_id: BatchId, before: datetime, endings: int) -> WebhookSilence:
        """Tell what is heard of the batch, and who was dialled before an instant and is not heard of.

        Of the ended calls the newest `endings` count whose ending was told by webhook or learnt by asking.
        """

    async def recent_attempts(self, batch_id: BatchId, limit: int) -> RecentAttempts:
        """Tell how the newest `limit` ended attempts ended; those given up before a call are not counted."""

    async def ended_calls(self, batch_id: BatchId, timezone: str) -> EndedCalls:
        """Tell how all calls ended; `timezone` is that of contacts without their own."""


@dataclass(frozen=True, kw_only=True)
class WorkflowDescription:
    """How a batch's workflow stands."""

    workflow_id: str
    status: str
    """`running`, how it closed, or `missing`."""
    run_id: str | None = None
    history_length: int | None = None
    """Events of the newest run."""
    pending_failure: str | None = None
    """Why its task fails again and again: a kind of error, and a line without anybody's number."""


class EngineDiagnostics(Protocol):
    """What the engine tells of itself. Raises EngineUnavailable."""

    async def describe_batch(self, batch_id: BatchId) -> WorkflowDescription:
        """Tell how the batch's workflow stands; asks the server alone, so it needs no worker."""

    async def queues(self) -> Sequence[QueueFacts]:
        """Tell who serves each task queue."""

    async def dispatcher(self, batch_id: BatchId) -> Mapping[str, object] | None:
        """Ask the workflow what it knows and waits for; None when no worker answers within a second."""
