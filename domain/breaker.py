"""The circuit breaker of dialling: opens while a provider keeps failing, and probes for its recovery.

A value: `now` is passed in, and every function returns the breaker after it.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.identity import ExecutionId

ERRORS_THAT_OPEN = 5
"""Consecutive errors that open the breaker."""
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(seconds=60)
PROBE_LIMIT = timedelta(seconds=60)
"""A probe without a result is replaced after this time, which is longer than a dial may take."""


class BreakerState(StrEnum):
    """Whether dials may pass."""

    CLOSED = "closed"
    """Calls flow."""
    OPEN = "open"
    """No dial passes until the next probe."""
    HALF_OPEN = "half_open"
    """One dial at a time probes whether the provider works again."""


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """The breaker of one provider. All instants are aware."""

    state: BreakerState = BreakerState.CLOSED
    errors: int = 0
    """Consecutive errors, 0 while dials succeed."""
    row: tuple[ExecutionId | None, ...] = ()
    """The newest consecutive errors, oldest first, at most `ERRORS_THAT_OPEN`.

    The attempt where the dial may have placed a call, None for any other error.
    """
    opened_at: datetime | None = None
    """When it opened, None while closed."""
    pause: timedelta = timedelta()
    """The present pause; each is twice as long as the one before."""
    probe_at: datetime | None = None
    """When the pause is over, None while closed."""
    probing_since: datetime | None = None
    """When the present probe passed, None without one."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """The breaker's answer to one dial."""

    breaker: Breaker
    stay_away: timedelta = timedelta()
    """Zero when the dial may pass."""
    is_probe: bool = False
    """The dial probes whether the provider works again."""


def admit(breaker: Breaker, now: datetime) -> Admission:
    """Let a dial pass, perhaps as the probe, or return how long it must stay away."""
    if breaker.probe_at is None:
        return Admission(breaker=breaker)
    if now < breaker.probe_at:
        return Admission(breaker=breaker, stay_away=breaker.probe_at - now)
    if breaker.probing_since is not None and now < breaker.probing_since + PROBE_LIMIT:
        rest = breaker.probing_since + PROBE_LIMIT - now
        return Admission(breaker=breaker, stay_away=min(rest, FIRST_PAUSE))
    probing = replace(breaker, state=BreakerState.HALF_OPEN, probing_since=now)
    return Admission(breaker=probing, is_probe=True)


def succeeded() -> Breaker:
    """Return the breaker after a dial that the provider accepted or refused: the provider works."""
    return Breaker()


def failed(
    breaker: Breaker,
    now: datetime,
    *,
    at_once: bool = False,
    is_probe: bool = False,
    unclear: ExecutionId | None = None,
) -> Breaker:
    """Return the breaker after an error; `at_once` opens it with this one error.

    While it is open only the probe's error counts: the other dials had passed before.
    `unclear` is the attempt of a dial that may have placed a call.
    """
    is_closed = breaker.state is BreakerState.CLOSED
    if not is_closed and not is_probe:
        return breaker
    errors = breaker.errors + 1
    row = (*breaker.row, unclear)[-ERRORS_THAT_OPEN:] if is_closed and not at_once else (unclear,)
    if is_closed and errors < ERRORS_THAT_OPEN and not at_once:
        return replace(breaker, errors=errors, row=row)
    pause = min(max(breaker.pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
    return Breaker(
        state=BreakerState.OPEN,
        errors=errors,
        row=row,
        opened_at=breaker.opened_at or now,
        pause=pause,
        probe_at=now + pause,
    )


def unclear_dials(breaker: Breaker) -> tuple[ExecutionId, ...]:
    """Return the attempts among the errors that may have placed calls."""
    return tuple(attempt for attempt in breaker.row if attempt is not None)


def cleared(breaker: Breaker, calls: Collection[ExecutionId]) -> Breaker:
    """Return the breaker once unclear dials are known to have placed `calls`.

    They were no errors, and like every placed call they end the series of errors before them.
    """
    known = [place for place, attempt in enumerate(breaker.row) if attempt in calls]
    if not known:
        return breaker
    rest = breaker.row[known[-1] + 1 :]
    return Breaker(errors=len(rest), row=rest)


def undecided(breaker: Breaker) -> Breaker:
    """Return the breaker after a probe without a result: the next dial probes instead."""
    return replace(breaker, probing_since=None)
