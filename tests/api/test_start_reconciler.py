"""Batches that were stored and never started are started later, each for itself."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from api.batches import start_reconciler
from api.batches.start_reconciler import keep_starting, start_overdue
from domain.batch import Batch, BatchStatus
from domain.errors import EngineUnavailable
from domain.identity import BatchId
from tests import fakes
from tests.api.house import House


async def _left_behind(house: House, count: int = 1) -> list[BatchId]:
    campaign = await house.create_campaign()
    stored = [await house.create_batch(campaign["campaign_id"]) for _ in range(count)]
    house.tables.started_at.clear()
    house.engine.started.clear()
    return [BatchId(each["batch_id"]) for each in stored]


async def test_batch_left_behind_is_started_and_noted(house: House) -> None:
    [batch_id] = await _left_behind(house)

    assert await start_overdue(house.parts) == 1
    assert await start_overdue(house.parts) == 0
    assert house.engine.started == {batch_id: (house.tables.batches[batch_id].campaign_id, 2)}
    assert house.tables.started_at == {batch_id: house.clock()}


async def test_batch_of_a_replica_whose_clock_runs_ahead_is_started_all_the_same(house: House) -> None:
    house.clock.pass_time(timedelta(hours=1))
    [batch_id] = await _left_behind(house)
    house.clock.pass_time(timedelta(hours=-1))

    assert await start_overdue(house.parts) == 1
    assert list(house.engine.started) == [batch_id]


@pytest.mark.parametrize("status", [BatchStatus.CANCELLED, BatchStatus.EXPIRED])
async def test_batch_that_is_over_is_not_started(house: House, status: BatchStatus) -> None:
    [batch_id] = await _left_behind(house)
    object.__setattr__(house.tables.batches[batch_id], "status", status)

    assert await start_overdue(house.parts) == 0


async def test_batch_is_kept_for_later_while_temporal_is_down(house: House) -> None:
    await _left_behind(house)
    house.engine.is_down = True
    with pytest.raises(EngineUnavailable):
        await start_overdue(house.parts)
    house.engine.is_down = False

    assert await start_overdue(house.parts) == 1


class _PickyEngine(fakes.FakeEngine):
    """Cannot start some batches, and counts how many starts are under way."""

    def __init__(self, refused: Sequence[BatchId]) -> None:
        super().__init__()
        self._refused = set(refused)
        self._under_way = self.most_under_way = 0

    async def start_batch(self, batch: Batch) -> None:
        self._under_way += 1
        self.most_under_way = max(self.most_under_way, self._under_way)
        await asyncio.sleep(0)
        self._under_way -= 1
        if batch.batch_id in self._refused:
            raise EngineUnavailable
        await super().start_batch(batch)


async def test_start_that_fails_holds_up_no_other(house: House) -> None:
    batch_ids = await _left_behind(house, 3)
    engine = _PickyEngine(batch_ids[:1])

    assert await start_overdue(replace(house.parts, engine=engine)) == 2
    assert sorted(engine.started) == batch_ids[1:]


async def test_many_starts_that_fail_do_not_starve_the_newest(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start_reconciler, "PAGE", 3)
    batch_ids = await _left_behind(house, 10)
    engine = _PickyEngine(batch_ids[:9])

    assert await start_overdue(replace(house.parts, engine=engine)) == 1
    assert list(engine.started) == batch_ids[9:]


async def test_batch_that_is_gone_holds_up_no_other(house: House) -> None:
    gone, other = *(await _left_behind(house)), *(await _left_behind(house))
    house.tables.deleted.add(house.tables.batches[gone].campaign_id)

    assert await start_overdue(house.parts) == 1
    assert list(house.engine.started) == [other]


async def test_only_a_few_starts_are_under_way_at_once(house: House) -> None:
    engine = _PickyEngine([])
    await _left_behind(house, 20)

    assert await start_overdue(replace(house.parts, engine=engine)) == 20
    assert engine.most_under_way == start_reconciler.AT_ONCE


async def test_first_look_comes_at_once_for_a_process_may_have_died_before(house: House) -> None:
    batch_ids = await _left_behind(house)
    store = _NotingStore(house)
    loop = asyncio.create_task(keep_starting(replace(house.parts, batches=store), every=timedelta(hours=1)))
    async with asyncio.timeout(5):
        await store.noted.wait()

    loop.cancel()
    await asyncio.wait([loop])

    assert list(house.engine.started) == batch_ids


async def test_loop_survives_an_outage_and_ends_when_cancelled(house: House) -> None:
    batch_ids = await _left_behind(house)
    house.engine.is_down = True
    parts = replace(house.parts, batches=(store := _RecoveringStore(house)))
    loop = asyncio.create_task(keep_starting(parts, every=timedelta(milliseconds=1)))
    async with asyncio.timeout(5):
        await store.noted.wait()

    loop.cancel()
    with suppress(asyncio.CancelledError):
        await loop

    assert loop.cancelled()
    assert list(house.engine.started) == batch_ids
    assert store.rounds >= 3


class _NotingStore(fakes.FakeBatchStore):
    """Tells when a start is noted."""

    def __init__(self, house: House) -> None:
        super().__init__(house.tables)
        self.noted = asyncio.Event()

    async def mark_started(self, batch_id: BatchId, now: datetime) -> None:
        await super().mark_started(batch_id, now)
        self.noted.set()


class _RecoveringStore(_NotingStore):
    """Ends the outage of Temporal with the third round."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._engine = house.engine
        self.rounds = 0

    async def unstarted(self, after: BatchId | None, limit: int) -> Sequence[BatchId]:
        self.rounds += 1
        self._engine.is_down = self.rounds < 3
        return await super().unstarted(after, limit)
