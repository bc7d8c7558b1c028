"""Whoever was moved while they slept is found by when it happened; real stores and fakes alike."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.batch import Batch
from domain.call import AttemptKind, CallStatus, DialState
from domain.campaign import CampaignRules
from domain.contact import Contact, ContactStatus
from domain.identity import BatchId
from domain.ports import RescheduledContact
from domain.redial import RedialPolicy
from domain.settlement import Settlement
from tests.builders import MONDAY_NOON, ORGANIZATION, a_new_contact, a_status_event
from tests.store.scenes import World

pytestmark = pytest.mark.store

MINUTE = timedelta(minutes=1)
SOON = MONDAY_NOON + 5 * MINUTE
WAITS = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON + 30 * MINUTE)


async def _change(world: World, batch: Batch, policy: RedialPolicy, now: datetime = SOON) -> None:
    """Change how a batch's campaign redials, and time everybody anew."""

    def amend(rules: CampaignRules) -> CampaignRules:
        return replace(rules, retry_policy=policy)

    await world.campaigns.change(ORGANIZATION, batch.campaign_id, amend, now)
    await world.reschedules.reschedule(batch.batch_id, 0, 100, now)


async def _busy(world: World, people: int) -> tuple[Batch, list[Contact]]:
    """Some who were busy at noon and wait for half past, and one whom nobody has called yet."""
    batch = await world.a_kept_batch([a_new_contact(number) for number in range(1, people + 2)])
    contacts = list(await world.people_of(batch))
    for each in contacts[:people]:
        await world.ended(each, CallStatus.BUSY, WAITS)
    return batch, contacts[:people]


def _told(contact: Contact, due_at: datetime | None, attempt: int = 2) -> RescheduledContact:
    return RescheduledContact(
        contact_id=contact.contact_id,
        position=contact.position,
        attempt=attempt,
        due_at=due_at,
        zone=contact.zone,
    )


async def _moved(
    world: World, batch: Batch, since: datetime = SOON, *, after: int = 0, limit: int = 10
) -> list[RescheduledContact]:
    return list(await world.reschedules.rescheduled_since(batch.batch_id, since, after, limit))


async def test_moved_sleeper_is_found_with_its_new_time_and_the_attempt_it_waits_for(world: World) -> None:
    batch, [person] = await _busy(world, 1)
    await _change(world, batch, RedialPolicy(cooldown=7 * MINUTE))

    assert await _moved(world, batch) == [_told(person, MONDAY_NOON + 7 * MINUTE)]


async def test_sleeper_whose_redials_are_over_is_found_without_a_time(world: World) -> None:
    batch, [person] = await _busy(world, 1)
    await _change(world, batch, RedialPolicy(max_retries=0))

    assert await _moved(world, batch) == [_told(person, None)]


async def test_nobody_is_found_who_was_moved_before_that_or_not_at_all(world: World) -> None:
    batch, _ = await _busy(world, 2)
    assert await _moved(world, batch) == []

    await _change(world, batch, RedialPolicy(cooldown=7 * MINUTE))
    assert await _moved(world, batch, SOON + timedelta(microseconds=1)) == []
    assert len(await _moved(world, batch, SOON)) == 2


async def test_everybody_is_found_in_pages_by_position_whether_they_wait_or_have_ended(world: World) -> None:
    batch, people = await _busy(world, 5)
    # One retry was spent by the second and the fourth, which ends them.
    for each in (people[1], people[3]):
        record = await world.claimed(each, 2, AttemptKind.RETRY)
        await world.hears(record, CallStatus.BUSY)
        await world.contacts.settle(each.contact_id, 2, WAITS, MONDAY_NOON)
    await _change(world, batch, RedialPolicy(max_retries=1, cooldown=7 * MINUTE))

    pages = [await _moved(world, batch, after=after, limit=2) for after in (0, 2, 4)]

    due_at = MONDAY_NOON + 7 * MINUTE
    assert pages == [
        [_told(people[0], due_at), _told(people[1], None, 3)],
        [_told(people[2], due_at), _told(people[3], None, 3)],
        [_told(people[4], due_at)],
    ]


async def test_attempt_that_was_given_back_undialled_is_the_one_that_is_waited_for(world: World) -> None:
    batch, [person] = await _busy(world, 1)
    record = await world.claimed(person, 2, AttemptKind.RETRY)
    await world.calls.record_dial(record.execution_id, DialState.READY)
    await world.contacts.give_back(person.contact_id, 2, MONDAY_NOON)

    await _change(world, batch, RedialPolicy(cooldown=7 * MINUTE))
    assert await _moved(world, batch) == [_told(person, MONDAY_NOON + 7 * MINUTE)]

    await _change(world, batch, RedialPolicy(max_retries=0), SOON + MINUTE)
    assert await _moved(world, batch) == [_told(person, None)]


async def test_moved_follow_up_is_found_by_its_planned_time(world: World) -> None:
    batch = await world.a_kept_batch()
    [person] = await world.people_of(batch)
    record = await world.claimed(person)
    agreed = MONDAY_NOON + timedelta(days=1)
    event = a_status_event(CallStatus.COMPLETED, follow_up_at=agreed)
    await world.calls.record_event(record.execution_id, event, event_key="1", body=None)
    plan = Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=agreed)
    await world.contacts.settle(person.contact_id, 1, plan, MONDAY_NOON)

    def abroad(rules: CampaignRules) -> CampaignRules:
        return replace(rules, working_hours_enforced=True, timezone="Asia/Tokyo")

    await world.campaigns.change(ORGANIZATION, batch.campaign_id, abroad, SOON)
    await world.reschedules.reschedule(batch.batch_id, 0, 100, SOON)

    assert await _moved(world, batch) == [_told(person, agreed + timedelta(hours=12))]


async def _dispatched(world: World, person: Contact) -> None:
    await world.claimed(person, 2, AttemptKind.RETRY)


async def _completed(world: World, person: Contact) -> None:
    record = await world.claimed(person, 2, AttemptKind.RETRY)
    await world.hears(record, CallStatus.COMPLETED)
    await world.contacts.settle(person.contact_id, 2, Settlement(status=ContactStatus.COMPLETED), SOON)


async def _skipped(world: World, person: Contact) -> None:
    await world.contacts.skip_by_hand(person.batch_id, person.contact_id, SOON)


@pytest.mark.parametrize("go_on", [_dispatched, _completed, _skipped])
async def test_whoever_is_called_again_was_reached_or_was_skipped_is_left_alone(
    world: World, go_on: Callable[[World, Contact], Awaitable[None]]
) -> None:
    batch, [person] = await _busy(world, 1)
    await go_on(world, person)

    assert await _moved(world, batch, MONDAY_NOON) == []


async def test_other_batches_are_left_alone(world: World) -> None:
    batch, _ = await _busy(world, 1)
    await _change(world, batch, RedialPolicy(cooldown=7 * MINUTE))

    other = await world.a_kept_batch()

    assert await _moved(world, other, MONDAY_NOON) == []
    assert list(await world.reschedules.rescheduled_since(BatchId("btc_none"), MONDAY_NOON, 0, 10)) == []
