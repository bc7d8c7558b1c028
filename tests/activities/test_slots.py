"""Whose slot is lost: held without a call for a while, or for long, while no workflow attends to it."""

from datetime import timedelta

import pytest

from activities.slots import ContactOfBatch, FindLostSlots, LostSlot
from domain.call import AttemptKind, CallStatus, DialState
from domain.contact import ContactStatus
from domain.identity import BatchId, ContactId
from domain.slots import GrantedSlot, SlotGrants
from tests.activities.world import World
from tests.builders import BATCH_ID, MONDAY_NOON

A_WHILE = timedelta(seconds=11)


def names(*positions: int) -> list[str]:
    return [f"con_{position}" for position in positions]


async def granted(*positions: int) -> World:
    """The world a while after contacts at these positions were granted their first slots."""
    world = World()
    world.tables.contacts.clear()
    for position in positions:
        world.add(position, ContactStatus.PENDING, phone_number=f"+1415555{position:04}")
    await world.run(world.of_slots.grant_slots, a_request())
    world.clock.pass_time(A_WHILE)
    return world


def a_request(key: str = "run/1", **changes: object) -> SlotGrants:
    told: dict[str, object] = {"batch_id": BATCH_ID, "key": key, "at_most": 100}
    return SlotGrants(**told | changes)  # type: ignore[arg-type]


async def lost(world: World, *, with_calls: bool = False, limit: int = 10) -> list[LostSlot]:
    request = FindLostSlots(batch_id=BATCH_ID, limit=limit, with_calls=with_calls)
    return await world.run(world.of_slots.find_lost_slots, request)


async def test_slots_are_granted_by_the_clock_of_the_worker() -> None:
    world = World()
    world.tables.contacts.clear()
    world.add_call(world.add(2, ContactStatus.RETRYING, next_retry_at=MONDAY_NOON + timedelta(minutes=1)))
    early = await world.run(world.of_slots.grant_slots, a_request())
    world.clock.pass_time(timedelta(seconds=65))

    due = await world.run(world.of_slots.grant_slots, a_request("run/2"))

    assert early is not None
    assert due is not None
    assert (early.granted, due.granted) == (
        (),
        (GrantedSlot(contact_id=ContactId("con_2"), attempt=2, kind=AttemptKind.RETRY),),
    )


async def test_batch_that_does_not_exist_is_granted_nothing() -> None:
    world = World()
    assert await world.run(world.of_slots.grant_slots, a_request(batch_id=BatchId("btc_none"))) is None


async def test_slots_are_lost_whose_workflows_do_not_run_and_final_where_they_were_ended() -> None:
    world = await granted(1, 2, 3)
    world.directory.running = {(BATCH_ID, ContactId("con_2"))}
    world.directory.over = {(BATCH_ID, ContactId("con_3")), (BatchId("btc_2"), ContactId("con_1"))}

    assert await lost(world) == [
        LostSlot(contact_id="con_1", attempt=1, kind=AttemptKind.INITIAL, is_final=False),
        LostSlot(contact_id="con_3", attempt=1, kind=AttemptKind.INITIAL, is_final=True),
    ]


async def test_slot_that_was_just_granted_is_not_looked_at() -> None:
    world = await granted(1)
    world.clock.now = MONDAY_NOON + timedelta(seconds=9)

    assert await lost(world, with_calls=True) == []


async def test_slots_with_an_open_call_are_looked_at_on_request_alone() -> None:
    world = await granted(1, 2)
    contact = world.add(1, ContactStatus.IN_PROGRESS, phone_number="+14155550001")
    world.add_call(contact, call_status=CallStatus.RINGING, dial_state=DialState.ACCEPTED)

    without, with_calls = await lost(world), await lost(world, with_calls=True)

    assert [each.contact_id for each in without] == names(2)
    assert [each.contact_id for each in with_calls] == names(1, 2)


async def test_slots_looked_at_longest_ago_come_first() -> None:
    world = await granted(1, 2, 3)

    looks = []
    for _ in range(3):
        looks.append([each.contact_id for each in await lost(world, with_calls=True, limit=2)])
        world.clock.pass_time(A_WHILE)

    assert looks == [names(1, 2), names(1, 3), names(1, 2)]


@pytest.mark.parametrize(
    ("running", "over", "is_over"),
    [
        pytest.param(True, False, False, id="runs"),
        pytest.param(False, False, False, id="none runs, one may be started"),
        pytest.param(False, True, True, id="ended by hand"),
    ],
)
async def test_contact_is_over_when_its_workflow_was_ended(running: bool, over: bool, is_over: bool) -> None:
    world = World()
    this = (BATCH_ID, ContactId("con_2"))
    world.directory.running = {this} if running else set()
    world.directory.over = {this} if over else set()
    request = ContactOfBatch(batch_id=BATCH_ID, contact_id="con_2")

    assert await world.run(world.of_slots.is_over, request) is is_over
