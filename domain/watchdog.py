"""When to ask the provider about a call that went silent, and when to stop asking.

A live call is a lease: it lasts while the phone may ring, and from the answer while the call may last.
An ending whose webhook was lost is found by asking: within `MAX_SILENCE_GROWTH` silences of the real end, or
`LONGEST_PAUSE` where that is shorter; of the provider's return, when it could not be asked before.
Once no call can be alive any more the attempt ends without an answer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

RING_GRACE = timedelta(seconds=30)
"""A provider may be late to cut a phone that rings too long."""
CALL_GRACE = timedelta(seconds=60)
"""A provider may be late to cut a call that lasts too long."""
AMBIGUOUS_LOOKS = tuple(timedelta(seconds=seconds) for seconds in (2, 5, 15, 40))
"""Looks after a dial whose answer never came; a call that was placed shows up within them."""
LOOKS_THAT_PROVE = 2
"""Where *not found* is proof, the second look is for a dial that was still under way at the first."""
MAX_SILENCE_GROWTH = 8
"""Each look that finds a live call doubles the pause before the next one, up to so many silences."""
LONGEST_PAUSE = timedelta(minutes=20)
"""However long a silence is: a provider may forget an ended call an hour later; three looks fall into it."""


@dataclass(frozen=True, kw_only=True)
class CallTiming:
    """The limits a call is held to."""

    ring_limit: timedelta
    max_call: timedelta
    """From the answer on."""
    silence: timedelta
    """Without news for so long, the provider is asked."""
    lookup_is_proof: bool
    """Whether *not found* at the provider proves that there is no such call."""


@dataclass(frozen=True, kw_only=True)
class CallWatch:
    """What is known of a live call. All instants are aware."""

    asked_at: datetime
    """When the provider was asked to dial."""
    heard_at: datetime | None = None
    """The newest word of the call, from the provider or about it."""
    answered_at: datetime | None = None
    looked_at: datetime | None = None
    """The newest look."""
    looks: int = 0
    """Looks since the newest word, or since the dial."""


@dataclass(frozen=True)
class Look:
    """Ask the provider at `at`; with `conclude`, silence then is the last word."""

    at: datetime
    conclude: bool


def next_look(watch: CallWatch, timing: CallTiming) -> Look:
    """Return when to ask the provider next: within `LONGEST_PAUSE`, and never at once after an empty look."""
    lease_ends_at = _lease_ends_at(watch, timing)
    last = max((at for at in (watch.heard_at, watch.looked_at) if at is not None), default=None)
    pause = min(timing.silence * min(1 << watch.looks, MAX_SILENCE_GROWTH), LONGEST_PAUSE)
    if last is not None and last >= lease_ends_at:
        return Look(last + pause, conclude=True)
    due = watch.heard_at and last and last + pause
    if watch.heard_at is None and watch.looks < len(AMBIGUOUS_LOOKS):
        due = watch.asked_at + AMBIGUOUS_LOOKS[watch.looks]
    if due is None or due >= lease_ends_at:
        return Look(lease_ends_at, conclude=True)
    return Look(due, conclude=timing.lookup_is_proof and watch.looks + 1 >= LOOKS_THAT_PROVE)


def must_end_by(watch: CallWatch, timing: CallTiming) -> datetime:
    """Return the instant after which no call of this attempt can still be alive."""
    return watch.asked_at + timing.ring_limit + RING_GRACE + timing.max_call + CALL_GRACE


def _lease_ends_at(watch: CallWatch, timing: CallTiming) -> datetime:
    if watch.answered_at is not None:
        return watch.answered_at + timing.max_call + CALL_GRACE
    return watch.asked_at + timing.ring_limit + RING_GRACE
