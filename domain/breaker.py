"""When dialling pauses because a provider keeps failing, and how it finds its way back.

A value without a clock: `now` is passed in, and every step returns the breaker after it.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.identity import ExecutionId

ERRORS_THAT_OPEN = 5
"""Errors in a row after which nobody is dialled for a while."""
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(seconds=60)
PROBE_LIMIT = timedelta(seconds=60)
"""A probe that has not told how it went makes room for another one; above the time a dial may take."""


class BreakerState(StrEnum):
    """Whether calls are handed to a route."""

    CLOSED = "closed"
    """Calls flow."""
    OPEN = "open"
    """Nobody is dialled until the next probe."""
    HALF_OPEN = "half_open"
    """One dial at a time finds out whether the provider works again."""


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """Where the breaker of one route stands. All instants are aware."""

    state: BreakerState = BreakerState.CLOSED
    errors: int = 0
    """Errors in a row, none while calls succeed."""
    row: tuple[ExecutionId | None, ...] = ()
    """The errors that led to where it stands, oldest first, at most `ERRORS_THAT_OPEN` of them.

    Of a dial that may have placed a call the attempt, of any other error None.
    """
    opened_at: datetime | None = None
    """When calls stopped flowing, None while closed."""
    pause: timedelta = timedelta()
    """The newest pause; each is twice as long as the one before."""
    probe_at: datetime | None = None
    """When the pause is over, None while closed."""
    probing_since: datetime | None = None
    """When the dial that probes was let through, None when there is none."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """What a dial is told that wants to pass."""

    breaker: Breaker
    stay_away: timedelta = timedelta()
    """Zero for whoever may pass."""
    is_probe: bool = False
    """It finds out for everybody whether the provider works again."""


def admit(breaker: Breaker, now: datetime) -> Admission:
    """Let a dial pass, let it pass as the probe, or say how long to stay away."""
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
    """Return the breaker after a dial the provider took or refused: it works."""
    return Breaker()


def failed(
    breaker: Breaker,
    now: datetime,
    *,
    at_once: bool = False,
    is_probe: bool = False,
    unclear: ExecutionId | None = None,
) -> Breaker:
    """Return the breaker after an error; `at_once` opens it without waiting for others.

    While it is open only the probe's error counts: the others were on their way before.
    `unclear` is the attempt of a dial that may have placed a call all the same.
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
    """Return the attempts among the errors that may have been calls."""
    return tuple(attempt for attempt in breaker.row if attempt is not None)


def cleared(breaker: Breaker, calls: Collection[ExecutionId]) -> Breaker:
    """Return the breaker once some unclear dials are known to have placed their `calls`.

    Those were no errors, and like every call they end the row of the errors before them.
    """
    known = [place for place, attempt in enumerate(breaker.row) if attempt in calls]
    if not known:
        return breaker
    rest = breaker.row[known[-1] + 1 :]
    return Breaker(errors=len(rest), row=rest)


def undecided(breaker: Breaker) -> Breaker:
    """Return the breaker after a probe that found nothing out: the next dial probes in its place."""
    return replace(breaker, probing_since=None)
