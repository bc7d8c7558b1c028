"""Why a batch is not dialling: the facts in, one code and one next step out.

The codes, their conditions and their order are those of the public contract, section 9.9.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from domain.batch import BatchStatus, PausedBy
from domain.identity import BatchId, CampaignId
from domain.working_hours import OpenWindow

POLL_SILENCE = timedelta(seconds=90)
"""A queue nobody polled for so long has no worker; a waiting worker polls again within 60 s."""
WEBHOOK_SILENCE = timedelta(seconds=120)
STUCK_AFTER = timedelta(minutes=30)
RECENT_ATTEMPTS = 20
"""Newest ended attempts that tell whether the provider fails."""
FEWEST_ATTEMPTS = 5
"""Below this number of ended attempts nothing is said of the provider."""
FEWEST_CALLS = 20
"""Below this number of ended calls nothing is said of answers."""
NO_ANSWER_SHARE = 0.7
RUNNING, UNKNOWN = "running", "unknown"
"""Statuses of a workflow that are no reason to start it anew."""


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


class QueueRole(StrEnum):
    """What the workers of a task queue do."""

    WORKFLOW = "workflow"
    """Run the stories, and the database work they ask for."""
    DIAL = "dial"
    """Speak to the provider."""


@dataclass(frozen=True, kw_only=True)
class QueueFacts:
    """Who serves a task queue."""

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
        """Tell whether certainly nobody runs the batch."""
        return self.status not in (RUNNING, UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class BatchFacts:
    """Everything a diagnosis looks at, read at about the same time. All instants are aware."""

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
    """Dispatched for over two minutes without an event."""
    last_webhook_at: datetime | None = None
    recent_attempts: int = 0
    recent_failures: int = 0
    route_is_open: bool = False
    """Dialling pauses because the provider keeps failing."""
    window: OpenWindow = field(default_factory=lambda: OpenWindow(True, None, None))
    limit: int = 1
    campaign_limit: int | None = None
    campaign_live: int = 0
    ended_calls: int = 0
    no_answers: int = 0


@dataclass(frozen=True)
class Finding:
    """A diagnosis and the next thing to do."""

    diagnosis: Diagnosis
    tip: str
    stuck_pending: bool


def diagnose(facts: BatchFacts, now: datetime) -> Finding:
    """Return the first diagnosis whose condition holds."""
    diagnosis = next(code for code, holds in _CONDITIONS if holds(facts, now))
    return Finding(diagnosis, _TIPS[diagnosis](facts), stuck_pending=is_stuck(facts, now))


def is_stuck(facts: BatchFacts, now: datetime) -> bool:
    """Tell whether contacts wait although nothing that is known keeps them waiting."""
    changes = (facts.oldest_pending_at, facts.last_change_at)
    return (
        facts.pending > 0
        and facts.status is BatchStatus.IN_PROGRESS
        and facts.window.is_open
        and not _is_full(facts)
        and all(at is not None and now - at > STUCK_AFTER for at in changes)
    )


def silent_queues(facts: BatchFacts, role: QueueRole, now: datetime) -> Sequence[str]:
    """Return the queues of a role that nobody polls."""
    return [
        queue.name
        for queue in facts.queues
        if queue.role is role and (queue.last_seen is None or now - queue.last_seen > POLL_SILENCE)
    ]


def _is_full(facts: BatchFacts) -> bool:
    campaign_is_full = facts.campaign_limit is not None and facts.campaign_live >= facts.campaign_limit
    return facts.live >= facts.limit or campaign_is_full


def _webhooks_are_missing(facts: BatchFacts, now: datetime) -> bool:
    is_silent = facts.last_webhook_at is None or now - facts.last_webhook_at > WEBHOOK_SILENCE
    return facts.dispatched_without_webhook > 0 and is_silent


def _provider_fails(facts: BatchFacts, _now: datetime) -> bool:
    is_telling = facts.recent_attempts >= FEWEST_ATTEMPTS
    return facts.route_is_open or (is_telling and facts.recent_failures * 2 >= facts.recent_attempts)


def _nobody_answers(facts: BatchFacts, _now: datetime) -> bool:
    return facts.ended_calls >= FEWEST_CALLS and facts.no_answers >= NO_ANSWER_SHARE * facts.ended_calls


_Condition = Callable[[BatchFacts, datetime], bool]

_CONDITIONS: Sequence[tuple[Diagnosis, _Condition]] = (
    (Diagnosis.COMPLETED, lambda facts, _: facts.status is BatchStatus.COMPLETED),
    (Diagnosis.CANCELLED, lambda facts, _: facts.status is BatchStatus.CANCELLED),
    (Diagnosis.EXPIRED, lambda facts, _: facts.status is BatchStatus.EXPIRED),
    (Diagnosis.TEMPORAL_DOWN, lambda facts, _: not facts.temporal_ok),
    (Diagnosis.PAUSED, lambda facts, _: facts.status is BatchStatus.PAUSED),
    (Diagnosis.SCHEDULED, lambda facts, _: facts.status is BatchStatus.PENDING),
    (Diagnosis.WORKFLOW_MISSING, lambda facts, _: facts.workflow.is_gone),
    (Diagnosis.WORKER_DOWN, lambda facts, now: bool(silent_queues(facts, QueueRole.WORKFLOW, now))),
    (Diagnosis.WORKFLOW_FAILING, lambda facts, _: facts.workflow.pending_failure is not None),
    (Diagnosis.DIAL_WORKER_DOWN, lambda facts, now: bool(silent_queues(facts, QueueRole.DIAL, now))),
    (Diagnosis.WEBHOOKS_MISSING, _webhooks_are_missing),
    (Diagnosis.PROVIDER_FAILING, _provider_fails),
    (
        Diagnosis.OUTSIDE_WORKING_HOURS,
        lambda facts, _: facts.live == 0 and facts.waiting > 0 and not facts.window.is_open,
    ),
    (Diagnosis.WAITING_FOR_CAPACITY, lambda facts, _: facts.pending > 0 and _is_full(facts)),
    (Diagnosis.STALLED, is_stuck),
    (Diagnosis.HIGH_NO_ANSWER, _nobody_answers),
    (Diagnosis.HEALTHY, lambda _facts, _now: True),
)


def _wait(facts: BatchFacts) -> str:
    since = f" since {_clock(facts.oldest_pending_at)}" if facts.oldest_pending_at else ""
    return f"{facts.pending} contacts have waited{since}." if facts.pending else "No contact is pending."


def _then_dispatch(facts: BatchFacts) -> str:
    return f"POST /api/v1/batches/{facts.batch_id}/dispatch"


def _resume_first(facts: BatchFacts) -> str:
    if facts.paused_by is PausedBy.CAMPAIGN:
        return (
            "The campaign is paused: resume the campaign with"
            f" POST /api/v1/campaigns/{facts.campaign_id}/resume."
        )
    return f"The batch is paused: resume it with POST /api/v1/batches/{facts.batch_id}/resume."


def _scheduled(facts: BatchFacts) -> str:
    at = f"at {_clock(facts.scheduled_start)}" if facts.scheduled_start else "as soon as a worker takes it"
    return f"Starts {at}; {_then_dispatch(facts)}?now=true starts it at once."


def _closed(facts: BatchFacts) -> str:
    if facts.window.opens_at is None:
        return "The window never opens again: change the working hours or the blackout dates."
    return f"Outside working hours: opens at {_clock(facts.window.opens_at)}."


def _full(facts: BatchFacts) -> str:
    if facts.live >= facts.limit:
        return f"All {facts.limit} slots of the batch are in use: wait, or raise concurrency_limit."
    return (
        f"All {facts.campaign_limit} slots of the campaign are in use: wait, or raise the campaign's"
        " metadata.concurrency_limit."
    )


def _nothing_left(facts: BatchFacts) -> str:
    return f"The batch is {facts.status}: nothing is left to do."


_TIPS: dict[Diagnosis, Callable[[BatchFacts], str]] = {
    Diagnosis.COMPLETED: _nothing_left,
    Diagnosis.CANCELLED: _nothing_left,
    Diagnosis.EXPIRED: _nothing_left,
    Diagnosis.TEMPORAL_DOWN: lambda _: (
        "Temporal does not answer: restore it. Nothing is lost; calling goes on by itself afterwards."
    ),
    Diagnosis.PAUSED: _resume_first,
    Diagnosis.SCHEDULED: _scheduled,
    Diagnosis.WORKFLOW_MISSING: lambda facts: (
        f"The batch has no running workflow: {_then_dispatch(facts)} restores it; nobody is called twice."
    ),
    Diagnosis.WORKER_DOWN: lambda facts: (
        f"No worker is running: {_wait(facts)} Start the worker, then {_then_dispatch(facts)}."
    ),
    Diagnosis.WORKFLOW_FAILING: lambda facts: (
        f"The workflow's task fails again and again ({facts.workflow.pending_failure}):"
        " fix the worker or roll it back."
    ),
    Diagnosis.DIAL_WORKER_DOWN: lambda facts: (
        f"No dial worker is running: {_wait(facts)} Start it: python worker.py --role dial."
    ),
    Diagnosis.WEBHOOKS_MISSING: lambda facts: (
        f"{facts.dispatched_without_webhook} calls were placed and nothing is heard of them: check"
        " APOLLO_WEBHOOK_URL at the provider and the way back to /webhooks/call-status."
    ),
    Diagnosis.PROVIDER_FAILING: lambda facts: (
        "Dialling pauses because the provider keeps failing, and goes on by itself: check the provider."
        if facts.route_is_open
        else f"{facts.recent_failures} of the last {facts.recent_attempts} calls failed: check the provider."
    ),
    Diagnosis.OUTSIDE_WORKING_HOURS: _closed,
    Diagnosis.WAITING_FOR_CAPACITY: _full,
    Diagnosis.STALLED: lambda facts: (
        f"{_wait(facts)} {_then_dispatch(facts)}; then look up pending_sample in the worker's log."
    ),
    Diagnosis.HIGH_NO_ANSWER: lambda facts: (
        f"{facts.no_answers} of {facts.ended_calls} calls were not answered:"
        " look at hours, prefixes and concurrency."
    ),
    Diagnosis.HEALTHY: lambda _: "Calls are going out as they should.",
}


def _clock(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M UTC")
