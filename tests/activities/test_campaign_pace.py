"""Dials of a campaign with a limit of calls per second: each has an instant of its own, and none is early."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from activities.calls import ASK_AGAIN_WITHOUT_TURN
from activities.campaign_rate import COMES_EARLY, LONGEST_ABSENCE
from activities.messages import DialAnswer, PlaceCall, PlacedCall
from domain.batch import BatchStatus
from domain.call import AttemptKind
from domain.campaign import Campaign
from domain.contact import ContactStatus
from domain.dial_reservations import STALE_AFTER, DialReservation
from domain.gates import Gate
from domain.telephony import Misconfigured, Throttled
from tests.activities.world import FIRST_DIAL, World
from tests.builders import (
    BATCH_ID,
    CAMPAIGN_ID,
    MONDAY_NOON,
    a_batch,
    a_campaign,
    a_campaign_rules,
    a_dial_brief,
)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def paced(calls_per_second: float | None, version: int = 1) -> Campaign:
    rules = a_campaign_rules(calls_per_second=calls_per_second)
    return a_campaign(rules=rules, pace_version=version)


def a_crowd(calls_per_second: float | None, count: int = 40) -> World:
    """So many pending contacts of one campaign, each with a number of their own."""
    world = World(a_dial_brief(campaign=paced(calls_per_second)))
    for position in range(1, count + 1):
        world.add(position, ContactStatus.PENDING, phone_number=f"+1415{position:07}")
    return world


async def dial(world: World, position: int, turn: DialReservation | None = None) -> PlacedCall:
    """Let one of the crowd be called for the first time."""
    request = PlaceCall(contact_id=f"con_{position}", attempt=1, kind=AttemptKind.INITIAL, turn=turn)
    return await world.run(world.dialling.place_call, request)


def asked_at(world: World) -> list[datetime]:
    """When the provider was asked, in order."""
    return sorted(call.started_at for call in world.tables.calls.values() if call.started_at is not None)


async def test_campaign_without_a_limit_dials_at_once_and_reserves_nothing() -> None:
    world = a_crowd(None)

    answers = [(await dial(world, position)).answer for position in range(1, 41)]

    assert answers == [DialAnswer.PLACED] * 40
    assert (asked_at(world), world.tables.dial_turns) == ([MONDAY_NOON] * 40, {})


async def test_dial_whose_instant_is_near_waits_for_it() -> None:
    world = a_crowd(1)

    placed = [await dial(world, position) for position in (1, 2, 3)]

    assert [each.asked_at - MONDAY_NOON for each in placed] == [seconds(0), seconds(1), seconds(2)]
    assert asked_at(world) == [each.asked_at for each in placed]


async def test_dial_whose_instant_is_far_comes_back_for_it_and_spends_nothing_meanwhile() -> None:
    world = a_crowd(0.1)
    await dial(world, 1)
    before = world.rows()
    world.provider.turns = [seconds(9)]

    placed = await dial(world, 2)

    turn = DialReservation(at=MONDAY_NOON + seconds(10), pace_version=1)
    assert placed == PlacedCall(
        answer=DialAnswer.ASK_AGAIN,
        asked_at=MONDAY_NOON,
        ask_again_in=seconds(10) - COMES_EARLY,
        turn=turn,
    )
    assert (world.rows(), world.provider.turns) == (before, [seconds(9)])


async def test_dial_that_comes_back_in_time_uses_its_turn_and_takes_no_other() -> None:
    world = a_crowd(0.1)
    await dial(world, 1)
    away = await dial(world, 2)
    reserved = dict(world.tables.dial_turns)
    assert away.ask_again_in is not None
    world.clock.pass_time(away.ask_again_in)

    placed = await dial(world, 2, away.turn)

    assert (placed.answer, placed.asked_at) == (DialAnswer.PLACED, MONDAY_NOON + seconds(10))
    assert world.tables.dial_turns == reserved


async def test_dial_whose_instant_is_very_far_looks_again_every_minute_and_keeps_its_turn() -> None:
    world = a_crowd(0.1)
    for position in range(1, 10):
        away = await dial(world, position)
    turn = DialReservation(at=MONDAY_NOON + seconds(80), pace_version=1)
    assert (away.ask_again_in, away.turn) == (LONGEST_ABSENCE, turn)
    world.clock.pass_time(LONGEST_ABSENCE)

    again = await dial(world, 9, turn)

    assert (again.answer, again.ask_again_in, again.turn) == (DialAnswer.ASK_AGAIN, seconds(19), turn)


@pytest.mark.parametrize(
    ("late", "dials_at"),
    [
        pytest.param(STALE_AFTER, STALE_AFTER, id="a little late: at once"),
        pytest.param(STALE_AFTER + seconds(1), STALE_AFTER + seconds(1), id="stale: with a new turn"),
    ],
)
async def test_dial_that_comes_late(late: timedelta, dials_at: timedelta) -> None:
    world = a_crowd(1)
    world.clock.pass_time(late)

    placed = await dial(world, 1, DialReservation(at=MONDAY_NOON, pace_version=1))

    assert placed.asked_at == MONDAY_NOON + dials_at
    assert bool(world.tables.dial_turns) is (late > STALE_AFTER)


async def test_backlog_that_is_released_at_once_dials_at_the_pace() -> None:
    world = a_crowd(5)
    turns = [DialReservation(at=MONDAY_NOON + seconds(0.2 * count), pace_version=1) for count in range(20)]
    world.clock.pass_time(timedelta(minutes=10))

    waiting = [(position, turn) for position, turn in enumerate(turns, start=1)]
    for position, turn in waiting:
        placed = await dial(world, position, turn)
        assert placed.answer is DialAnswer.PLACED

    at = asked_at(world)
    assert min(later - earlier for earlier, later in pairwise(at)) == seconds(0.2)


async def test_closed_gate_costs_no_turn() -> None:
    world = a_crowd(1)
    world.tables.batches[BATCH_ID] = a_batch(status=BatchStatus.PAUSED)

    assert (await dial(world, 1)).gate is Gate.BATCH_HELD
    assert world.tables.dial_turns == {}


async def test_gates_are_read_after_the_wait_for_the_instant() -> None:
    world = a_crowd(1)
    await dial(world, 1)
    ends_soon = a_batch(scheduled_end=MONDAY_NOON + seconds(0.5))
    world.tables.batches[BATCH_ID] = ends_soon

    assert (await dial(world, 2)).gate is Gate.BATCH_OVER
    assert len(world.provider.requests) == 1


@pytest.mark.parametrize(
    ("now", "dials"),
    [
        pytest.param(paced(0.2, version=2), False, id="slower"),
        pytest.param(paced(1, version=3), False, id="changed and changed back"),
        pytest.param(paced(None, version=2), True, id="lifted"),
    ],
)
async def test_pace_that_changes_while_a_dial_waits_takes_its_turn_away(now: Campaign, dials: bool) -> None:
    world = a_crowd(1)
    await dial(world, 1)
    # It happens after each look, so that the second one sees it.
    world.calls.meanwhile = lambda: world.tables.campaigns.update({CAMPAIGN_ID: now})

    placed = await dial(world, 2)

    assert (placed.answer is DialAnswer.PLACED) is dials
    if not dials:
        assert placed == PlacedCall(
            answer=DialAnswer.ASK_AGAIN,
            asked_at=MONDAY_NOON + seconds(1),
            ask_again_in=ASK_AGAIN_WITHOUT_TURN,
        )


async def test_turn_of_a_former_pace_is_given_up_for_one_of_the_new() -> None:
    world = a_crowd(10)
    former = DialReservation(at=MONDAY_NOON + timedelta(minutes=10), pace_version=0)

    placed = await dial(world, 1, former)

    assert (placed.answer, placed.asked_at) == (DialAnswer.PLACED, MONDAY_NOON)


async def test_dial_that_the_provider_did_not_take_needs_another_turn() -> None:
    world = a_crowd(1)
    world.provider.dial_results = [Throttled(seconds(2))]

    placed = await dial(world, 1)

    assert (placed.answer, placed.turn) == (DialAnswer.ASK_AGAIN, None)
    assert (await dial(world, 1)).asked_at == MONDAY_NOON + seconds(1)


@pytest.mark.parametrize(
    ("absence", "keeps"),
    [
        pytest.param(seconds(4), True, id="short"),
        pytest.param(timedelta(minutes=5), False, id="too long for the turn"),
    ],
)
async def test_dial_that_the_provider_sends_away_keeps_a_turn_it_can_still_use(
    absence: timedelta, keeps: bool
) -> None:
    world = a_crowd(1)
    world.provider.turns = [seconds(0), seconds(0), absence]
    for position in (1, 2):
        await dial(world, position)
    world.clock.now = MONDAY_NOON

    placed = await dial(world, 3)

    turn = DialReservation(at=MONDAY_NOON + seconds(2), pace_version=1)
    assert (placed.ask_again_in, placed.turn) == (absence, turn if keeps else None)


async def test_broken_route_costs_no_turn() -> None:
    world = a_crowd(1)
    world.provider.dial_results = [Misconfigured("key was not accepted")]
    await dial(world, 1)
    reserved = dict(world.tables.dial_turns)

    placed = await dial(world, 2)

    assert (placed.answer, placed.turn) == (DialAnswer.ASK_AGAIN, None)
    assert world.tables.dial_turns == reserved


async def test_attempt_that_was_asked_for_is_told_without_a_turn() -> None:
    world = World(a_dial_brief(campaign=paced(0.1)))
    await world.run(world.dialling.place_call, FIRST_DIAL)
    reserved = dict(world.tables.dial_turns)

    again = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert again.answer is DialAnswer.PLACED
    assert world.tables.dial_turns == reserved
