"""What is asked about contacts that sleep and were skipped: wake them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class StopContacts:
    """Ask to wake the skipped contacts behind a position, so that their workflows end."""

    batch_id: str
    after_position: int
    limit: int


@dataclass(frozen=True)
class StoppedContacts:
    """How far the stories were stopped; None when none is left."""

    next_position: int | None
