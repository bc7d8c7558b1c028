"""A suppressed number is not called, whoever waits on it; the real store and the fake agree."""

from datetime import timedelta

import pytest

from domain.audit import APOLLO, AuditFilter
from domain.call import CallStatus, DialState
from domain.contact import ContactStatus, SkipReason
from domain.errors import ExecutionNotFound, SuppressionNotFound
from domain.gates import Gate
from domain.identity import ExecutionId, OrganizationId, SuppressionId, TokenId
from domain.ports import Window
from domain.settlement import Settlement
from domain.suppression import OPTED_OUT, NewSuppression, SkippedContact, Suppression
from store.audit.log import PostgresAuditLog
from tests.builders import CALLEE, MONDAY_NOON, ORGANIZATION, a_claim, a_new_contact
from tests.store.scenes import LATER, Stores, World

pytestmark = pytest.mark.store

TOKEN = TokenId("tok_1")
OTHER_TOKEN = TokenId("tok_2")
OTHERS = OrganizationId("org_other")
AGAIN = MONDAY_NOON + timedelta(hours=1)
NOBODY_TO_CALL = [a_new_contact(phone_number=CALLEE)]
RETRY = Settlement(status=ContactStatus.RETRYING, next_retry_at=AGAIN)
FOLLOW_UP = Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=AGAIN)
NUMBER = NewSuppression(phone_number=CALLEE)


async def _suppress(world: World, new: NewSuppression = NUMBER) -> SuppressionId:
    added = await world.suppressions.add(ORGANIZATION, new, MONDAY_NOON, added_by=TOKEN)
    return added.suppression.suppression_id


async def test_added_number_is_kept_with_who_added_it_and_when(world: World) -> None:
    new = NewSuppression(phone_number=CALLEE, reason="asked by letter", expires_at=LATER)
    added = await world.suppressions.add(ORGANIZATION, new, MONDAY_NOON, added_by=TOKEN)
    kept = added.suppression
    assert added.is_new
    assert (kept.phone_number, kept.reason, kept.expires_at) == (CALLEE, "asked by letter", LATER)
    assert (kept.added_by, kept.created_at, kept.updated_at) == (TOKEN, MONDAY_NOON, MONDAY_NOON)
    assert await world.suppressions.get(ORGANIZATION, kept.suppression_id) == kept


async def test_number_added_again_keeps_its_entry_and_takes_the_new_reason_and_expiry(world: World) -> None:
    first = await _suppress(world, NewSuppression(phone_number=CALLEE, reason="first", expires_at=LATER))
    second = NewSuppression(phone_number=CALLEE, reason="second")
    added = await world.suppressions.add(ORGANIZATION, second, AGAIN, added_by=OTHER_TOKEN)
    kept = added.suppression
    assert not added.is_new
    assert (kept.suppression_id, kept.reason, kept.expires_at) == (first, "second", None)
    assert (kept.added_by, kept.created_at, kept.updated_at) == (OTHER_TOKEN, MONDAY_NOON, AGAIN)


async def test_suppressed_contact_of_an_upload_is_stored_as_skipped(world: World) -> None:
    await _suppress(world)
    people = [a_new_contact(phone_number=CALLEE), a_new_contact(2), a_new_contact(3, skip_detail="bad")]
    batch = await world.a_kept_batch(people)
    suppressed, other, bad = await world.people_of(batch)
    assert (suppressed.status, suppressed.skip_reason) == (ContactStatus.SKIPPED, SkipReason.SUPPRESSED)
    assert other.status is ContactStatus.PENDING
    assert bad.skip_reason is SkipReason.INVALID_NUMBER
    assert (batch.counters.pending, batch.counters.skipped) == (1, 2)
    assert (await world.batch(batch)).counters == batch.counters


@pytest.mark.parametrize(
    ("organization", "expires_at"),
    [
        pytest.param(OTHERS, None, id="of another organization"),
        pytest.param(ORGANIZATION, MONDAY_NOON, id="that has just expired"),
    ],
)
async def test_entry_that_does_not_hold_withholds_nobody(
    world: World, organization: OrganizationId, expires_at: object
) -> None:
    early = MONDAY_NOON - timedelta(hours=1)
    new = NewSuppression(phone_number=CALLEE, expires_at=None if expires_at is None else MONDAY_NOON)
    await world.suppressions.add(organization, new, early, added_by=TOKEN)
    person = await world.a_person(people=NOBODY_TO_CALL)
    assert person.status is ContactStatus.PENDING
    await world.claimed(person)


async def test_pending_contact_meets_the_entry_at_its_turn_and_is_skipped(world: World) -> None:
    person = await world.a_person(people=NOBODY_TO_CALL)
    await _suppress(world)
    assert await world.status(person) is ContactStatus.PENDING
    assert await world.calls.claim_attempt(a_claim(person.contact_id), LATER) is Gate.SUPPRESSED
    assert await world.contacts.calls_of([person.contact_id]) == {}
    assert await world.contacts.give_back(person.contact_id, 1, LATER) is ContactStatus.SKIPPED
    skipped = await world.contact(person)
    assert (skipped.skip_reason, skipped.skip_detail) == (SkipReason.SUPPRESSED, None)


async def test_attempt_that_was_given_back_is_not_asked_for_again_and_ends_cancelled(world: World) -> None:
    person = await world.a_person(people=NOBODY_TO_CALL)
    record = await world.claimed(person)
    await world.calls.record_dial(record.execution_id, DialState.READY)
    await _suppress(world)
    assert await world.calls.claim_attempt(a_claim(person.contact_id), LATER) is Gate.SUPPRESSED
    assert await world.contacts.give_back(person.contact_id, 1, LATER) is ContactStatus.SKIPPED
    assert (await world.call(record)).call_status is CallStatus.CANCELLED


async def test_attempt_that_was_asked_for_is_still_told_to_its_asker(world: World) -> None:
    person = await world.a_person(people=NOBODY_TO_CALL)
    await world.claimed(person)
    await _suppress(world)
    claimed = await world.calls.claim_attempt(a_claim(person.contact_id), LATER)
    assert not isinstance(claimed, Gate)


@pytest.mark.parametrize(
    ("outcome", "settlement"),
    [
        pytest.param(CallStatus.BUSY, RETRY, id="waits for a retry"),
        pytest.param(CallStatus.COMPLETED, FOLLOW_UP, id="waits for a follow-up"),
    ],
)
async def test_whoever_waits_to_be_called_again_is_skipped_at_once(
    world: World, outcome: CallStatus, settlement: Settlement
) -> None:
    person = await world.a_person(people=NOBODY_TO_CALL)
    await world.ended(person, outcome, settlement)
    added = await world.suppressions.add(ORGANIZATION, NUMBER, LATER, added_by=TOKEN)
    stands = await world.contact(person)
    assert (stands.status, stands.skip_reason) == (ContactStatus.SKIPPED, SkipReason.SUPPRESSED)
    assert (stands.next_retry_at, stands.follow_up_at, stands.updated_at) == (None, None, LATER)
    assert added.skipped == [
        SkippedContact(batch_id=person.batch_id, contact_id=person.contact_id, was=settlement.status)
    ]


async def test_sleeping_contacts_on_other_numbers_or_of_other_organizations_sleep_on(world: World) -> None:
    person = await world.a_person(people=NOBODY_TO_CALL)
    await world.ended(person, CallStatus.BUSY, RETRY)
    other = NewSuppression(phone_number="+14155550199")
    assert (await world.suppressions.add(ORGANIZATION, other, LATER, added_by=TOKEN)).skipped == []
    assert (await world.suppressions.add(OTHERS, NUMBER, LATER, added_by=TOKEN)).skipped == []
    expired = NewSuppression(phone_number=CALLEE, expires_at=MONDAY_NOON)
    assert (await world.suppressions.add(ORGANIZATION, expired, LATER, added_by=TOKEN)).skipped == []
    assert await world.status(person) is ContactStatus.RETRYING


async def test_call_that_ends_after_the_number_was_suppressed_keeps_its_outcome_without_a_retry(
    world: World,
) -> None:
    person = await world.a_person(people=NOBODY_TO_CALL)
    record = await world.claimed(person)
    await _suppress(world)
    await world.hears(record, CallStatus.RINGING, CallStatus.BUSY)
    stands = await world.contacts.settle(person.contact_id, 1, RETRY, LATER)
    assert stands == Settlement(status=ContactStatus.BUSY)


async def test_opt_out_lists_the_called_number_for_good_and_names_the_attempt(world: World) -> None:
    person = await world.a_person(people=NOBODY_TO_CALL)
    record = await world.claimed(person)
    await _suppress(world, NewSuppression(phone_number=CALLEE, reason="for a while", expires_at=LATER))
    assert await world.suppressions.opt_out(record.execution_id, AGAIN) == []
    (entry,) = (
        await world.suppressions.list_suppressions(ORGANIZATION, phone_number=CALLEE, window=Window())
    ).items
    assert (entry.reason, entry.expires_at, entry.added_by) == (OPTED_OUT, None, None)
    assert entry.execution_id == record.execution_id


async def _opted_out(world: World) -> Suppression:
    record = await world.claimed(await world.a_person(people=NOBODY_TO_CALL))
    await world.suppressions.opt_out(record.execution_id, MONDAY_NOON)
    return await _entry(world)


async def _entry(world: World) -> Suppression:
    listed = world.suppressions.list_suppressions(ORGANIZATION, phone_number=CALLEE, window=Window())
    (entry,) = (await listed).items
    return entry


async def test_repeated_opt_out_changes_nothing(world: World) -> None:
    before = await _opted_out(world)
    assert before.execution_id is not None
    await world.suppressions.opt_out(before.execution_id, AGAIN)
    assert await _entry(world) == before


async def test_opt_out_in_a_later_call_changes_nothing(world: World) -> None:
    person = await world.a_person(people=NOBODY_TO_CALL)
    first = await world.ended(person, CallStatus.BUSY, RETRY)
    second = await world.claimed(await world.a_person(people=NOBODY_TO_CALL))
    await world.suppressions.opt_out(first.execution_id, MONDAY_NOON)
    before = await _entry(world)
    await world.suppressions.opt_out(second.execution_id, AGAIN)
    assert await _entry(world) == before


LATER_WISHES = [
    pytest.param(NewSuppression(phone_number=CALLEE, reason="for a while", expires_at=LATER), id="shorter"),
    pytest.param(NewSuppression(phone_number=CALLEE, expires_at=MONDAY_NOON), id="expired already"),
    pytest.param(NewSuppression(phone_number=CALLEE, reason="by letter"), id="for good too"),
    pytest.param(
        NewSuppression(phone_number=CALLEE, expires_at=LATER, execution_id=ExecutionId("exec_other")),
        id="from another call",
    ),
]


@pytest.mark.parametrize("wish", LATER_WISHES)
async def test_number_whose_callee_opted_out_keeps_its_entry_when_it_is_added_again(
    world: World, wish: NewSuppression
) -> None:
    before = await _opted_out(world)
    added = await world.suppressions.add(ORGANIZATION, wish, AGAIN, added_by=TOKEN)
    assert (added.suppression, added.is_new) == (before, False)
    assert await _entry(world) == before


@pytest.mark.parametrize("wish", LATER_WISHES)
async def test_number_whose_callee_opted_out_keeps_its_entry_in_an_import(
    world: World, wish: NewSuppression
) -> None:
    before = await _opted_out(world)
    imported = await world.suppressions.add_all(ORGANIZATION, [wish], AGAIN, added_by=TOKEN)
    assert (imported.added, imported.updated) == (0, 1)
    assert await _entry(world) == before


async def test_number_a_client_lists_for_good_by_its_call_is_an_opt_out_as_well(world: World) -> None:
    record = await world.claimed(await world.a_person(people=NOBODY_TO_CALL))
    heard = NewSuppression(phone_number=CALLEE, reason="said no", execution_id=record.execution_id)
    await _suppress(world, heard)
    await _suppress(world, NewSuppression(phone_number=CALLEE, expires_at=LATER))
    kept = await _entry(world)
    assert (kept.reason, kept.expires_at, kept.execution_id) == ("said no", None, record.execution_id)


async def test_opt_out_stands_on_a_number_that_was_listed_for_good_before(world: World) -> None:
    record = await world.claimed(await world.a_person(people=NOBODY_TO_CALL))
    await _suppress(world, NewSuppression(phone_number=CALLEE, reason="by letter"))
    await world.suppressions.opt_out(record.execution_id, AGAIN)
    before = await _entry(world)
    assert (before.reason, before.added_by, before.is_opt_out) == (OPTED_OUT, None, True)
    await _suppress(world, NewSuppression(phone_number=CALLEE, expires_at=LATER))
    assert await _entry(world) == before


async def test_opt_out_that_a_person_removed_is_gone(world: World) -> None:
    opted_out = await _opted_out(world)
    await world.suppressions.remove(ORGANIZATION, opted_out.suppression_id, MONDAY_NOON)
    await _suppress(world, NewSuppression(phone_number=CALLEE, expires_at=LATER))
    assert (await _entry(world)).expires_at == LATER


async def test_opt_out_skips_the_same_person_sleeping_in_another_batch(world: World) -> None:
    sleeper = await world.a_person(people=NOBODY_TO_CALL)
    await world.ended(sleeper, CallStatus.BUSY, RETRY)
    person = await world.a_person(people=NOBODY_TO_CALL)
    record = await world.claimed(person)
    (skipped,) = await world.suppressions.opt_out(record.execution_id, AGAIN)
    assert skipped.contact_id == sleeper.contact_id
    assert await world.status(sleeper) is ContactStatus.SKIPPED


async def test_number_of_an_attempt_is_told_to_its_own_organization_only(world: World) -> None:
    person = await world.a_person(people=NOBODY_TO_CALL)
    record = await world.claimed(person)
    assert await world.suppressions.number_called(ORGANIZATION, record.execution_id) == CALLEE
    with pytest.raises(ExecutionNotFound):
        await world.suppressions.number_called(OTHERS, record.execution_id)
    with pytest.raises(ExecutionNotFound):
        await world.suppressions.opt_out(ExecutionId("exec_nobody"), AGAIN)


async def test_import_adds_and_updates_and_skips_sleepers(world: World) -> None:
    person = await world.a_person(people=NOBODY_TO_CALL)
    await world.ended(person, CallStatus.BUSY, RETRY)
    await _suppress(world, NewSuppression(phone_number="+14155550198"))
    listed = [CALLEE, "+14155550198", "+14155550197"]
    imported = await world.suppressions.add_all(
        ORGANIZATION, [NewSuppression(phone_number=each) for each in listed], LATER, added_by=TOKEN
    )
    assert (imported.added, imported.updated) == (2, 1)
    assert [each.contact_id for each in imported.skipped] == [person.contact_id]


async def test_removed_number_may_be_called_again(world: World) -> None:
    entry = await _suppress(world)
    await world.suppressions.remove(ORGANIZATION, entry, MONDAY_NOON)
    await world.claimed(await world.a_person(people=NOBODY_TO_CALL))
    with pytest.raises(SuppressionNotFound):
        await world.suppressions.get(ORGANIZATION, entry)
    with pytest.raises(SuppressionNotFound):
        await world.suppressions.remove(ORGANIZATION, entry, MONDAY_NOON)


@pytest.mark.parametrize("times", [1, 2])
async def test_opting_out_in_a_call_is_told_once_in_the_audit_log(stores: Stores, times: int) -> None:
    call = await stores.claimed(await stores.a_person())
    for _ in range(times):
        await stores.suppressions.opt_out(call.execution_id, MONDAY_NOON)

    newest, *older = (
        await PostgresAuditLog(stores.engine).list_entries(ORGANIZATION, AuditFilter(), Window())
    ).items

    assert (newest.actor, newest.action) == (APOLLO, "suppression.create")
    assert newest.after is not None
    assert newest.after["execution_id"] == call.execution_id
    assert all(each.action != "suppression.create" for each in older)


async def test_foreign_entry_can_be_neither_seen_nor_removed(world: World) -> None:
    entry = await _suppress(world)
    with pytest.raises(SuppressionNotFound):
        await world.suppressions.get(OTHERS, entry)
    with pytest.raises(SuppressionNotFound):
        await world.suppressions.remove(OTHERS, entry, MONDAY_NOON)
    page = await world.suppressions.list_suppressions(OTHERS, phone_number=None, window=Window())
    assert (page.items, page.total) == ([], 0)


async def test_entries_are_listed_newest_first_and_page_by_page(world: World) -> None:
    numbers = [f"+1415555019{digit}" for digit in range(3)]
    for minute, number in enumerate(numbers):
        await world.suppressions.add(
            ORGANIZATION,
            NewSuppression(phone_number=number),
            MONDAY_NOON + timedelta(minutes=minute),
            added_by=TOKEN,
        )
    page = await world.suppressions.list_suppressions(
        ORGANIZATION, phone_number=None, window=Window(skip=1, limit=1)
    )
    assert ([each.phone_number for each in page.items], page.total) == (numbers[1:2], 3)
