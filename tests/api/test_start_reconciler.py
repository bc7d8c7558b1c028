"""Batches that were stored and never started are started later."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from api.start_reconciler import GRACE, keep_starting, start_overdue
from domain.batch import BatchStatus
from domain.errors import EngineUnavailable
from domain.identity import BatchId
from tests import fakes
from tests.api.house import House


async def _left_behind(house: House) -> BatchId:
    campaign = await house.create_campaign()
    batch = await house.create_batch(campaign["campaign_id"])
    house.tables.started_at.clear()
    house.engine.started.clear()
    return BatchId(batch["batch_id"])


async def test_batch_left_behind_is_started_and_noted(house: House) -> None:
    batch_id = await _left_behind(house)
    house.clock.pass_time(GRACE + timedelta(seconds=1))

    assert await start_overdue(house.parts) == 1
    assert await start_overdue(house.parts) == 0
    assert house.engine.started == {batch_id: (house.tables.batches[batch_id].campaign_id, 2)}
    assert house.tables.started_at == {batch_id: house.clock()}


async def test_batch_still_in_the_hands_of_its_request_is_left_alone(house: House) -> None:
    await _left_behind(house)
    house.clock.pass_time(GRACE)

    assert await start_overdue(house.parts) == 0


@pytest.mark.parametrize("status", [BatchStatus.CANCELLED, BatchStatus.EXPIRED])
async def test_batch_that_is_over_is_not_started(house: House, status: BatchStatus) -> None:
    batch_id = await _left_behind(house)
    object.__setattr__(house.tables.batches[batch_id], "status", status)
    house.clock.pass_time(timedelta(minutes=1))

    assert await start_overdue(house.parts) == 0


async def test_batch_is_kept_for_later_while_temporal_is_down(house: House) -> None:
    await _left_behind(house)
    house.clock.pass_time(timedelta(minutes=1))
    house.engine.is_down = True
    with pytest.raises(EngineUnavailable):
        await start_overdue(house.parts)
    house.engine.is_down = False

    assert await start_overdue(house.parts) == 1


async def test_loop_survives_an_outage_and_ends_when_cancelled(house: House) -> None:
    batch_id = await _left_behind(house)
    house.clock.pass_time(timedelta(minutes=1))
    house.engine.is_down = True
    parts = replace(house.parts, batches=(store := _RecoveringStore(house)))
    loop = asyncio.create_task(keep_starting(parts, every=timedelta(milliseconds=1)))
    async with asyncio.timeout(5):
        await store.noted.wait()

    loop.cancel()
    with suppress(asyncio.CancelledError):
        await loop

    assert loop.cancelled()
    assert list(house.engine.started) == [batch_id]
    assert store.rounds == 3


class _RecoveringStore(fakes.FakeBatchStore):
    """Ends the outage of Temporal with the third round."""

    def __init__(self, house: House) -> None:
        super().__init__(house.tables)
        self._engine = house.engine
        self.rounds = 0
        self.noted = asyncio.Event()

    async def unstarted(self, before: datetime, limit: int) -> Sequence[BatchId]:
        self.rounds += 1
        self._engine.is_down = self.rounds < 3
        return await super().unstarted(before, limit)

    async def mark_started(self, batch_id: BatchId, now: datetime) -> None:
        await super().mark_started(batch_id, now)
        self.noted.set()
