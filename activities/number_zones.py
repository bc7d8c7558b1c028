"""Learns the zones of numbers that contacts ask for: after a change of rules, and of the data itself."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog
from temporalio import activity

from activities.failures import translating_failures
from activities.housekeeping import HousekeepingTerm, is_signalled, repeated, until_over
from domain.identity import BatchId, ContactId
from domain.number_zones import ZONES_VERSION, zones_of_number
from domain.ports import BatchEngine, NumberZoneStore

_log = structlog.get_logger()

LEARN_EVERY = timedelta(seconds=5)
MARKED_AT_ONCE = 100
BATCHES_AT_ONCE = 20
CONTACTS_AT_ONCE = 500
"""Looked up in about 25 milliseconds, and locked for about as long."""


class NumberZoneActivities:
    """Look zones up anew, a stretch of a batch at a time."""

    def __init__(self, store: NumberZoneStore, engine: BatchEngine) -> None:
        self._store = store
        self._engine = engine

    @activity.defn
    @translating_failures
    async def learn_zones(self, term: HousekeepingTerm) -> None:
        """Learn zones that contacts ask for and that nobody looked up, or somebody by older data."""
        await until_over(repeated(self.learn_all, "learn_zones", LEARN_EVERY), term)

    async def learn_all(self) -> int:
        """Learn what is to be learnt by now; returns of how many batches all zones are known.

        Raises EngineUnavailable, StoreUnavailable; what was not reached is found again next time.
        """
        while await self._store.mark_unasked(ZONES_VERSION, MARKED_AT_ONCE) == MARKED_AT_ONCE:
            pass
        batches = await self._store.batches_to_learn(ZONES_VERSION, BATCHES_AT_ONCE)
        if not batches:
            return 0
        await self._engine.ping()
        return sum([await self._learn(each) for each in batches])

    async def _learn(self, batch_id: BatchId) -> bool:
        """Learn the zones of one batch's contacts, and have it look at them again if anybody asks for any."""
        learnt, after, first_version, is_asked_for = 0, 0, None, False
        while True:
            seen = await self._store.numbers_to_learn(batch_id, ZONES_VERSION, after, CONTACTS_AT_ONCE)
            if seen is None:
                return False
            first_version = first_version or seen.rules_version
            is_asked_for = is_asked_for or seen.has_asking
            if seen.numbers:
                zones = await asyncio.to_thread(_looked_up, seen.numbers)
                await self._store.keep_zones(batch_id, ZONES_VERSION, seen.numbers, zones)
                learnt += len(zones)
            after = seen.last_position
            if seen.is_last:
                break
        if learnt:
            _log.info("zones of numbers learnt", batch_id=batch_id, contacts=learnt)
        # Before the mark, whichever process learnt them: a signal that was cut off is sent by the next round.
        if is_asked_for and not await is_signalled(self._engine, batch_id):
            return False
        # By the rules of the first stretch: those that changed since may have others ask for zones.
        of_all = replace(seen, rules_version=first_version)
        return await self._store.mark_learnt(batch_id, ZONES_VERSION, of_all)

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class, to be registered with a worker."""
        return (self.learn_zones,)


def _looked_up(numbers: Mapping[ContactId, str]) -> Mapping[ContactId, Sequence[str]]:
    return {contact_id: zones_of_number(number) for contact_id, number in numbers.items()}
