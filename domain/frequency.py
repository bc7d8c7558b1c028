"""Caps on the calls to one number, over all campaigns of an organization."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Counted(StrEnum):
    """Which calls fill a cap; wire values of a preset's `counts`."""

    ATTEMPTS = "attempts"
    CONVERSATIONS = "conversations"
    """Answered by somebody not known to be a machine or fax; also calls whose ending nobody knows."""


MOST_CALLS = 100
"""Of a cap."""


@dataclass(frozen=True)
class FrequencyCap:
    """At most `max_calls` calls (1 to `MOST_CALLS`) to one number within any period of `window`."""

    max_calls: int
    window: timedelta
    counts: Counted = Counted.ATTEMPTS
    preset: str | None = None
    """Whose rule it is; None for a campaign's own."""


@dataclass(frozen=True)
class CapsAt:
    """The caps in force at one instant."""

    caps: tuple[FrequencyCap, ...]
    now: datetime


@dataclass(frozen=True)
class CountedCall:
    """A call that counts, as caps see it."""

    began_at: datetime
    is_conversation: bool = False


@dataclass(frozen=True)
class Capped:
    """The number was called as often as it may be."""

    until: datetime
    """When enough of the calls have left the windows of the caps."""
    presets: tuple[str, ...] = ()
    """Whose caps these are, by name, as far as they are no campaign's own."""


def capped_by(looked: CapsAt, calls: Sequence[CountedCall]) -> Capped | None:
    """Return what withholds a number, given its calls, newest first; None when no cap does now.

    A call counts for less than its cap's window: when that has passed to the instant, it no longer does.
    """
    return capped_where({cap: _free_at(cap, calls) for cap in looked.caps}, looked.now)


def capped_where(free_at: Mapping[FrequencyCap, datetime | None], now: datetime) -> Capped | None:
    """Return what follows from when each cap lets go, None where it is not full."""
    held = {cap: at for cap, at in free_at.items() if at is not None and at > now}
    if not held:
        return None
    return Capped(max(held.values()), tuple(dict.fromkeys(cap.preset for cap in held if cap.preset)))


def _free_at(cap: FrequencyCap, calls: Sequence[CountedCall]) -> datetime | None:
    begun = [each.began_at for each in calls if each.is_conversation or cap.counts is Counted.ATTEMPTS]
    return begun[cap.max_calls - 1] + cap.window if len(begun) >= cap.max_calls else None
