"""Dials of a campaign with a rate get instants that lie apart; the real store and the fake agree."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from domain.campaign import CampaignRules
from domain.dial_reservations import DialRate, DialReservation
from domain.identity import CampaignId
from store.calls.dial_reservations import PostgresDialReservationStore
from store.database.engine import create_store_engine
from tests.builders import CAMPAIGN_ID, MONDAY_NOON, ORGANIZATION, a_campaign_rules
from tests.store.scenes import Stores, World

pytestmark = pytest.mark.store

SECOND = timedelta(seconds=1)
ONE_A_SECOND = DialRate(calls_per_second=1, version=1)


async def _reserved(world: World, now: datetime, rate: DialRate = ONE_A_SECOND) -> datetime:
    turn = await world.dial_turns.reserve(CAMPAIGN_ID, rate, now)
    assert turn.pace_version == rate.version
    return turn.at


async def test_first_dial_is_now_and_the_others_wait_for_each_other(world: World) -> None:
    first = await world.dial_turns.reserve(CAMPAIGN_ID, ONE_A_SECOND, MONDAY_NOON)
    assert first == DialReservation(at=MONDAY_NOON, pace_version=1)
    assert await _reserved(world, MONDAY_NOON) == MONDAY_NOON + SECOND
    assert await _reserved(world, MONDAY_NOON + SECOND / 2) == MONDAY_NOON + 2 * SECOND


async def test_quiet_time_saves_up_nothing(world: World) -> None:
    await _reserved(world, MONDAY_NOON)
    later = MONDAY_NOON + timedelta(hours=1)
    assert [await _reserved(world, later) for _ in range(2)] == [later, later + SECOND]


async def test_clock_that_is_behind_brings_nobody_forward(world: World) -> None:
    await _reserved(world, MONDAY_NOON)
    assert await _reserved(world, MONDAY_NOON - timedelta(minutes=1)) == MONDAY_NOON + SECOND


async def test_campaigns_wait_for_themselves_alone(world: World) -> None:
    await _reserved(world, MONDAY_NOON)
    turn = await world.dial_turns.reserve(CampaignId("cmp_other"), ONE_A_SECOND, MONDAY_NOON)
    assert turn.at == MONDAY_NOON


async def test_dials_of_two_worker_processes_at_once_lie_apart(stores: Stores, database_url: str) -> None:
    rate = DialRate(calls_per_second=3, version=1)
    engine = create_store_engine(database_url)
    elsewhere = PostgresDialReservationStore(engine)
    skewed = MONDAY_NOON + SECOND
    try:
        turns = await asyncio.gather(
            *(stores.dial_turns.reserve(CAMPAIGN_ID, rate, MONDAY_NOON) for _ in range(20)),
            *(elsewhere.reserve(CAMPAIGN_ID, rate, skewed) for _ in range(20)),
        )
    finally:
        await engine.dispose()
    at = sorted(turn.at for turn in turns)
    assert min(later - earlier for earlier, later in pairwise(at)) >= rate.interval
    assert at[-1] - at[0] <= 39 * rate.interval + SECOND


async def test_under_a_newer_pace_turns_begin_anew(world: World) -> None:
    slow, fast = DialRate(calls_per_second=0.1, version=1), DialRate(calls_per_second=10, version=2)
    for _ in range(9):
        await _reserved(world, MONDAY_NOON, slow)
    assert [await _reserved(world, MONDAY_NOON, fast) for _ in range(2)] == [
        MONDAY_NOON,
        MONDAY_NOON + SECOND / 10,
    ]


async def test_worker_that_knows_only_the_former_pace_waits_like_the_others(world: World) -> None:
    former, newer = DialRate(calls_per_second=10, version=1), DialRate(calls_per_second=1, version=2)
    await _reserved(world, MONDAY_NOON, newer)
    assert await _reserved(world, MONDAY_NOON, former) == MONDAY_NOON + SECOND
    assert await _reserved(world, MONDAY_NOON, newer) > MONDAY_NOON + SECOND


@pytest.mark.parametrize(
    ("before", "after", "version"),
    [
        pytest.param(None, 2.0, 2, id="set"),
        pytest.param(2.0, None, 2, id="lifted"),
        pytest.param(2.0, 5.0, 2, id="changed"),
        pytest.param(2.0, 2.0, 1, id="left as it was"),
    ],
)
async def test_pace_of_a_campaign_has_a_version_of_its_own(
    world: World, before: float | None, after: float | None, version: int
) -> None:
    def amend(rules: CampaignRules) -> CampaignRules:
        return replace(rules, name="October", calls_per_second=after)

    campaign = await world.a_kept_campaign(a_campaign_rules(calls_per_second=before))
    assert campaign.dial_rate == (None if before is None else DialRate(calls_per_second=before, version=1))
    changed, _ = await world.campaigns.change(ORGANIZATION, campaign.campaign_id, amend, MONDAY_NOON)
    assert changed.pace_version == version
    assert await world.campaigns.get(ORGANIZATION, campaign.campaign_id) == changed
