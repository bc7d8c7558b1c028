"""One clock decides for all processes: the database's."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from store.database import clock as clocks
from store.database.clock import DatabaseClock, running_clock
from store.database.engine import create_store_engine, single_statement

pytestmark = pytest.mark.store


class WrongClock(datetime):
    """A machine whose clock is an hour ahead."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # the one zone that is asked for
        assert tz is UTC
        return datetime.now(UTC) + timedelta(hours=1)


async def database_time(engine: AsyncEngine) -> datetime:
    async with single_statement(engine) as connection:
        at: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return at


async def test_machine_whose_clock_is_an_hour_ahead_tells_the_databases_time(
    store_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "datetime", WrongClock)
    clock = DatabaseClock(store_engine)
    assert clock() - await database_time(store_engine) > timedelta(minutes=59)

    await clock.read()

    before = await database_time(store_engine)
    told = clock()
    after = await database_time(store_engine)
    assert before - timedelta(milliseconds=100) <= told <= after + timedelta(milliseconds=100)


async def test_clock_runs_on_while_the_database_is_away(
    store_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = [1000.0]
    monkeypatch.setattr(clocks, "_ticks", lambda: ticks[0])
    clock = DatabaseClock(store_engine)
    await clock.read()
    first = clock()

    ticks[0] += 90

    assert clock() - first == timedelta(seconds=90)


async def test_slow_answer_does_not_spoil_a_better_reading(
    store_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter([1000.0, 1000.002, 1000.002, 1000.002, 1004.002, 1004.002])
    monkeypatch.setattr(clocks, "_ticks", lambda: next(ticks))
    clock = DatabaseClock(store_engine)
    await clock.read()
    first = clock()

    await clock.read()  # took four seconds, so it knows no better than two seconds

    assert clock() - first == timedelta(seconds=4)


async def test_clock_that_was_stepped_is_followed(
    store_engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = [1000.0]
    monkeypatch.setattr(clocks, "_ticks", lambda: ticks[0])
    clock = DatabaseClock(store_engine)
    await clock.read()
    ticks[0] += 3600  # the database's clock went on by far less

    await clock.read()

    assert abs(clock() - await database_time(store_engine)) < timedelta(seconds=1)


async def test_process_starts_by_its_own_clock_while_the_database_is_down() -> None:
    engine = create_store_engine("postgresql://nobody@127.0.0.1:1/nothing")

    async with running_clock(engine) as clock:
        told = clock()

    assert abs(told - datetime.now(UTC)) < timedelta(seconds=1)
    await engine.dispose()
