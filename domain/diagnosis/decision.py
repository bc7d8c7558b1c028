"""Why a batch is not dialling: the facts in, one code and one next step out.

The codes, their conditions and their order are those of docs/contract.md, section 9.9.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.batch import TERMINAL_BATCH, BatchStatus
from domain.diagnosis.facts import BatchFacts, Diagnosis, QueueRole, WarningCode, is_full, nobody_answers
from domain.diagnosis.tips import tip

POLL_SILENCE = timedelta(seconds=90)
"""A queue nobody polled for so long has no worker; a waiting worker polls again within 60 s."""
WEBHOOK_SILENCE = timedelta(seconds=120)
STUCK_AFTER = timedelta(minutes=30)
RECENT_ATTEMPTS = 20
"""Newest ended attempts that tell whether the provider fails."""
FEWEST_ATTEMPTS = 5
"""With fewer ended attempts the share of failures means nothing."""
RECENT_ENDINGS = 5
"""Newest ended calls that tell whether webhooks arrive: so many in a row are not lost by chance."""


@dataclass(frozen=True)
class DiagnosisWarning:
    """Another code that holds of a batch, with its tip."""

    code: Diagnosis | WarningCode
    tip: str


@dataclass(frozen=True)
class Finding:
    """A diagnosis and the next thing to do."""

    diagnosis: Diagnosis
    tip: str
    stuck_pending: bool
    warnings: Sequence[DiagnosisWarning]
    """Every other code that holds, in the order of the diagnoses."""


def diagnose(facts: BatchFacts, now: datetime) -> Finding:
    """Return the first diagnosis whose condition holds, and what else holds."""
    diagnosis, *others = [code for code, holds in _CONDITIONS if holds(facts, now)]
    codes: list[Diagnosis | WarningCode] = [code for code in others if code not in _ONLY_ALONE]
    if facts.counter_differences:
        codes.append(WarningCode.COUNTERS_DIFFER)
    if facts.zones_apart and facts.status not in TERMINAL_BATCH:
        codes.append(WarningCode.NO_COMMON_WINDOW)
    return Finding(
        diagnosis,
        tip(diagnosis, facts),
        stuck_pending=is_stuck(facts, now),
        warnings=tuple(DiagnosisWarning(code, tip(code, facts)) for code in codes),
    )


def is_stuck(facts: BatchFacts, now: datetime) -> bool:
    """Tell whether contacts wait although nothing that is known keeps them waiting.

    Whatever keeps them waiting explains nothing while nobody is there who would see it end.
    """
    changes = (facts.oldest_pending_at, facts.last_change_at)
    nobody_works = any(silent_queues(facts, role, now) for role in QueueRole)
    may_be_called = facts.window.is_open and not is_full(facts) and facts.withheld is None
    return (
        facts.pending > 0
        and facts.status is BatchStatus.IN_PROGRESS
        and (nobody_works or may_be_called)
        and all(at is not None and now - at > STUCK_AFTER for at in changes)
    )


def silent_queues(facts: BatchFacts, role: QueueRole, now: datetime) -> Sequence[str]:
    """Return the queues of a role that nobody polls."""
    return [
        queue.name
        for queue in facts.queues
        if queue.role is role and (queue.last_seen is None or now - queue.last_seen > POLL_SILENCE)
    ]


def _workflow_is_missing(facts: BatchFacts, _now: datetime) -> bool:
    return facts.workflow.is_gone and facts.status not in TERMINAL_BATCH


def _webhooks_are_missing(facts: BatchFacts, now: datetime) -> bool:
    last = facts.last_webhook_at
    is_silent = last is None or now - last > WEBHOOK_SILENCE
    if facts.live_without_webhook > 0 and is_silent:
        return True
    # Silent calls are settled by polls, long before the silence is conspicuous.
    is_telling = facts.recent_endings >= (1 if last is None else RECENT_ENDINGS)
    return is_telling and facts.polled_endings == facts.recent_endings


def _provider_fails(facts: BatchFacts, _now: datetime) -> bool:
    is_telling = facts.recent_attempts >= FEWEST_ATTEMPTS
    return facts.route_is_open or (is_telling and facts.recent_failures * 2 >= facts.recent_attempts)


_Condition = Callable[[BatchFacts, datetime], bool]

_CONDITIONS: Sequence[tuple[Diagnosis, _Condition]] = (
    (Diagnosis.COMPLETED, lambda facts, _: facts.status is BatchStatus.COMPLETED),
    (Diagnosis.CANCELLED, lambda facts, _: facts.status is BatchStatus.CANCELLED),
    (Diagnosis.EXPIRED, lambda facts, _: facts.status is BatchStatus.EXPIRED),
    (Diagnosis.TEMPORAL_DOWN, lambda facts, _: not facts.temporal_ok),
    (Diagnosis.PAUSED, lambda facts, _: facts.status is BatchStatus.PAUSED),
    (Diagnosis.SCHEDULED, lambda facts, _: facts.status is BatchStatus.PENDING),
    (Diagnosis.WORKFLOW_MISSING, _workflow_is_missing),
    (Diagnosis.WORKER_DOWN, lambda facts, now: bool(silent_queues(facts, QueueRole.WORKFLOW, now))),
    (Diagnosis.WORKFLOW_FAILING, lambda facts, _: facts.workflow.pending_failure is not None),
    (Diagnosis.DIAL_WORKER_DOWN, lambda facts, now: bool(silent_queues(facts, QueueRole.DIAL, now))),
    (Diagnosis.WEBHOOKS_MISSING, _webhooks_are_missing),
    (Diagnosis.PROVIDER_FAILING, _provider_fails),
    (
        Diagnosis.OUTSIDE_WORKING_HOURS,
        lambda facts, _: facts.live == 0 and facts.waiting > 0 and not facts.window.is_open,
    ),
    (Diagnosis.WAITING_FOR_CAPACITY, lambda facts, _: facts.pending > 0 and is_full(facts)),
    (Diagnosis.STALLED, is_stuck),
    (Diagnosis.HIGH_NO_ANSWER, lambda facts, _: nobody_answers(facts)),
    (Diagnosis.HEALTHY, lambda _facts, _now: True),
)

_ONLY_ALONE = frozenset({Diagnosis.STALLED, Diagnosis.HEALTHY})
"""Said only when none of those before them holds."""
