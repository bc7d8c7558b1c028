"""Contacts whose times moved while they slept: told page by page until when, spread after an opening."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.messages import ReturnedSlot, ReturnSlot
from activities.rescheduled import (
    NotifiedRescheduled,
    NotifyRescheduled,
    RescheduleContacts,
    RescheduledContactsPage,
)
from domain.campaign import CampaignRules
from domain.contact import ContactStatus
from domain.errors import EngineUnavailable
from domain.identity import ContactId
from domain.ports import RescheduledTime
from domain.redial import RedialPolicy
from domain.working_hours import OPENING_SPREAD
from tests.activities.world import World
from tests.builders import BATCH_ID, CAMPAIGN_ID, CONTACT_ID, MONDAY_NOON, a_campaign_rules

SINCE = MONDAY_NOON - timedelta(seconds=5)
LATER = MONDAY_NOON + timedelta(hours=2)
TUESDAY_AT_NINE = MONDAY_NOON + timedelta(hours=21)
OFFICE = a_campaign_rules(working_hours_enforced=True, timezone="UTC")


def a_world(rules: CampaignRules | None = None) -> World:
    """A world whose campaign has these rules; nobody was moved yet."""
    world = World()
    campaign = world.tables.campaigns[CAMPAIGN_ID]
    if rules is not None:
        world.tables.campaigns[CAMPAIGN_ID] = replace(campaign, rules=rules)
    return world


def moved_sleeper(
    world: World, position: int, due_at: datetime | None, status: ContactStatus = ContactStatus.RETRYING
) -> None:
    """Put somebody into the batch who was called once and moved at noon."""
    moved = world.add(position, status, next_retry_at=due_at, updated_at=MONDAY_NOON)
    world.add_call(moved)


async def tell(
    world: World, *, after_position: int = 0, limit: int = 2, since: datetime = SINCE
) -> NotifiedRescheduled:
    """Tell the next contacts."""
    request = NotifyRescheduled(batch_id=BATCH_ID, since=since, after_position=after_position, limit=limit)
    return await world.run(world.of_rescheduled.notify_rescheduled, request)


async def test_everybody_who_was_moved_is_told_once_page_by_page() -> None:
    world = a_world()
    for position in (2, 5, 9):
        moved_sleeper(world, position, LATER)

    first = await tell(world)
    last = await tell(world, after_position=5)

    assert (first, last) == (
        NotifiedRescheduled(next_position=5),
        NotifiedRescheduled(next_position=None),
    )
    assert [(batch_id, [each.contact_id for each in page]) for batch_id, page in world.directory.moved] == [
        (BATCH_ID, ["con_2", "con_5"]),
        (BATCH_ID, ["con_9"]),
    ]


async def test_sleeper_is_told_the_attempt_it_waits_for_and_when_it_comes() -> None:
    world = a_world()
    moved_sleeper(world, 2, LATER)

    await tell(world)

    assert world.directory.moved == [
        (BATCH_ID, (RescheduledTime(contact_id=ContactId("con_2"), attempt=2, due_at=LATER),))
    ]


async def test_contact_that_has_ended_is_told_that_it_need_not_wait() -> None:
    world = a_world()
    moved_sleeper(world, 2, None, ContactStatus.MAX_RETRIES_REACHED)

    assert await tell(world) == NotifiedRescheduled(next_position=None)

    assert world.directory.moved == [
        (BATCH_ID, (RescheduledTime(contact_id=ContactId("con_2"), attempt=2, due_at=None),))
    ]


async def test_contacts_that_wait_for_the_same_opening_are_told_times_within_a_minute_after_it() -> None:
    world = a_world(OFFICE)
    for position in range(2, 42):
        moved_sleeper(world, position, TUESDAY_AT_NINE)

    await tell(world, limit=100)

    [(_, page)] = world.directory.moved
    late = [each.due_at - TUESDAY_AT_NINE for each in page if each.due_at is not None]
    assert len(late) == 40
    assert timedelta() <= min(late)
    assert max(late) <= OPENING_SPREAD
    assert max(late) - min(late) > timedelta(seconds=10)


@pytest.mark.parametrize(
    "due_at",
    [
        pytest.param(MONDAY_NOON - timedelta(hours=3), id="the opening is past"),
        pytest.param(MONDAY_NOON, id="now"),
        pytest.param(LATER, id="in the middle of the window"),
    ],
)
async def test_nobody_whose_window_is_open_by_then_is_put_off(due_at: datetime) -> None:
    world = a_world(OFFICE)
    moved_sleeper(world, 2, due_at)

    await tell(world)

    [(_, [told])] = world.directory.moved
    assert told.due_at == due_at


async def test_nobody_is_told_of_a_batch_where_nobody_was_moved() -> None:
    world = a_world()
    moved_sleeper(world, 2, LATER)

    assert await tell(world, since=MONDAY_NOON + timedelta(microseconds=1)) == NotifiedRescheduled(
        next_position=None
    )
    assert world.directory.moved == [(BATCH_ID, ())]


async def test_batch_that_is_gone_has_nobody_to_be_told() -> None:
    world = a_world()
    moved_sleeper(world, 2, LATER)
    del world.tables.batches[BATCH_ID]

    await tell(world)

    assert world.directory.moved == [(BATCH_ID, ())]


async def test_page_that_could_not_be_told_is_told_by_the_rerun() -> None:
    world = a_world()
    moved_sleeper(world, 2, LATER)
    world.directory.is_down = True
    with pytest.raises(EngineUnavailable):
        await tell(world)
    world.directory.is_down = False

    assert await tell(world) == NotifiedRescheduled(next_position=None)
    assert len(world.directory.moved) == 1


@pytest.mark.parametrize(
    ("due_at", "spread"),
    [
        pytest.param(TUESDAY_AT_NINE, OPENING_SPREAD, id="until an opening"),
        pytest.param(LATER, timedelta(), id="within the window"),
        pytest.param(None, timedelta(), id="not put off"),
    ],
)
async def test_slot_returned_until_an_opening_says_how_far_the_wake_ups_are_spread(
    due_at: datetime | None, spread: timedelta
) -> None:
    world = a_world(OFFICE)
    contact = replace(world.contact, status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON)
    world.tables.contacts[CONTACT_ID] = contact
    request = ReturnSlot(batch_id=BATCH_ID, contact_id=CONTACT_ID, attempt=2, due_at=due_at)

    returned = await world.run(world.of_contacts.return_slot, request)

    assert returned == ReturnedSlot(status=ContactStatus.RETRYING, batch_is_gone=False, spread=spread)
    assert world.contact.next_retry_at == (due_at or MONDAY_NOON)


def _busy_at_noon(world: World, position: int) -> None:
    """Put somebody into the batch who was busy at noon and waits for three hours."""
    waits = world.add(position, ContactStatus.RETRYING, next_retry_at=MONDAY_NOON + timedelta(hours=3))
    world.add_call(waits, ended_at=MONDAY_NOON)


async def test_waiting_contacts_are_timed_by_the_rules_page_by_page_and_the_rest_stay() -> None:
    world = a_world(a_campaign_rules(retry_policy=RedialPolicy(cooldown=timedelta(hours=2))))
    for position in (2, 5, 9):
        _busy_at_noon(world, position)

    pages = [
        await world.run(
            world.of_rescheduled.reschedule_contacts,
            RescheduleContacts(batch_id=BATCH_ID, after_position=after, limit=2),
        )
        for after in (0, 5, 5)
    ]

    assert pages == [
        RescheduledContactsPage(next_position=5, may_have_moved=True),
        RescheduledContactsPage(next_position=None, may_have_moved=True),
        RescheduledContactsPage(next_position=None, may_have_moved=False),
    ]
    assert {world.tables.contacts[ContactId(f"con_{each}")].next_retry_at for each in (2, 5, 9)} == {LATER}
    assert world.directory.moved == []


async def test_page_whose_first_attempt_was_cut_off_may_have_moved_contacts() -> None:
    world = a_world(a_campaign_rules(retry_policy=RedialPolicy(cooldown=timedelta(hours=2))))
    _busy_at_noon(world, 2)
    request = RescheduleContacts(batch_id=BATCH_ID, after_position=0, limit=2)
    await world.run(world.of_rescheduled.reschedule_contacts, request)

    env = ActivityEnvironment()
    env.info = replace(env.info, attempt=2)
    page = await env.run(world.of_rescheduled.reschedule_contacts, request)

    assert page == RescheduledContactsPage(next_position=None, may_have_moved=True)
