"""The queries behind a diagnosis, to the database and to Temporal."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.call import CallRecord, CallStatus
from domain.contact import ContactStatus
from domain.counters import BatchTally
from domain.diagnosis.facts import Withheld
from domain.disposition import ReportedCounts
from domain.frequency import CapsAt
from domain.identity import BatchId, CampaignId, ContactId


@dataclass(frozen=True, kw_only=True)
class StatusShare:
    """The contacts of a batch in one status, at least one."""

    count: int
    oldest_updated_at: datetime
    newest_updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class WebhookSilence:
    """How far the webhooks of a batch's calls arrive."""

    last_received_at: datetime | None
    """The newest webhook of the calls that are live or ended last."""
    dispatched_without_webhook: int
    """Contacts dispatched for a while, without a webhook of their call."""
    live_without_webhook: int
    """Those, and contacts on the phone, dialled as long ago, known by a poll alone."""
    recent_endings: int
    """Newest calls that a webhook or a poll ended."""
    polled_endings: int
    """Those of them that no webhook reported."""


@dataclass(frozen=True, kw_only=True)
class RecentAttempts:
    """How the newest ended attempts of a batch ended."""

    ended: int
    failed: int
    """Unknown endings included."""


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
    reported: ReportedCounts = field(default_factory=ReportedCounts)
    """Who answered the calls, and what came of them; of those that go on too."""


@dataclass(frozen=True, kw_only=True)
class AnswersInHour:
    """The calls placed within an hour of the callee's day, as far as they have ended."""

    ended: int
    answered: int


@dataclass(frozen=True, kw_only=True)
class BatchActivity:
    """What a batch did lately."""

    calls_by_minute: Mapping[datetime, Mapping[CallStatus, int]]
    """Ended calls by their outcome and the minute they ended in, oldest first; none without any."""
    calls_by_hour: Mapping[str, AnswersInHour]
    """By the hour, `00` to `23`, at which the callee's clocks stood when they were placed."""
    newest_calls: Sequence[CallRecord]
    """Live ones first, then those that ended last."""


class DiagnosticsStore(Protocol):
    """Facts about one batch; each query is quick, whatever the size of the batch."""

    async def standings(self, batch_id: BatchId) -> Mapping[ContactStatus, StatusShare]:
        """Return the contacts by status, without the statuses of no contact."""

    async def longest_pending(self, batch_id: BatchId, limit: int) -> Sequence[ContactId]:
        """Return the pending contacts that have been unchanged the longest, in this order."""

    async def withheld(
        self, batch_id: BatchId, caps: CapsAt, limit: int, *, closed_zones: Collection[str | None] = ()
    ) -> Withheld | None:
        """Tell why none of the first `limit` pending contacts outside the closed zones can be called.

        None when one can be, or there is none. A contact with several reasons counts as capped first, then as
        busy; a number that another organization calls counts as free.
        """

    async def live_in_campaign(self, campaign_id: CampaignId) -> int:
        """Return how many contacts of all batches of a campaign are live."""

    async def webhook_silence(self, batch_id: BatchId, before: datetime, endings: int) -> WebhookSilence:
        """Return which webhooks arrived, and which are missing of calls dialled before an instant.

        Of the ended calls, the newest `endings` count that a webhook or a poll ended.
        """

    async def recent_attempts(self, batch_id: BatchId, limit: int) -> RecentAttempts:
        """Return how the newest `limit` attempts ended; those given up before a call do not count."""

    async def activity(
        self, batch_id: BatchId, timezone: str, since: datetime, *, newest: int, judged: int
    ) -> BatchActivity:
        """Return the minutes since an instant, so many newest calls, and the hours of the `judged` newest.

        `timezone` is that of contacts without their own.
        """

    async def ended_calls(self, batch_id: BatchId, timezone: str) -> EndedCalls:
        """Return how all calls ended; `timezone` is that of contacts without their own."""


@dataclass(frozen=True, kw_only=True)
class WorkflowDescription:
    """Temporal's description of a batch's workflow."""

    workflow_id: str
    status: str
    """`running`, how it closed, or `missing`."""
    run_id: str | None = None
    history_length: int | None = None
    """Events of the newest run."""
    pending_failure: str | None = None
    """Why its workflow task keeps failing: a kind of error, and a line without phone numbers."""


class EngineDiagnostics(Protocol):
    """Temporal's part of a diagnosis. Raises EngineUnavailable."""

    async def tally(self, batch_id: BatchId) -> BatchTally | None:
        """Query the running workflow's counters; None when no worker answers within a second."""

    async def describe_batch(self, batch_id: BatchId) -> WorkflowDescription:
        """Describe the batch's workflow; asks the server alone, so it needs no worker."""

    async def dispatcher(self, batch_id: BatchId) -> Mapping[str, object] | None:
        """Query the state of the workflow; None when no worker answers within a second."""
