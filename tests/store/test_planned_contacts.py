"""Contacts with a priority, and those that may not be called yet; real stores and fakes alike."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.batch import Batch
from domain.call import CallStatus
from domain.contact import ContactStatus, NewContact, call_order
from domain.diagnosis.facts import Withheld
from domain.frequency import CapsAt, FrequencyCap
from domain.lifecycle import Action
from domain.ports import CalledAgain
from domain.settlement import Settlement
from domain.slots import NOT_BEFORE_COMES, WINDOW_OPENS, GrantedSlots
from store.slots.due_contacts import pending_page
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign_rules, a_new_batch, a_new_contact
from tests.domain.calling_hours import a_week, in_zone
from tests.store.scenes import Stores, World

pytestmark = pytest.mark.store

HOUR = timedelta(hours=1)
LATER = MONDAY_NOON + HOUR


def people(*plans: tuple[int, datetime | None]) -> Sequence[NewContact]:
    """People with a priority and a time, numbered from 1."""
    return [
        a_new_contact(number, priority=priority, not_before=not_before)
        for number, (priority, not_before) in enumerate(plans, start=1)
    ]


def prioritized(*priorities: int, first: int = 1) -> Sequence[NewContact]:
    return [a_new_contact(first + n, priority=priority) for n, priority in enumerate(priorities)]


async def granted(world: World, batch: Batch, now: datetime = MONDAY_NOON, **request: Any) -> Sequence[int]:
    """Ask for slots, and tell by position who got one, in order."""
    return await places(world, batch, await world.grant(batch.batch_id, now, **request))


async def places(world: World, batch: Batch, stands: GrantedSlots) -> Sequence[int]:
    position = {each.contact_id: each.position for each in await world.people_of(batch)}
    return [position[each.contact_id] for each in stands.granted]


def wakes(stands: GrantedSlots, now: datetime = MONDAY_NOON) -> dict[str, datetime]:
    return {each.what: now + each.after for each in stands.rereads}


async def test_higher_priority_is_called_first_and_equals_by_position(world: World) -> None:
    batch = await world.a_kept_batch(prioritized(0, 9, 3, 9, 0, 1))
    assert await granted(world, batch) == [2, 4, 3, 6, 1, 5]


async def test_follow_ups_and_retries_come_before_any_priority(world: World) -> None:
    batch = await world.a_kept_batch(prioritized(0, 0, 9))
    retried, agreed, _ = await world.people_of(batch)
    await world.ended(
        retried, CallStatus.BUSY, Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON)
    )
    follow_up = Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=MONDAY_NOON)
    await world.ended(agreed, CallStatus.COMPLETED, follow_up)

    assert await granted(world, batch, LATER) == [2, 1, 3]


async def test_each_request_goes_on_where_the_one_before_ended(stores: Stores) -> None:
    batch = await stores.a_kept_batch(prioritized(0, 5, 9, 5, 0))
    first = await stores.grant(batch.batch_id, at_most=2)
    second = await stores.grant(batch.batch_id, at_most=2, cursor=first.cursor)
    third = await stores.grant(batch.batch_id, at_most=2, cursor=second.cursor)
    assert [await places(stores, batch, each) for each in (first, second, third)] == [[3, 2], [4, 1], [5]]


async def test_urgent_contacts_that_are_added_come_before_those_that_wait_already(world: World) -> None:
    batch = await world.a_kept_batch(prioritized(0, 1, 0), concurrency_limit=100)
    assert await granted(world, batch, at_most=1) == [2]
    await world.batches.append(ORGANIZATION, batch.batch_id, prioritized(9, 0, first=10), MONDAY_NOON)
    assert await granted(world, batch) == [4, 1, 3, 5]


async def test_urgent_contacts_that_are_added_are_seen_by_the_next_look_whatever_its_cursor(
    world: World,
) -> None:
    batch = await world.a_kept_batch(prioritized(0, 0, 0))
    first = await world.grant(batch.batch_id, at_most=1)
    await world.batches.append(ORGANIZATION, batch.batch_id, prioritized(9, first=10), MONDAY_NOON)
    seen = await granted(world, batch, at_most=1, cursor=first.cursor, zones=first.zones)
    assert seen == [4]


async def test_contact_is_not_called_before_its_time_and_the_batch_wakes_for_the_earliest(
    world: World,
) -> None:
    plans = people((0, LATER + HOUR), (0, None), (9, LATER), (0, MONDAY_NOON), (0, MONDAY_NOON - HOUR))
    batch = await world.a_kept_batch(plans)

    first = await world.grant(batch.batch_id)
    assert await places(world, batch, first) == [2, 4, 5]
    assert wakes(first) == {NOT_BEFORE_COMES: LATER}
    assert await granted(world, batch, LATER - timedelta.resolution) == []
    second = await world.grant(batch.batch_id, LATER)
    assert await places(world, batch, second) == [3]
    assert wakes(second, LATER) == {NOT_BEFORE_COMES: LATER + HOUR}
    assert await granted(world, batch, LATER + HOUR) == [1]


async def test_time_is_named_once_and_those_who_wait_for_it_are_passed_over_once(stores: Stores) -> None:
    batch = await stores.a_kept_batch(people((0, None), (0, LATER), (0, LATER)))
    first = await stores.grant(batch.batch_id)
    second = await stores.grant(batch.batch_id, cursor=first.cursor, zones=first.zones)
    assert (first.cursor, second.cursor, wakes(second)) == (call_order(0, 3), call_order(0, 3), {})


async def test_contact_that_was_passed_over_is_found_behind_a_cursor_that_is_forgotten(world: World) -> None:
    batch = await world.a_kept_batch(people((0, LATER), (0, None)))
    await world.grant(batch.batch_id)
    assert await granted(world, batch, LATER, cursor=0) == [1]


async def test_time_in_a_closed_window_is_followed_by_the_opening(world: World) -> None:
    hours = {
        "working_hours_enforced": True,
        "timezone": "Europe/Paris",
        "working_hours": a_week("09:00-15:00"),
    }
    campaign = await world.a_kept_campaign(a_campaign_rules(**hours))
    closed_by_then = in_zone("Europe/Paris", "2026-09-07T15:00")
    batch = await world.a_kept_batch(people((0, closed_by_then)), campaign=campaign)

    assert await granted(world, batch, closed_by_then) == []
    opening = in_zone("Europe/Paris", "2026-09-08T09:00")
    assert wakes(await world.grant(batch.batch_id, closed_by_then), closed_by_then) == {WINDOW_OPENS: opening}
    assert await granted(world, batch, opening) == [1]


async def test_time_that_comes_in_a_pause_is_followed_at_the_resume(world: World) -> None:
    batch = await world.a_kept_batch(people((0, LATER)))
    await world.batches.act(batch.batch_id, Action.PAUSE, MONDAY_NOON)
    held = await world.grant(batch.batch_id, LATER + HOUR)
    assert (held.granted, held.rereads) == ((), ())

    await world.batches.act(batch.batch_id, Action.RESUME, LATER + HOUR)
    assert await granted(world, batch, LATER + HOUR) == [1]


async def test_time_at_the_end_of_the_batch_expires_with_it(world: World) -> None:
    batch = await world.a_kept_batch(people((0, LATER)), scheduled_end=LATER)
    due = await world.grant(batch.batch_id, LATER)
    assert (due.granted, due.is_end_due) == ((), True)
    await world.batches.expire(batch.batch_id, LATER)
    (contact,) = await world.people_of(batch)
    assert (contact.status, contact.not_before) == (ContactStatus.SKIPPED, LATER)


async def test_time_is_kept_under_frequency_caps_as_well(world: World) -> None:
    caps = (FrequencyCap(max_calls=1, window=HOUR),)
    campaign = await world.a_kept_campaign(a_campaign_rules(frequency_caps=caps))
    batch = await world.a_kept_batch(people((0, LATER), (9, None)), campaign=campaign)
    assert await granted(world, batch) == [2]
    assert await granted(world, batch, LATER) == [1]


async def test_requeue_copies_the_priority_and_not_the_time(world: World) -> None:
    parent = await world.a_kept_batch(people((7, MONDAY_NOON), (0, MONDAY_NOON)))
    for each in await world.people_of(parent):
        await world.ended(each, CallStatus.BUSY, Settlement(status=ContactStatus.BUSY))
    new = a_new_batch(campaign_id=parent.campaign_id, parent_batch_id=parent.batch_id)

    batch = await world.batches.requeue(new, CalledAgain(statuses=frozenset({ContactStatus.BUSY})), LATER)

    assert [(each.priority, each.not_before) for each in await world.people_of(batch)] == [
        (7, None),
        (0, None),
    ]


async def test_whoever_waits_for_a_time_explains_why_nobody_is_called(world: World) -> None:
    batch = await world.a_kept_batch(people((0, LATER + HOUR), (3, LATER)))
    caps = CapsAt((), MONDAY_NOON)
    withheld = await world.diagnostics.withheld(batch.batch_id, caps, 100)
    assert withheld == Withheld(early=2, first_not_before=LATER)
    assert await world.diagnostics.withheld(batch.batch_id, replace(caps, now=LATER), 100) is None


async def test_order_of_calls_is_read_from_its_index(stores: Stores) -> None:
    batch = await stores.a_kept_batch(prioritized(*(n % 10 for n in range(2_000))))
    page = pending_page(batch.batch_id, call_order(5, 0), 20, (), by=MONDAY_NOON)
    async with stores.engine.connect() as connection:
        await connection.execute(text("ANALYZE contacts"))
        compiled = page.element.compile(dialect=stores.engine.dialect, compile_kwargs={"literal_binds": True})
        plan = "\n".join((await connection.execute(text(f"EXPLAIN {compiled}"))).scalars())
    assert "ix_contacts_call_order" in plan
    assert "Sort" not in plan
