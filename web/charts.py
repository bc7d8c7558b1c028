"""Numbers as shapes: what the templates draw as SVG, in units of the drawing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from web.api_client import JsonObject
from web.pages import parsed

STATUSES = (
    "completed",
    "in_flight",
    "dispatched",
    "retrying",
    "followup_scheduled",
    "pending",
    "busy",
    "no_answer",
    "failed",
    "max_retries_reached",
    "skipped",
)
"""In the order of a progress bar: reached, under way, waiting, not reached."""
OUTCOMES = ("completed", "busy", "no_answer", "failed", "unknown")
WIDTH = 1000.0
HEIGHT = 100.0
SPANS = (15, 30, 60)
"""Minutes that a plot may show; the API tells those of an hour."""


@dataclass(frozen=True)
class Piece:
    """One piece of a bar."""

    name: str
    count: int
    x: float
    width: float
    share: float


@dataclass
class Minute:
    """The calls that ended within a minute."""

    begins_at: datetime
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Column:
    """A part of a column, by its outcome."""

    name: str
    x: float
    y: float
    width: float
    height: float
    title: str


def share_bar(counters: Mapping[str, int]) -> list[Piece]:
    """Return a bar of all contacts by status; statuses without any are left out."""
    whole = sum(counters.get(name, 0) for name in STATUSES)
    pieces: list[Piece] = []
    x = 0.0
    for name in STATUSES:
        if number := counters.get(name, 0):
            width = WIDTH * number / whole
            pieces.append(Piece(name, number, round(x, 2), round(width, 2), number / whole))
            x += width
    return pieces


def calls_by_minute(now: datetime, *told: Sequence[JsonObject]) -> list[Minute]:
    """Add up what several batches tell of their last hour.

    The minutes between and up to now are there too, and so many before that the plot has one of its spans.
    """
    found: dict[datetime, Minute] = {}
    for row in (each for batch in told for each in batch):
        begins_at = parsed(row["minute"])
        if begins_at is not None:
            minute = found.setdefault(begins_at, Minute(begins_at))
            for name in OUTCOMES:
                minute.counts[name] += row.get(name, 0)
    if not found:
        return []
    oldest, newest, this = min(found), max(found), now.replace(second=0, microsecond=0)
    last = this if newest < this < newest + timedelta(minutes=SPANS[-1]) else newest
    span = next((each for each in SPANS if last - timedelta(minutes=each) < oldest), SPANS[-1])
    shown = (last - timedelta(minutes=back) for back in range(span - 1, -1, -1))
    return [found.get(each) or Minute(each) for each in shown]


def top(minutes: Sequence[Minute]) -> int:
    """Return the number at the top of a plot: even, so that the one at half its height is whole."""
    highest = max((each.total for each in minutes), default=0)
    return highest + highest % 2


def columns(minutes: Sequence[Minute]) -> list[Column]:
    """Return the stacked columns of a plot of calls per minute."""
    highest = top(minutes)
    if not highest:
        return []
    width = WIDTH / len(minutes)
    drawn: list[Column] = []
    for place, minute in enumerate(minutes):
        y = HEIGHT
        for name in OUTCOMES:
            if number := minute.counts[name]:
                height = HEIGHT * number / highest
                y -= height
                title = f"{minute.begins_at:%H:%M} UTC: {number} {name.replace('_', ' ')}"
                drawn.append(
                    Column(
                        name,
                        round(place * width, 2),
                        round(y, 2),
                        round(width * 0.82, 2),
                        round(height, 2),
                        title,
                    )
                )
    return drawn


def per_minute(minutes: Sequence[Minute], now: datetime, *, over: int = 5) -> float | None:
    """Return how many calls ended a minute, over the last whole minutes; None while none has passed.

    The minute of the first call is no whole one.
    """
    this = now.replace(second=0, microsecond=0)
    first = next((each.begins_at for each in minutes if each.total), this)
    since = max(this - timedelta(minutes=over), first + timedelta(minutes=1))
    if since >= this:
        return None
    counted = sum(each.total for each in minutes if since <= each.begins_at < this)
    return counted / ((this - since) / timedelta(minutes=1))
