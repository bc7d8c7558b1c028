"""Why a batch is not dialling: the facts in, one code and one next step out.

The codes, their conditions and their order are those of the public contract, section 9.9.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.batch import BatchStatus
from domain.diagnosis import BatchFacts, Diagnosis, QueueRole
from domain.tips import tip

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


@dataclass(frozen=True)
class Finding:
    """A diagnosis and the next thing to do."""

    diagnosis: Diagnosis
    tip: str
    stuck_pending: bool


def diagnose(facts: BatchFacts, now: datetime) -> Finding:
    """Return the first diagnosis whose condition holds."""
    diagnosis = next(code for code, holds in _CONDITIONS if holds(facts, now))
    return Finding(diagnosis, tip(diagnosis, facts), stuck_pending=is_stuck(facts, now))


def is_stuck(facts: BatchFacts, now: datetime) -> bool:
    """Tell whether contacts wait although nothing that is known keeps them waiting."""
    changes = (facts.oldest_pending_at, facts.last_change_at)
    return (
        facts.pending > 0
        and facts.status is BatchStatus.IN_PROGRESS
        and facts.window.is_open
        and not _is_full(facts)
        and facts.withheld is None
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
