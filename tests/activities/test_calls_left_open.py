"""A placed call leaves its activity open until it has ended, with looks at the provider in between."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from activities.failures import CallGoesOn
from activities.messages import DialAnswer, PlacedCall
from domain.call import CallStatus, DialState, EventSource
from domain.disposition import AnsweredBy, OnMachine
from domain.telephony import CallRequest, DialResult
from domain.watchdog import RING_GRACE
from tests.activities.world import (
    FIRST_DIAL,
    LIMITS,
    TIMING,
    MortalProvider,
    WorkerKilled,
    World,
    a_call_under_way,
    a_dialled_call,
)
from tests.builders import MONDAY_NOON, a_campaign, a_campaign_rules, a_dial_brief, a_status_event

DIAL = replace(FIRST_DIAL, until_ended=True)
AWAITED_BY = "test-run/test"
OPEN = a_dialled_call(awaited_by=AWAITED_BY, started_at=MONDAY_NOON)
"""A call that was placed, and that its activity waits for."""


async def run(world: World, *, try_number: int = 1) -> PlacedCall:
    """Run the dial's activity, for the first time or again."""
    env = ActivityEnvironment()
    env.info = replace(env.info, workflow_run_id="test-run", attempt=try_number)
    return await env.run(world.dialling.place_call, DIAL)


async def left_open(world: World, *, try_number: int = 1) -> timedelta | None:
    """Run the dial's activity, which the call outlasts; return when it is run again."""
    with pytest.raises(CallGoesOn) as goes_on:
        await run(world, try_number=try_number)
    return goes_on.value.next_retry_delay


def placed(call_status: CallStatus) -> PlacedCall:
    return PlacedCall(answer=DialAnswer.PLACED, asked_at=MONDAY_NOON, call_status=call_status, timing=TIMING)


async def test_placed_call_leaves_its_activity_open_until_the_first_look_and_its_row_names_it() -> None:
    world = World()

    assert await left_open(world) == LIMITS.silence

    assert (world.call.dial_state, world.call.awaited_by) == (DialState.ACCEPTED, AWAITED_BY)


async def test_open_call_is_no_error_to_anybody() -> None:
    world = World()

    with pytest.raises(CallGoesOn) as goes_on:
        await run(world)

    assert goes_on.value.category is ApplicationErrorCategory.BENIGN
    assert not goes_on.value.non_retryable


async def test_dial_of_a_workflow_that_does_not_ask_for_it_ends_with_the_answer() -> None:
    world = World()

    answer = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert answer == placed(CallStatus.QUEUED)
    assert world.call.awaited_by is None


async def test_ending_that_was_stored_before_the_answer_ends_the_dial_with_it() -> None:
    world = World()
    reported = a_status_event(CallStatus.BUSY)

    @dataclass
    class Busy(MortalProvider):
        async def place_call(self, request: CallRequest) -> DialResult:
            await world.calls.record_event(request.execution_id, reported, event_key="busy", body=None)
            return await super().place_call(request)

    world.provider = Busy()
    world.start_another_worker()

    assert await run(world) == placed(CallStatus.BUSY)


async def test_worker_killed_once_the_answer_is_kept_asks_for_no_second_call() -> None:
    world = World()
    world.fuse.kills_at = ("after", "record_dial")
    with pytest.raises(WorkerKilled):
        await run(world)

    assert await left_open(world, try_number=2) == LIMITS.silence

    assert len(world.provider.requests) == 1


async def test_activity_run_again_before_a_look_is_due_asks_nobody() -> None:
    world = a_call_under_way(OPEN)
    world.provider.is_down = True
    world.clock.pass_time(LIMITS.silence / 3)

    assert await left_open(world, try_number=2) == LIMITS.silence * 2 / 3


async def test_provider_is_asked_about_a_silent_call_ever_more_rarely() -> None:
    world = a_call_under_way(replace(OPEN, answered_at=MONDAY_NOON))
    world.provider.standing[OPEN.provider_call_id or ""] = a_status_event(
        CallStatus.IN_PROGRESS, source=EventSource.POLL
    )
    pauses: list[timedelta] = []
    for look in range(1, 4):
        world.clock.pass_time(LIMITS.silence if look == 1 else pauses[-1])
        pause = await left_open(world, try_number=1 + look)
        assert pause is not None
        pauses.append(pause)

    assert pauses == [LIMITS.silence * 2, LIMITS.silence * 4, LIMITS.silence * 8]
    assert world.call.call_status is CallStatus.IN_PROGRESS


async def test_ending_whose_webhook_was_lost_is_found_at_the_next_look() -> None:
    world = a_call_under_way(OPEN)
    world.provider.standing[OPEN.provider_call_id or ""] = a_status_event(
        CallStatus.NO_ANSWER, source=EventSource.POLL
    )
    world.clock.pass_time(LIMITS.silence)

    assert await run(world, try_number=2) == placed(CallStatus.NO_ANSWER)
    assert world.call.call_status is CallStatus.NO_ANSWER


async def test_stored_ending_that_nobody_delivered_is_taken_at_the_next_look() -> None:
    world = a_call_under_way(replace(OPEN, call_status=CallStatus.COMPLETED))
    world.provider.is_down = True
    world.clock.pass_time(LIMITS.silence)

    assert await run(world, try_number=2) == placed(CallStatus.COMPLETED)


async def test_provider_that_does_not_answer_is_asked_again_at_the_look_after() -> None:
    world = a_call_under_way(replace(OPEN, answered_at=MONDAY_NOON))
    world.provider.is_down = True
    world.clock.pass_time(LIMITS.silence)

    assert await left_open(world, try_number=2) == LIMITS.silence * 2


async def test_phone_that_rings_is_looked_at_once_more_when_it_can_ring_no_longer() -> None:
    world = a_call_under_way(OPEN)
    world.provider.is_down = True
    world.clock.pass_time(LIMITS.silence)

    assert await left_open(world, try_number=2) == LIMITS.ring_timeout + RING_GRACE - LIMITS.silence


async def test_call_that_cannot_be_alive_any_more_ends_unknown_although_nobody_answers() -> None:
    world = a_call_under_way(OPEN)
    world.provider.is_down = True
    world.clock.pass_time(timedelta(hours=12))

    assert await run(world, try_number=9) == placed(CallStatus.UNKNOWN)


async def test_call_a_machine_may_have_to_be_hung_up_on_is_followed_by_its_workflow() -> None:
    rules = a_campaign_rules(on_machine=OnMachine.HANG_UP)
    world = World(a_dial_brief(campaign=a_campaign(rules=rules)))

    assert await run(world) == placed(CallStatus.QUEUED)
    assert world.call.awaited_by is None


async def test_machine_on_an_open_call_is_left_to_the_workflow_once_the_rule_wants_it_hung_up_on() -> None:
    machine = replace(OPEN, call_status=CallStatus.IN_PROGRESS, answered_by=AnsweredBy.MACHINE)
    rules = a_campaign_rules(on_machine=OnMachine.HANG_UP)
    world = World(a_dial_brief(campaign=a_campaign(rules=rules), record=machine))

    assert await run(world, try_number=2) == placed(CallStatus.IN_PROGRESS)
