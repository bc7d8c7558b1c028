"""Contacts that are added to a batch; real stores and fakes alike."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.batch import TERMINAL_BATCH, Batch, BatchStatus
from domain.contact import ContactStatus, NewContact, SkipReason
from domain.counters import Counters
from domain.errors import (
    BatchFull,
    BatchNotFound,
    IdempotencyKeyBusy,
    IdempotencyKeyUsed,
    IllegalTransition,
    NumbersKnown,
)
from domain.identity import OrganizationId, TokenId
from domain.lifecycle import Action
from domain.ports import AppendedContacts, IdempotencyKey, KeyedRequest
from domain.suppression import NewSuppression
from tests.builders import MONDAY_NOON, ORGANIZATION, a_new_contact
from tests.store import append_race
from tests.store.scenes import Stores, World

pytestmark = pytest.mark.store

SOON = MONDAY_NOON + timedelta(minutes=5)


def _people(*numbers: int) -> Sequence[NewContact]:
    return [a_new_contact(number) for number in numbers]


async def _append(
    world: World, batch: Batch, people: Sequence[NewContact], keyed: Any = None, *, refuses: bool = False
) -> AppendedContacts:
    return await world.batches.append(
        ORGANIZATION, batch.batch_id, people, SOON, keyed, refuses_duplicates=refuses
    )


@pytest.mark.parametrize("status", sorted(set(BatchStatus) - TERMINAL_BATCH))
async def test_contacts_come_behind_those_that_are_there_and_the_counters_are_exact(
    world: World, status: BatchStatus
) -> None:
    batch = await world.a_batch_that_is(status)
    before = await world.people_of(batch)

    appended = await _append(world, batch, _people(7, 8))

    assert appended == AppendedContacts(total_contacts=3, duplicates=0)
    people = await world.people_of(batch)
    assert list(people[:1]) == list(before)
    assert [each.position for each in people] == [1, 2, 3]
    assert [(each.phone_number, each.status, each.created_at) for each in people[1:]] == [
        (each.phone_number, ContactStatus.PENDING, SOON) for each in _people(7, 8)
    ]
    stands = await world.batch(batch)
    assert (stands.total_contacts, stands.counters) == (3, Counters(pending=3))
    assert (stands.status, stands.updated_at) == (status, SOON)


async def test_numbers_that_are_there_are_passed_over(world: World) -> None:
    batch = await world.a_kept_batch(2)
    appended = await _append(world, batch, _people(2, 3, 1))
    assert appended == AppendedContacts(total_contacts=3, duplicates=2)
    assert [each.phone_number for each in await world.people_of(batch)] == [
        each.phone_number for each in _people(1, 2, 3)
    ]


async def test_all_of_them_duplicates_changes_nothing(world: World) -> None:
    batch = await world.a_kept_batch(2)
    assert await _append(world, batch, _people(1, 2)) == AppendedContacts(total_contacts=2, duplicates=2)
    assert await world.batch(batch) == batch


async def test_refused_duplicates_are_named_by_their_places_and_nothing_is_kept(world: World) -> None:
    batch = await world.a_kept_batch(2)
    with pytest.raises(NumbersKnown) as refused:
        await _append(world, batch, _people(2, 3, 1), refuses=True)
    assert refused.value.rows == (0, 2)
    assert await world.batch(batch) == batch


async def test_bad_rows_are_kept_as_skipped_and_are_nobodys_duplicates(world: World) -> None:
    bad = replace(a_new_contact(1), skip_detail="bad")
    batch = await world.a_kept_batch([bad])
    appended = await _append(world, batch, [bad, a_new_contact(1)])
    assert appended == AppendedContacts(total_contacts=3, duplicates=0)
    assert [each.skip_reason for each in await world.people_of(batch)] == [
        SkipReason.INVALID_NUMBER,
        SkipReason.INVALID_NUMBER,
        None,
    ]


async def test_suppressed_number_is_skipped_and_those_before_stay_as_they_are(world: World) -> None:
    batch = await world.a_kept_batch(1)
    for person in _people(1, 2):
        new = NewSuppression(phone_number=person.phone_number)
        await world.suppressions.add(ORGANIZATION, new, MONDAY_NOON, added_by=TokenId("tok_1"))
    await _append(world, batch, _people(2, 3))
    assert [each.skip_reason for each in await world.people_of(batch)] == [None, SkipReason.SUPPRESSED, None]


@pytest.mark.parametrize("status", sorted(TERMINAL_BATCH))
async def test_batch_that_is_over_takes_nobody(world: World, status: BatchStatus) -> None:
    batch = await world.a_batch_that_is(status)
    with pytest.raises(IllegalTransition) as refused:
        await _append(world, batch, _people(7))
    assert refused.value.message == f"Batch is {status} and cannot take contacts"


async def test_foreign_and_deleted_batches_take_nobody(world: World) -> None:
    kept, gone = await world.a_kept_batch(), await world.a_kept_batch()
    await world.campaigns.act(ORGANIZATION, gone.campaign_id, Action.CANCEL, MONDAY_NOON)
    await world.campaigns.delete(ORGANIZATION, gone.campaign_id, MONDAY_NOON)
    for organization, batch in ((OrganizationId("org_other"), kept), (ORGANIZATION, gone)):
        with pytest.raises(BatchNotFound):
            await world.batches.append(organization, batch.batch_id, _people(7), SOON)


async def test_batch_that_would_hold_too_many_takes_nobody(stores: Stores) -> None:
    batch = await stores.a_kept_batch()
    await stores.force("batches", total_contacts=999_999)
    with pytest.raises(BatchFull) as refused:
        await _append(stores, batch, _people(7, 8))
    assert refused.value.message == "Batch holds 999,999 contacts and may hold 1,000,000"
    assert len(await stores.people_of(batch)) == 1


async def test_appended_contact_is_granted_a_slot_by_a_batch_that_has_looked_at_all(world: World) -> None:
    batch = await world.a_kept_batch(1)
    first = await world.grant(batch.batch_id)
    await _append(world, batch, _people(7))
    second = await world.grant(batch.batch_id, cursor=first.cursor)
    people = await world.people_of(batch)
    assert [each.contact_id for each in (*first.granted, *second.granted)] == [
        each.contact_id for each in people
    ]


async def test_appends_at_once_take_each_number_once_and_leave_no_gap(stores: Stores) -> None:
    batch = await stores.a_kept_batch(1)
    sent = (_people(1, 2, 3), _people(2, 3, 4), _people(3, 4, 5))
    appended = await asyncio.gather(*(_append(stores, batch, each) for each in sent))
    people = await stores.people_of(batch)
    assert [each.position for each in people] == [1, 2, 3, 4, 5]
    assert {each.phone_number for each in people} == {each.phone_number for each in _people(1, 2, 3, 4, 5)}
    assert (await stores.batch(batch)).total_contacts == max(each.total_contacts for each in appended) == 5


async def test_append_and_the_end_of_the_batch_never_leave_somebody_in_a_finished_batch(
    stores: Stores,
) -> None:
    batch = await stores.a_kept_batch([replace(a_new_contact(1), skip_detail="bad")])
    append = asyncio.create_task(_append(stores, batch, _people(7)))
    await asyncio.gather(append, stores.batches.finish(batch.batch_id, SOON), return_exceptions=True)
    stands = await stores.batch(batch)
    if append.exception() is None:
        assert (stands.status, stands.counters.pending) == (BatchStatus.IN_PROGRESS, 1)
    else:
        assert (stands.status, stands.total_contacts) == (BatchStatus.COMPLETED, 1)


async def test_append_at_the_moment_the_last_contact_ends_is_refused_or_its_contact_called(
    stores: Stores,
) -> None:
    """`python -m tests.store.append_race` tries it a thousand times."""
    came_of = {await append_race.play(stores, seed) for seed in range(1, 31)}
    assert came_of <= {append_race.CALLED, append_race.REFUSED}


async def test_repeated_key_appends_once(stores: Stores) -> None:
    batch = await stores.a_kept_batch(1)
    key = IdempotencyKey(organization_id=ORGANIZATION, kind="contacts", key="more")
    keyed = KeyedRequest[AppendedContacts](key=key, fingerprint="f", answer=str)
    bad = [replace(a_new_contact(7), skip_detail="bad")]

    tries = [_append(stores, batch, bad, keyed) for _ in range(3)]
    made = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(isinstance(each, AppendedContacts) for each in made) == 1
    assert sum(isinstance(each, IdempotencyKeyBusy | IdempotencyKeyUsed) for each in made) == 2
    assert (await stores.batch(batch)).total_contacts == 2
