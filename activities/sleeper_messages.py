"""What is asked about contacts that sleep: wake who was skipped, tell whose time has moved."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class StopStories:
    """Ask to wake the skipped contacts behind a position, so that their workflows end."""

    batch_id: str
    after_position: int
    limit: int


@dataclass(frozen=True)
class StoppedStories:
    """How far the stories were stopped; None when none is left."""

    next_position: int | None


@dataclass(frozen=True, kw_only=True)
class TellMoved:
    """Ask to tell the contacts behind a position that were moved at an instant or later."""

    batch_id: str
    since: datetime
    after_position: int
    limit: int


@dataclass(frozen=True, kw_only=True)
class ToldMoved:
    """Who was told."""

    next_position: int | None
    """Of the last one, None when nobody is left behind them."""
    ended: int
    """How many need no call any more."""
