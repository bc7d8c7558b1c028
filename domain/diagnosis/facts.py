"""The facts behind a diagnosis, and its codes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from domain.batch import BatchStatus, PausedBy
from domain.counters import CounterDifference
from domain.identity import BatchId, CampaignId
from domain.working_hours import OpenWindow

RUNNING, UNKNOWN = "running", "unknown"
"""Statuses of a workflow that are no reason to restart it."""


class Diagnosis(StrEnum):
    """What keeps a batch from dialling, or that nothing does; wire values of `diagnosis`."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    TEMPORAL_DOWN = "temporal_down"
    PAUSED = "paused"
    SCHEDULED = "scheduled"
    WORKFLOW_MISSING = "workflow_missing"
    WORKER_DOWN = "worker_down"
    WORKFLOW_FAILING = "workflow_failing"
    DIAL_WORKER_DOWN = "dial_worker_down"
    WEBHOOKS_MISSING = "webhooks_missing"
    PROVIDER_FAILING = "provider_failing"
    OUTSIDE_WORKING_HOURS = "outside_working_hours"
    WAITING_FOR_CAPACITY = "waiting_for_capacity"
    STALLED = "stalled"
    HIGH_NO_ANSWER = "high_no_answer"
    HEALTHY = "healthy"


class WarningCode(StrEnum):
    """A warning beside the diagnosis; wire values of its `code`."""

    COUNTERS_DIFFER = "counters_differ"
    """The workflow and the rows count differently."""
    NO_COMMON_WINDOW = "no_common_window"
    """Numbers may ring in several zones, whose windows do not meet within seven days."""


class QueueRole(StrEnum):
    """What the workers of a task queue do."""

    WORKFLOW = "workflow"
    """Runs workflows, and their database activities."""
    DIAL = "dial"
    """Sends requests to the provider."""


@dataclass(frozen=True, kw_only=True)
class QueueFacts:
    """The pollers of a task queue."""

    name: str
    role: QueueRole
    pollers: int
    """Seen within the last minutes; a worker that was killed stays listed for a while."""
    backlog: int
    last_seen: datetime | None
    """The newest poll, None when there was none for some five minutes."""


@dataclass(frozen=True, kw_only=True)
class WorkflowFacts:
    """How the batch's workflow stands."""

    status: str
    """`running`, `missing`, `unknown`, or how it closed."""
    pending_failure: str | None = None
    """Why its task fails again and again."""

    @property
    def is_gone(self) -> bool:
        """Tell whether certainly no workflow runs the batch."""
        return self.status not in (RUNNING, UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """Why no pending contact in an open window can be called now; each contact is counted once.

    All zero when it could not be read in time.
    """

    early: int = 0
    """Their `not_before` is still to come."""
    first_not_before: datetime | None = None
    """The earliest of these."""
    capped: int = 0
    capped_until: datetime | None = None
    """When the first frequency cap lets go."""
    presets: Sequence[str] = ()
    """Whose caps are among these, by name."""
    busy: int = 0
    """Their numbers are on the phone, called by this batch or another of the organization.

    A number that another organization calls counts as free.
    """
    suppressed: int = 0
    """Withheld by nothing else: they are skipped at their dial."""


@dataclass(frozen=True, kw_only=True)
class BatchFacts:
    """The facts of one batch, read at about the same time. All instants are aware."""

    batch_id: BatchId
    campaign_id: CampaignId
    status: BatchStatus
    paused_by: PausedBy | None = None
    scheduled_start: datetime | None = None
    temporal_ok: bool = True
    workflow: WorkflowFacts = field(default_factory=lambda: WorkflowFacts(status="running"))
    queues: Sequence[QueueFacts] = ()
    pending: int = 0
    waiting: int = 0
    """Pending contacts, and those that wait for a retry or a follow-up."""
    live: int = 0
    oldest_pending_at: datetime | None = None
    """The longest unchanged of the pending contacts."""
    last_change_at: datetime | None = None
    """The newest change of any contact."""
    dispatched_without_webhook: int = 0
    """Dispatched for over two minutes without a webhook."""
    live_without_webhook: int = 0
    """Those, and calls that were learnt by asking to ring or talk, two minutes after their dial."""
    last_webhook_at: datetime | None = None
    recent_endings: int = 0
    """Newest calls that a webhook or a poll ended, up to five."""
    polled_endings: int = 0
    """Those of them that no webhook reported."""
    recent_attempts: int = 0
    recent_failures: int = 0
    route_is_open: bool = False
    """Dialling pauses because the provider keeps failing."""
    route_reason: str | None = None
    """What the provider answered then."""
    window: OpenWindow = field(default_factory=lambda: OpenWindow(True, None, None))
    withheld: Withheld | None = None
    """None when no contact is pending, or one could be called now."""
    limit: int = 1
    campaign_limit: int | None = None
    campaign_live: int = 0
    ended_calls: int = 0
    no_answers: int = 0
    counter_differences: Collection[CounterDifference] = ()
    held_by: Sequence[str] = ()
    """Presets that are closed now for any pending contact."""
    is_kept_open: bool = False
    is_learning_zones: bool = False
    """The zones of some pending numbers are asked for and not learnt yet, so nobody calls these."""
    zones_apart: Sequence[str] = ()
    """The zones of some pending contact whose windows do not meet within `COMMON_WINDOW_WITHIN`."""


COMMON_WINDOW_WITHIN = timedelta(days=7)
FEWEST_CALLS = 20
"""With fewer ended calls the share of answers means nothing."""
NO_ANSWER_SHARE = 0.7


def is_full(facts: BatchFacts) -> bool:
    """Tell whether all slots of the batch or of its campaign are in use."""
    campaign_is_full = facts.campaign_limit is not None and facts.campaign_live >= facts.campaign_limit
    return facts.live >= facts.limit or campaign_is_full


def nobody_answers(facts: BatchFacts) -> bool:
    """Tell whether most of the batch's calls were not answered."""
    return facts.ended_calls >= FEWEST_CALLS and facts.no_answers >= NO_ANSWER_SHARE * facts.ended_calls
