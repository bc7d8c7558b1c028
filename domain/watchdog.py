"""When to poll the provider for the status of a silent call, and when to stop.

A live call is a lease: it lasts while the phone may ring, and from the answer while the call may last.
An ending whose webhook was lost is found by a poll: within `MAX_SILENCE_GROWTH` silences of the real end, or
`LONGEST_PAUSE` where that is shorter; after an outage of the provider, counted from its return.
Once no call can be alive any more, the attempt ends without an answer.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

RING_GRACE = timedelta(seconds=30)
"""A provider may be late to cut a phone that rings too long."""
CALL_GRACE = timedelta(seconds=60)
"""A provider may be late to cut a call that lasts too long."""
AMBIGUOUS_POLLS = tuple(timedelta(seconds=seconds) for seconds in (2, 5, 15, 40))
"""Polls after an ambiguous dial; a call that was placed shows up within them."""
POLLS_THAT_PROVE = 2
"""Where *not found* is proof, the second poll is for a dial that was still under way at the first."""
MAX_SILENCE_GROWTH = 8
"""Each poll that finds a live call doubles the pause before the next, up to so many silences."""
LONGEST_PAUSE = timedelta(minutes=20)
"""A provider may forget an ended call after an hour: three polls fall into it."""


@dataclass(frozen=True, kw_only=True)
class CallTiming:
    """The limits a call is held to."""

    ring_limit: timedelta
    max_call: timedelta
    """From the answer on."""
    silence: timedelta
    """Without an event for so long, the provider is polled."""
    lookup_is_proof: bool
    """Whether *not found* at the provider proves that there is no call."""


OVER = CallTiming(ring_limit=timedelta(), max_call=timedelta(), silence=timedelta(), lookup_is_proof=False)
"""Of a call that has ended: nobody asks about it any more."""


@dataclass(frozen=True, kw_only=True)
class CallWatch:
    """What is known of a live call. All instants are aware."""

    asked_at: datetime
    """When the provider was asked to dial."""
    heard_at: datetime | None = None
    """The newest event or poll with news of the call."""
    answered_at: datetime | None = None
    polled_at: datetime | None = None
    """The newest poll."""
    polls: int = 0
    """Polls since the newest news, or since the dial."""


@dataclass(frozen=True)
class StatusPoll:
    """Poll at `at`; with `conclude`, a poll without news ends the attempt."""

    at: datetime
    conclude: bool


def next_poll(watch: CallWatch, timing: CallTiming) -> StatusPoll:
    """Return the next poll: within `LONGEST_PAUSE`, and never at once after a poll without news."""
    lease_ends_at = _lease_ends_at(watch, timing)
    last = max((at for at in (watch.heard_at, watch.polled_at) if at is not None), default=None)
    pause = min(timing.silence * min(1 << watch.polls, MAX_SILENCE_GROWTH), LONGEST_PAUSE)
    if last is not None and last >= lease_ends_at:
        return StatusPoll(last + pause, conclude=True)
    due = watch.heard_at and last and last + pause
    if watch.heard_at is None and watch.polls < len(AMBIGUOUS_POLLS):
        due = watch.asked_at + AMBIGUOUS_POLLS[watch.polls]
    if due is None or due >= lease_ends_at:
        return StatusPoll(lease_ends_at, conclude=True)
    return StatusPoll(due, conclude=timing.lookup_is_proof and watch.polls + 1 >= POLLS_THAT_PROVE)


def watched_until(now: datetime, watch: CallWatch, timing: CallTiming) -> tuple[CallWatch, StatusPoll | None]:
    """Return the watch after every poll that has fallen due by now, and the latest of these polls."""
    due: StatusPoll | None = None
    while (poll := next_poll(watch, timing)).at <= now:
        watch, due = replace(watch, polled_at=poll.at, polls=watch.polls + 1), poll
    return watch, due


def must_end_by(watch: CallWatch, timing: CallTiming) -> datetime:
    """Return the instant after which no call of this attempt can still be alive."""
    return watch.asked_at + timing.ring_limit + RING_GRACE + timing.max_call + CALL_GRACE


def quiet_after_unknown(ring_limit: timedelta, max_call: timedelta) -> timedelta:
    """Return how long a call that nobody can account for may still ring or talk."""
    return ring_limit + max_call + CALL_GRACE


def _lease_ends_at(watch: CallWatch, timing: CallTiming) -> datetime:
    if watch.answered_at is not None:
        return watch.answered_at + timing.max_call + CALL_GRACE
    return watch.asked_at + timing.ring_limit + RING_GRACE
