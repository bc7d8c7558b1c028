"""The newest report of each route stands."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.breaker import BreakerState
from domain.ports import CircuitReport
from tests.builders import MONDAY_NOON
from tests.store.scenes import Stores, World

pytestmark = pytest.mark.store

SOON = MONDAY_NOON + timedelta(seconds=30)
CLOSED = CircuitReport(
    provider="simulator",
    state=BreakerState.CLOSED,
    since=MONDAY_NOON,
    errors=0,
    reason=None,
    probe_at=None,
)
OPEN = CircuitReport(
    provider="simulator",
    state=BreakerState.OPEN,
    since=SOON,
    errors=5,
    reason="The provider answered 503",
    probe_at=SOON + timedelta(seconds=30),
)


async def test_nothing_is_known_of_routes_nobody_reported(world: World) -> None:
    assert await world.routes.reports() == []


async def test_report_takes_the_place_of_the_former_one(world: World) -> None:
    await world.routes.report(CLOSED)
    assert await world.routes.reports() == [CLOSED]
    await world.routes.report(OPEN)
    assert await world.routes.reports() == [OPEN]


async def test_report_of_the_same_instant_takes_the_place_of_the_former_one(world: World) -> None:
    await world.routes.report(CLOSED)
    await world.routes.report(replace(CLOSED, errors=2, reason="timed out"))
    assert [(each.errors, each.reason) for each in await world.routes.reports()] == [(2, "timed out")]


async def test_report_that_comes_after_a_newer_one_changes_nothing(world: World) -> None:
    await world.routes.report(OPEN)
    await world.routes.report(CLOSED)
    assert await world.routes.reports() == [OPEN]


async def test_every_route_has_its_own_report_by_name(world: World) -> None:
    other = replace(OPEN, provider="jambonz")
    await world.routes.report(CLOSED)
    await world.routes.report(other)
    assert await world.routes.reports() == [other, CLOSED]


async def test_reason_postgres_cannot_keep_loses_only_that(stores: Stores) -> None:
    await stores.routes.report(replace(OPEN, reason="an\x00swer"))
    assert [each.reason for each in await stores.routes.reports()] == ["answer"]
