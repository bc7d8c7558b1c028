"""Zones of numbers that contacts ask for and that were not learnt, or by older data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.identity import BatchId, ContactId


@dataclass(frozen=True, kw_only=True)
class NumbersToLearn:
    """A stretch of a batch's contacts: the numbers whose zones are to be learnt, and where it ends."""

    numbers: Mapping[ContactId, str]
    last_position: int
    """Of the contacts that were looked at; that of the question where none was left."""
    has_asking: bool
    """Somebody among them asks for the zones of their number, learnt or not."""
    is_last: bool
    """Nobody was left behind them."""
    rules_version: int
    """By which it was decided who asks for zones."""


class NumberZoneStore(Protocol):
    """What is learnt of numbers; a version names the data it is learnt by."""

    async def mark_unasked(self, version: str, limit: int) -> int:
        """Keep that all zones of batches are learnt in which nobody can ask for any; returns of how many."""

    async def batches_to_learn(self, version: str, limit: int) -> Sequence[BatchId]:
        """Return unfinished batches of which some zones may not be learnt by this version."""

    async def numbers_to_learn(
        self, batch_id: BatchId, version: str, after_position: int, limit: int
    ) -> NumbersToLearn | None:
        """Look at the next contacts of a batch by position; None when it is over or gone."""

    async def keep_zones(
        self,
        batch_id: BatchId,
        version: str,
        numbers: Mapping[ContactId, str],
        zones: Mapping[ContactId, Sequence[str]],
    ) -> None:
        """Keep the zones of contacts that still have these numbers."""

    async def mark_learnt(self, batch_id: BatchId, version: str, seen: NumbersToLearn) -> bool:
        """Keep that all zones of a batch are learnt; not if rules or contacts came since they were seen."""
