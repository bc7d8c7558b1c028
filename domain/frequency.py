"""Caps on the attempts at one number, over all campaigns of an organization."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class FrequencyCap:
    """At most `max_calls` attempts (1..100) at one number within any period of `window`."""

    max_calls: int
    window: timedelta


@dataclass(frozen=True)
class CapsAt:
    """The caps in force at one instant."""

    caps: tuple[FrequencyCap, ...]
    now: datetime


def capped_until(
    caps: Sequence[FrequencyCap], asked_at: Sequence[datetime], now: datetime
) -> datetime | None:
    """Return when the last cap lets a number be called again; None when no cap withholds it now.

    `asked_at` are the starts of the attempts that count, newest first. An attempt counts for less than its
    cap's window: when that has passed to the instant, it no longer does.
    """
    free_at = [asked_at[cap.max_calls - 1] + cap.window for cap in caps if len(asked_at) >= cap.max_calls]
    return max((at for at in free_at if at > now), default=None)
