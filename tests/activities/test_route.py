"""A provider that keeps failing is left alone by all dials of a worker, probed, and found well again."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from activities.lone_refusals import LONE_REFUSALS
from activities.messages import CheckCall, DialAnswer, PlaceCall, PlacedCall
from domain.batch import BatchStatus
from domain.breaker import ERRORS_THAT_OPEN, PROBE_LIMIT, BreakerState
from domain.call import AttemptKind, CallStatus, DialState
from domain.contact import ContactStatus
from domain.errors import ProviderUnavailable, StoreUnavailable
from domain.gates import Gate
from domain.identity import ExecutionId
from domain.ports import CircuitReport
from domain.telephony import (
    Accepted,
    Ambiguous,
    CallRequest,
    DialResult,
    Misconfigured,
    Refused,
    Throttled,
    Unavailable,
)
from tests.activities.world import FIRST_DIAL, World, a_call_under_way, a_dialled_call
from tests.builders import BATCH_ID, CONTACT_ID, MONDAY_NOON, a_batch

DOWN = Unavailable("provider not reached")
UNCLEAR = Ambiguous("no answer to the dial")
WRONG_KEY = Misconfigured("provider answered 401")
NOT_WELL = "provider answered 500: fetch failed"
BUSY_LINE = Throttled(timedelta(seconds=2))
TAKEN = Accepted("call-1")


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def a_crowd(count: int = 40) -> World:
    """The world with so many pending contacts, each with a number of their own."""
    world = World()
    for position in range(1, count + 1):
        world.add(position, ContactStatus.PENDING, phone_number=f"+1415{position:07}")
    return world


async def dial(world: World, position: int) -> PlacedCall:
    """Let one of the crowd be called for the first time."""
    request = PlaceCall(contact_id=f"con_{position}", attempt=1, kind=AttemptKind.INITIAL)
    return await world.run(world.dialling.place_call, request)


async def dials(world: World, results: Sequence[DialResult]) -> None:
    """Call one after the other, with these answers of the provider."""
    world.provider.dial_results = list(results)
    for position in range(1, len(results) + 1):
        await dial(world, position)


async def a_broken_world() -> World:
    """The provider failed five times at noon; dialling pauses for five seconds."""
    world = a_crowd()
    await dials(world, [DOWN] * ERRORS_THAT_OPEN)
    return world


def is_dialling(world: World) -> bool:
    """Tell whether the newest report says that calls flow."""
    return not world.circuits.told or world.circuits.told[-1].state is BreakerState.CLOSED


@pytest.mark.parametrize(
    ("results", "flows"),
    [
        pytest.param([DOWN] * 4, True, id="four errors"),
        pytest.param([DOWN] * 5, False, id="five errors"),
        pytest.param([DOWN, UNCLEAR, DOWN, UNCLEAR, DOWN], False, id="of whatever kind"),
        pytest.param([DOWN] * 4 + [TAKEN] + [DOWN] * 4, True, id="a call between them"),
        pytest.param([DOWN] * 4 + [Refused("status 400")] + [DOWN] * 4, True, id="a refusal between them"),
        pytest.param([DOWN] * 4 + [BUSY_LINE] + [DOWN], False, id="throttling is no success"),
        pytest.param([BUSY_LINE] * 20, True, id="throttling is no error"),
        pytest.param([WRONG_KEY], False, id="wrong key"),
    ],
)
async def test_route_is_left_alone_after_five_errors_in_a_row_or_a_wrong_key(
    results: Sequence[DialResult], flows: bool
) -> None:
    world = a_crowd()

    await dials(world, results)

    assert is_dialling(world) is flows
    placed = await dial(world, 30)
    assert (placed.answer is DialAnswer.PLACED) is flows


async def test_dial_while_the_route_is_broken_asks_again_and_writes_nothing() -> None:
    world = await a_broken_world()
    before, asked = world.rows(), len(world.provider.requests)
    world.clock.pass_time(seconds(2))

    placed = await dial(world, 6)

    assert placed.ask_again_in is not None
    assert seconds(3) <= placed.ask_again_in <= seconds(3 * 1.2)
    assert placed == PlacedCall(
        answer=DialAnswer.ASK_AGAIN,
        asked_at=MONDAY_NOON + seconds(2),
        ask_again_in=placed.ask_again_in,
    )
    assert (world.rows(), len(world.provider.requests), world.provider.probed) == (before, asked, 0)


async def test_those_who_wait_do_not_come_back_at_once() -> None:
    world = await a_broken_world()

    pauses = {(await dial(world, position)).ask_again_in for position in range(6, 16)}

    assert len(pauses) == 10


@pytest.mark.parametrize(
    "state", [DialState.DIALLING, DialState.ACCEPTED, DialState.AMBIGUOUS, DialState.REFUSED]
)
async def test_attempt_that_was_asked_for_is_answered_while_the_route_is_broken(
    state: DialState,
) -> None:
    world = a_call_under_way(a_dialled_call(dial_state=state))
    world.add(2, ContactStatus.PENDING, phone_number="+14155550199")
    world.provider.dial_results = [WRONG_KEY]
    await dial(world, 2)
    assert not is_dialling(world)

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert placed.answer in (DialAnswer.PLACED, DialAnswer.AMBIGUOUS)
    assert len(world.provider.requests) == 1


async def test_closed_gate_is_told_also_while_the_route_is_broken() -> None:
    world = await a_broken_world()
    world.tables.batches[BATCH_ID] = a_batch(status=BatchStatus.CANCELLED)

    assert (await dial(world, 6)).gate is Gate.BATCH_OVER


async def test_provider_is_first_asked_something_harmless_and_then_for_one_call() -> None:
    world = await a_broken_world()
    world.clock.pass_time(seconds(5))

    placed = await dial(world, 6)

    assert (placed.answer, world.provider.probed) == (DialAnswer.PLACED, 1)
    assert is_dialling(world)
    assert [(await dial(world, position)).answer for position in (7, 8, 9)] == [DialAnswer.PLACED] * 3
    assert world.provider.probed == 1


async def test_harmless_question_that_fails_costs_no_attempt_and_doubles_the_pause() -> None:
    world = await a_broken_world()
    before, asked = world.rows(), len(world.provider.requests)
    world.provider.troubles = [NOT_WELL]
    world.clock.pass_time(seconds(5))

    placed = await dial(world, 6)

    assert placed.answer is DialAnswer.ASK_AGAIN
    assert placed.ask_again_in is not None
    assert seconds(10) <= placed.ask_again_in <= seconds(12)
    assert (world.rows(), len(world.provider.requests)) == (before, asked)
    assert world.circuits.told[-1] == CircuitReport(
        provider="fake",
        state=BreakerState.OPEN,
        since=MONDAY_NOON,
        errors=6,
        reason=NOT_WELL,
        probe_at=MONDAY_NOON + seconds(5 + 10),
    )


async def test_probe_that_fails_doubles_the_pause() -> None:
    world = await a_broken_world()
    world.provider.dial_results = [DOWN]
    world.clock.pass_time(seconds(5))

    assert (await dial(world, 6)).answer is DialAnswer.ASK_AGAIN

    placed = await dial(world, 7)
    assert placed.ask_again_in is not None
    assert seconds(10) <= placed.ask_again_in <= seconds(12)


async def test_of_many_who_come_when_the_pause_is_over_one_is_dialled() -> None:
    world = await a_broken_world()
    asked = len(world.provider.requests)
    world.clock.pass_time(seconds(5))
    world.provider.dial_results = [DOWN]

    placed = await asyncio.gather(*(dial(world, position) for position in range(6, 26)))

    assert {each.answer for each in placed} == {DialAnswer.ASK_AGAIN}
    assert (len(world.provider.requests) - asked, world.provider.probed) == (1, 1)


@pytest.mark.parametrize("spoilt", ["throttled", "no turn", "batch cancelled", "store down", "worker killed"])
async def test_probe_that_finds_nothing_out_leaves_its_place_to_the_next(spoilt: str) -> None:
    world = await a_broken_world()
    world.clock.pass_time(seconds(5))
    running = world.tables.batches[BATCH_ID]
    match spoilt:
        case "throttled":
            world.provider.dial_results = [BUSY_LINE]
        case "no turn":
            world.provider.turns = [seconds(1)]
        case "batch cancelled":
            world.tables.batches[BATCH_ID] = a_batch(status=BatchStatus.CANCELLED)
        case "store down":
            world.tables.is_down = True
        case _:
            world.fuse.kills_at = ("after", "place_call")
    await asyncio.gather(dial(world, 6), return_exceptions=True)
    world.tables.is_down, world.tables.batches[BATCH_ID] = False, running
    assert not is_dialling(world)

    assert (await dial(world, 7)).answer is DialAnswer.PLACED
    assert is_dialling(world)


async def test_probe_whose_dial_never_comes_back_is_replaced_in_time() -> None:
    world = await a_broken_world()
    world.clock.pass_time(seconds(5))
    hung, hanging = asyncio.Event(), asyncio.Event()

    async def hang(request: CallRequest) -> DialResult:
        hung.set()
        await hanging.wait()
        return DOWN

    answering = world.provider.place_call
    world.provider.place_call = hang  # type: ignore[method-assign] # a dial that hangs
    probe = asyncio.create_task(dial(world, 6))
    await hung.wait()
    world.provider.place_call = answering  # type: ignore[method-assign] # the next one is answered
    assert (await dial(world, 7)).answer is DialAnswer.ASK_AGAIN

    world.clock.pass_time(PROBE_LIMIT)
    assert (await dial(world, 8)).answer is DialAnswer.PLACED
    hanging.set()
    await probe


async def test_turn_that_is_not_free_sends_the_dial_away_and_writes_nothing() -> None:
    world = a_crowd()
    world.provider.turns = [seconds(9)]
    before = world.rows()

    placed = await dial(world, 1)

    assert placed == PlacedCall(answer=DialAnswer.ASK_AGAIN, asked_at=MONDAY_NOON, ask_again_in=seconds(9))
    assert (world.rows(), world.provider.requests) == (before, [])
    assert (await dial(world, 1)).answer is DialAnswer.PLACED


async def test_gates_are_read_after_the_wait_for_a_turn() -> None:
    world = a_crowd()
    waited = world.provider.acquire

    async def turn() -> timedelta:
        world.clock.pass_time(seconds(1))
        ends_now = a_batch(scheduled_end=world.clock())
        world.tables.batches[BATCH_ID] = ends_now
        return await waited()

    world.provider.acquire = turn  # type: ignore[method-assign] # the batch ends while it waits

    assert (await dial(world, 1)).gate is Gate.BATCH_OVER
    assert world.provider.requests == []


async def test_window_that_closes_during_a_short_wait_withholds_the_call() -> None:
    world = a_crowd()
    world.tables.batches[BATCH_ID] = a_batch(scheduled_end=world.clock() + seconds(0.1))
    waited = world.provider.acquire

    async def turn() -> timedelta:
        world.clock.pass_time(seconds(0.2))
        return await waited()

    world.provider.acquire = turn  # type: ignore[method-assign] # too short to look at everything again

    assert (await dial(world, 1)).gate is Gate.BATCH_OVER
    assert world.provider.requests == []


async def test_every_turn_of_the_breaker_is_logged_once_and_written_down() -> None:
    world = a_crowd()
    with capture_logs() as logs:
        await dials(world, [DOWN] * 4 + [UNCLEAR])
        world.clock.pass_time(seconds(5))
        world.provider.troubles = [NOT_WELL]
        await dial(world, 6)
        await dial(world, 7)
        world.clock.pass_time(seconds(10))
        await dial(world, 8)
        await dial(world, 9)

    assert [(each["event"], each.get("error"), each["state"], each.get("reason")) for each in logs] == [
        ("circuit opened: dialling pauses", "ambiguous", "open", UNCLEAR.reason),
        ("circuit reopened: the provider still fails", "question", "open", NOT_WELL),
        ("circuit closed: dialling goes on", None, "closed", None),
    ]
    assert {each["provider"] for each in logs} == {"fake"}
    assert not any("+1415" in str(each) for each in logs)
    assert [(each.state, each.errors, each.reason) for each in world.circuits.told] == [
        (BreakerState.OPEN, 5, UNCLEAR.reason),
        (BreakerState.OPEN, 6, NOT_WELL),
        (BreakerState.CLOSED, 0, None),
    ]
    assert world.tables.routes["fake"] == CircuitReport(
        provider="fake",
        state=BreakerState.CLOSED,
        since=MONDAY_NOON + seconds(15),
        errors=0,
        reason=None,
        probe_at=None,
    )


async def test_first_call_of_a_worker_replaces_what_one_that_died_left_behind() -> None:
    world = await a_broken_world()
    world.start_another_worker()
    world.clock.pass_time(seconds(60))

    assert (await dial(world, 6)).answer is DialAnswer.PLACED
    assert (await dial(world, 7)).answer is DialAnswer.PLACED

    assert [each.state for each in world.circuits.told] == [BreakerState.OPEN, BreakerState.CLOSED]


async def test_report_that_cannot_be_kept_stops_no_dial() -> None:
    world = a_crowd()
    world.circuits.is_down = True

    with capture_logs() as logs:
        await dials(world, [DOWN] * ERRORS_THAT_OPEN)
        world.clock.pass_time(seconds(5))
        placed = await dial(world, 6)

    assert placed.answer is DialAnswer.PLACED
    assert [each["cause"] for each in logs if each["event"] == "circuit not reported"] == [
        "StoreUnavailable"
    ] * 2


async def test_answer_that_cannot_be_kept_is_learnt_from_all_the_same() -> None:
    world = a_crowd()
    world.provider.dial_results = [WRONG_KEY]
    world.fuse.kills_at = ("before", "record_dial")
    await asyncio.gather(dial(world, 1), return_exceptions=True)

    assert (await dial(world, 2)).answer is DialAnswer.ASK_AGAIN


async def test_looks_that_fail_say_nothing_about_dials() -> None:
    world = a_call_under_way(a_dialled_call())
    world.provider.is_down = True
    for _ in range(2 * ERRORS_THAT_OPEN):
        with pytest.raises(ProviderUnavailable):
            await world.run(world.dialling.check_call, CheckCall(contact_id=CONTACT_ID, attempt=1))
    world.add(2, ContactStatus.PENDING, phone_number="+14155550199")

    assert (await dial(world, 2)).answer is DialAnswer.PLACED
    assert is_dialling(world)


async def test_reason_is_logged_once_while_it_is_the_same() -> None:
    world = a_crowd()
    world.provider.dial_results = [WRONG_KEY] * 3
    with capture_logs() as logs:
        for position in range(1, 4):
            await dial(world, position)
            world.clock.pass_time(seconds(60))
        await dial(world, 4)
        world.provider.dial_results = [WRONG_KEY]
        await dial(world, 5)

    assert [each.get("reason") for each in logs] == [WRONG_KEY.reason, None, None, None, WRONG_KEY.reason]


def becomes_a_call(world: World, position: int, **changes: object) -> None:
    """Let a webhook tell that the unclear dial of one of the crowd placed a call."""
    [call] = [each for each in world.tables.calls.values() if each.contact_id == f"con_{position}"]
    told: dict[str, object] = {"call_status": CallStatus.RINGING}
    world.tables.calls[call.execution_id] = replace(call, **(changes or told))  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"call_status": CallStatus.RINGING}, id="it rang"),
        pytest.param({"provider_call_id": "call-9"}, id="it has an id"),
        pytest.param({"call_status": CallStatus.COMPLETED}, id="it is over"),
    ],
)
async def test_unclear_dials_that_turned_out_to_be_calls_open_no_route(changes: dict[str, object]) -> None:
    world = a_crowd()
    await dials(world, [UNCLEAR] * 4)
    for position in range(1, 5):
        becomes_a_call(world, position, **changes)

    world.provider.dial_results = [UNCLEAR]
    await dial(world, 5)

    assert is_dialling(world)
    assert (await dial(world, 6)).answer is DialAnswer.PLACED
    assert world.circuits.told[-1].errors == 0


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"call_status": CallStatus.QUEUED}, id="nothing is known"),
        pytest.param({"call_status": CallStatus.UNKNOWN}, id="nobody can say"),
        pytest.param({"call_status": CallStatus.FAILED}, id="it is known that there was none"),
    ],
)
async def test_unclear_dials_that_nobody_heard_of_are_errors(changes: dict[str, object]) -> None:
    world = a_crowd()
    await dials(world, [UNCLEAR] * 4)
    for position in range(1, 5):
        becomes_a_call(world, position, **changes)

    world.provider.dial_results = [UNCLEAR]
    await dial(world, 5)

    assert not is_dialling(world)


async def test_call_among_the_errors_ends_the_row_of_those_before_it() -> None:
    world = a_crowd()
    await dials(world, [DOWN, UNCLEAR, DOWN, DOWN])
    becomes_a_call(world, 2)

    await dials_from(world, 5, [DOWN, DOWN])
    assert is_dialling(world)
    await dials_from(world, 7, [DOWN])
    assert not is_dialling(world)


async def dials_from(world: World, first: int, results: Sequence[DialResult]) -> None:
    """Call one after the other, from a position on."""
    world.provider.dial_results = list(results)
    for position in range(first, first + len(results)):
        await dial(world, position)


async def test_news_of_the_unclear_dials_closes_the_route_without_a_probe() -> None:
    world = a_crowd()
    await dials(world, [UNCLEAR] * ERRORS_THAT_OPEN)
    assert not is_dialling(world)
    becomes_a_call(world, 5)
    world.clock.pass_time(seconds(5))

    assert (await dial(world, 6)).answer is DialAnswer.PLACED

    assert (is_dialling(world), world.provider.probed) == (True, 0)


async def test_probe_that_turned_out_to_be_a_call_closes_the_route() -> None:
    world = await a_broken_world()
    world.clock.pass_time(seconds(5))
    world.provider.dial_results = [UNCLEAR]
    await dial(world, 6)
    assert not is_dialling(world)
    becomes_a_call(world, 6)
    world.clock.pass_time(seconds(10))

    assert (await dial(world, 7)).answer is DialAnswer.PLACED

    assert (is_dialling(world), world.provider.probed) == (True, 1)


async def test_store_that_knows_nothing_of_earlier_dials_leaves_them_errors() -> None:
    world = a_crowd()
    await dials(world, [UNCLEAR] * 4)
    for position in range(1, 5):
        becomes_a_call(world, position)
    looked = world.calls.placed_among

    async def fail(execution_ids: Sequence[ExecutionId]) -> Collection[ExecutionId]:
        raise StoreUnavailable

    world.calls.placed_among = fail  # type: ignore[method-assign] # for one question
    world.provider.dial_results = [UNCLEAR]
    with capture_logs() as logs:
        await dial(world, 5)
    assert logs[0]["event"] == "earlier dials not looked at"
    assert not is_dialling(world)

    world.calls.placed_among = looked  # type: ignore[method-assign] # it is back
    world.clock.pass_time(seconds(5))
    assert (await dial(world, 6)).answer is DialAnswer.PLACED
    assert world.provider.probed == 0


async def refuse(world: World, position: int) -> PlacedCall:
    """Let the provider call itself misconfigured for one of the crowd, once the circuit is free."""
    world.clock.pass_time(seconds(60))
    world.provider.dial_results = [WRONG_KEY]
    return await dial(world, position)


async def test_contact_that_alone_is_refused_while_others_are_taken_is_given_up_in_the_end() -> None:
    world = a_crowd()
    answers = []
    for turn in range(LONE_REFUSALS):
        answers.append((await refuse(world, 1)).answer)
        world.clock.pass_time(seconds(60))
        assert (await dial(world, 10 + turn)).answer is DialAnswer.PLACED

    assert answers == [DialAnswer.ASK_AGAIN] * (LONE_REFUSALS - 1) + [DialAnswer.PLACED]
    [refused] = [each for each in world.tables.calls.values() if each.contact_id == "con_1"]
    assert (refused.call_status, refused.dial_state) == (CallStatus.FAILED, DialState.REFUSED)
    assert refused.error == f"Refused by the provider: {WRONG_KEY.reason}"


async def test_contact_that_alone_is_refused_opens_the_route_once() -> None:
    world = a_crowd()
    await refuse(world, 1)
    assert not is_dialling(world)
    world.clock.pass_time(seconds(60))
    await dial(world, 2)

    await refuse(world, 1)

    assert is_dialling(world)


async def test_nobody_is_given_up_while_nobody_is_taken() -> None:
    world = a_crowd()

    answers = {
        (await refuse(world, position)).answer for _ in range(2 * LONE_REFUSALS) for position in (1, 2)
    }

    assert answers == {DialAnswer.ASK_AGAIN}
    assert {each.dial_state for each in world.tables.calls.values()} == {DialState.READY}
