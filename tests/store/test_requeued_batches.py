"""Batches of contacts that are called again; real stores and fakes alike."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.batch import Batch, BatchOverrides, BatchStatus
from domain.call import CallStatus
from domain.campaign import CampaignStatus
from domain.contact import TERMINAL, Contact, ContactStatus, NewContact
from domain.counters import Counters
from domain.disposition_report import DispositionReport
from domain.errors import CampaignClosed, IdempotencyKeyBusy, IdempotencyKeyUsed, NobodyLeft
from domain.identity import TokenId
from domain.lifecycle import Action
from domain.ports import CalledAgain, IdempotencyKey, KeyedRequest
from domain.settlement import Settlement
from domain.suppression import NewSuppression, Suppression
from tests.builders import MONDAY_NOON, ORGANIZATION, a_new_batch, a_new_contact
from tests.store.scenes import EVERYTHING, Stores, World

pytestmark = pytest.mark.store

SOON = MONDAY_NOON + timedelta(minutes=5)
ENDS = {
    CallStatus.COMPLETED: ContactStatus.COMPLETED,
    CallStatus.BUSY: ContactStatus.BUSY,
    CallStatus.NO_ANSWER: ContactStatus.NO_ANSWER,
}
EVERY_END = CalledAgain(statuses=TERMINAL)


async def _requeued(
    world: World, parent: Batch, which: CalledAgain = EVERY_END, keyed: Any = None, **fields: Any
) -> Batch:
    new = a_new_batch(campaign_id=parent.campaign_id, parent_batch_id=parent.batch_id, **fields)
    return await world.batches.requeue(new, which, SOON, keyed)


async def _a_called_batch(world: World) -> tuple[Batch, Sequence[Contact]]:
    """A running batch of five: one answered, one busy, one silent, one skipped by hand, one that waits."""
    people = [
        NewContact(
            phone_number=a_new_contact(number).phone_number,
            external_id=f"P-{number}",
            timezone="Asia/Tokyo",
            number_timezones=("Asia/Tokyo", "Asia/Seoul"),
            call_variables={"n": number},
        )
        for number in range(1, 6)
    ]
    batch = await world.a_kept_batch(people)
    contacts = await world.people_of(batch)
    for contact, (outcome, end) in zip(contacts, ENDS.items(), strict=False):
        await world.ended(contact, outcome, Settlement(status=end))
    await world.contacts.skip_by_hand(batch.batch_id, contacts[3].contact_id, MONDAY_NOON)
    return batch, contacts


async def _suppressed(world: World, person: NewContact) -> Suppression:
    new = NewSuppression(phone_number=person.phone_number)
    added = await world.suppressions.add(ORGANIZATION, new, MONDAY_NOON, added_by=TokenId("tok_1"))
    return added.suppression


async def _numbers(world: World, batch: Batch) -> list[str]:
    return [each.phone_number for each in await world.people_of(batch)]


@pytest.mark.parametrize(
    ("statuses", "places"),
    [
        pytest.param({ContactStatus.COMPLETED}, [0], id="one"),
        pytest.param({ContactStatus.NO_ANSWER, ContactStatus.BUSY}, [1, 2], id="two, in their order"),
        pytest.param({ContactStatus.SKIPPED}, [3], id="by hand"),
        pytest.param(TERMINAL, [0, 1, 2, 3], id="all that are over"),
    ],
)
async def test_contacts_with_these_ends_are_called_again_and_nobody_else(
    world: World, statuses: frozenset[ContactStatus], places: list[int]
) -> None:
    parent, people = await _a_called_batch(world)
    batch = await _requeued(world, parent, CalledAgain(statuses=frozenset(statuses)))
    assert await _numbers(world, batch) == [people[place].phone_number for place in places]


async def test_copies_begin_anew_with_what_was_uploaded(world: World) -> None:
    parent, people = await _a_called_batch(world)
    batch = await _requeued(world, parent)
    again = await world.people_of(batch)
    assert [each.position for each in again] == [1, 2, 3, 4]
    assert {each.contact_id for each in again}.isdisjoint(each.contact_id for each in people)
    assert len({each.contact_id for each in again}) == 4
    for copy, original in zip(again, people, strict=False):
        assert copy == Contact(
            contact_id=copy.contact_id,
            batch_id=batch.batch_id,
            campaign_id=parent.campaign_id,
            position=copy.position,
            external_id=original.external_id,
            phone_number=original.phone_number,
            timezone=original.timezone,
            number_timezones=original.number_timezones,
            zones_version=original.zones_version,
            call_variables=original.call_variables,
            status=ContactStatus.PENDING,
            created_at=SOON,
            updated_at=SOON,
        )


async def test_batch_names_its_parent_and_counts_whom_it_took(world: World) -> None:
    parent, _ = await _a_called_batch(world)
    overrides = BatchOverrides(max_retries_override=0)
    batch = await _requeued(world, parent, overrides=overrides, name="again")
    assert (batch.parent_batch_id, batch.name, batch.overrides) == (parent.batch_id, "again", overrides)
    assert (batch.total_contacts, batch.counters) == (4, Counters(pending=4))
    assert await world.batch(batch) == batch


async def test_parent_and_its_contacts_stay_as_they_are(world: World) -> None:
    parent, _ = await _a_called_batch(world)
    before = await world.batch(parent), await world.people_of(parent)
    await _requeued(world, parent)
    assert (await world.batch(parent), await world.people_of(parent)) == before


async def test_bad_rows_and_numbers_that_must_not_be_called_are_left_out(world: World) -> None:
    good, listed, bad = a_new_contact(1), a_new_contact(2), replace(a_new_contact(3), skip_detail="bad")
    parent = await world.a_kept_batch([good, listed, bad])
    await world.batches.act(parent.batch_id, Action.CANCEL, MONDAY_NOON)
    await _suppressed(world, listed)
    batch = await _requeued(world, parent)
    assert await _numbers(world, batch) == [good.phone_number]


async def test_contact_skipped_for_a_suppression_is_left_out_when_the_entry_is_gone(world: World) -> None:
    entry = await _suppressed(world, a_new_contact(1))
    parent = await world.a_kept_batch(2)
    await world.suppressions.remove(ORGANIZATION, entry.suppression_id, MONDAY_NOON)
    await world.batches.act(parent.batch_id, Action.CANCEL, MONDAY_NOON)
    batch = await _requeued(world, parent)
    assert await _numbers(world, batch) == [a_new_contact(2).phone_number]


async def test_disposition_of_the_newest_call_decides_where_some_are_named(world: World) -> None:
    parent, people = await _a_called_batch(world)
    for contact, word in zip(people, ("promised", "refused"), strict=False):
        [record] = (await world.contacts.calls_of([contact.contact_id]))[contact.contact_id]
        report = DispositionReport(disposition=word)
        await world.dispositions.report(ORGANIZATION, record.execution_id, report, SOON)
    which = CalledAgain(statuses=TERMINAL, dispositions=frozenset({"refused", "wrong_number"}))
    batch = await _requeued(world, parent, which)
    assert await _numbers(world, batch) == [people[1].phone_number]


async def test_nobody_left_leaves_nothing_behind(world: World) -> None:
    campaign = await world.a_kept_campaign()
    parent = await world.a_kept_batch(campaign=campaign)
    with pytest.raises(NobodyLeft):
        await _requeued(world, parent)
    page = await world.batches.list_batches(
        ORGANIZATION, campaign_id=campaign.campaign_id, statuses=[], window=EVERYTHING
    )
    assert [batch.batch_id for batch, _ in page.items] == [parent.batch_id]


async def test_completed_campaign_goes_on_and_a_cancelled_one_takes_nobody(world: World) -> None:
    over = await world.a_batch_that_is(BatchStatus.EXPIRED)
    campaign = await world.campaigns.get(ORGANIZATION, over.campaign_id)
    assert campaign.status is CampaignStatus.COMPLETED
    await _requeued(world, over)
    assert (await world.campaigns.get(ORGANIZATION, over.campaign_id)).status is CampaignStatus.ACTIVE
    await world.campaigns.act(ORGANIZATION, over.campaign_id, Action.CANCEL, SOON)
    with pytest.raises(CampaignClosed):
        await _requeued(world, over)


async def test_batch_of_a_paused_campaign_is_held(world: World) -> None:
    parent, _ = await _a_called_batch(world)
    await world.campaigns.act(ORGANIZATION, parent.campaign_id, Action.PAUSE, SOON)
    assert (await _requeued(world, parent)).status is BatchStatus.PAUSED


async def test_repeated_key_requeues_once(stores: Stores) -> None:
    parent, _ = await _a_called_batch(stores)
    key = IdempotencyKey(organization_id=ORGANIZATION, kind="batch", key="again")
    keyed = KeyedRequest[Batch](key=key, fingerprint="f", answer=lambda batch: batch.batch_id)

    tries = [_requeued(stores, parent, keyed=keyed) for _ in range(3)]
    made = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(isinstance(each, Batch) for each in made) == 1
    assert sum(isinstance(each, IdempotencyKeyBusy | IdempotencyKeyUsed) for each in made) == 2
