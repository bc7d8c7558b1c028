"""Contacts that were withheld, and contacts whose workflow died: who stands where, and who is told."""

import pytest

from activities.contacts import NOBODY_LEFT
from activities.messages import CloseContact, ClosedContact, ReturnedSlot, ReturnSlot
from domain.batch import BatchStatus
from domain.call import AttemptKind, CallRecord, CallStatus, DialState
from domain.contact import ContactStatus, SkipReason
from domain.errors import EngineUnavailable
from domain.ports import AttemptReport
from tests.activities.world import World, a_call_under_way, a_dialled_call
from tests.builders import (
    BATCH_ID,
    CONTACT_ID,
    MONDAY_NOON,
    a_batch,
    a_call_record,
    a_contact,
    a_dial_brief,
)

RETURN = ReturnSlot(batch_id=BATCH_ID, contact_id=CONTACT_ID, attempt=1)
CLOSE = CloseContact(contact_id=CONTACT_ID, attempt=1)
WITHOUT_SLOT = CloseContact(contact_id=CONTACT_ID, attempt=0)


def a_withheld_report(status: ContactStatus) -> AttemptReport:
    """What the batch hears of a contact that a gate withheld."""
    return AttemptReport(contact_id=CONTACT_ID, attempt=1, status=status, withheld=True)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        pytest.param(AttemptKind.INITIAL, ContactStatus.PENDING, id="first attempt"),
        pytest.param(AttemptKind.RETRY, ContactStatus.RETRYING, id="retry"),
        pytest.param(AttemptKind.FOLLOW_UP, ContactStatus.FOLLOWUP_SCHEDULED, id="follow-up"),
    ],
)
async def test_contact_that_was_not_dialled_waits_again_as_before(
    kind: AttemptKind, status: ContactStatus
) -> None:
    world = a_call_under_way(a_call_record(kind=kind))

    returned = await world.run(world.of_contacts.return_slot, RETURN)

    assert returned == ReturnedSlot(status=status, batch_is_gone=False)
    assert world.contact.status is status
    assert world.reports.heard == [(BATCH_ID, a_withheld_report(status))]


async def test_slot_is_given_back_and_again_without_moving_the_contact() -> None:
    world = World()
    before = world.rows()

    answers = [await world.run(world.of_contacts.return_slot, RETURN) for _ in range(2)]

    assert answers == [ReturnedSlot(status=ContactStatus.PENDING, batch_is_gone=False)] * 2
    assert (world.rows(), len(world.reports.heard)) == (before, 2)


async def test_contact_whose_phone_may_ring_keeps_its_status() -> None:
    world = a_call_under_way(a_dialled_call(dial_state=DialState.DIALLING, provider_call_id=None))

    returned = await world.run(world.of_contacts.return_slot, RETURN)

    assert returned.status is world.contact.status is ContactStatus.DISPATCHED


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        pytest.param(BatchStatus.CANCELLED, SkipReason.BATCH_CANCELLED, id="cancelled"),
        pytest.param(BatchStatus.EXPIRED, SkipReason.BATCH_EXPIRED, id="expired"),
    ],
)
async def test_contact_that_was_not_dialled_before_its_batch_ended_is_skipped_with_it(
    batch: BatchStatus, reason: SkipReason
) -> None:
    world = a_call_under_way(a_call_record())
    world.tables.batches[BATCH_ID] = a_batch(status=batch)

    returned = await world.run(world.of_contacts.return_slot, RETURN)

    assert returned == ReturnedSlot(status=ContactStatus.SKIPPED, batch_is_gone=False)
    assert (world.contact.status, world.contact.skip_reason) == (ContactStatus.SKIPPED, reason)
    assert world.reports.heard == [(BATCH_ID, a_withheld_report(ContactStatus.SKIPPED))]


async def test_returned_slot_tells_that_the_batch_is_gone() -> None:
    world = World()
    world.reports.is_gone = True

    returned = await world.run(world.of_contacts.return_slot, RETURN)

    assert returned == ReturnedSlot(status=ContactStatus.PENDING, batch_is_gone=True)


async def test_slot_that_cannot_be_reported_is_tried_again() -> None:
    world = World()
    world.reports.is_down = True

    with pytest.raises(EngineUnavailable):
        await world.run(world.of_contacts.return_slot, RETURN)


@pytest.mark.parametrize(
    "waiting", [ContactStatus.PENDING, ContactStatus.RETRYING, ContactStatus.FOLLOWUP_SCHEDULED]
)
async def test_waiting_contact_without_a_workflow_is_skipped_with_the_reason(waiting: ContactStatus) -> None:
    world = World(a_dial_brief(contact=a_contact(status=waiting)))

    closed = await world.run(world.of_contacts.close_contact, WITHOUT_SLOT)

    assert closed == ClosedContact(was=waiting, status=ContactStatus.SKIPPED)
    assert world.contact == a_contact(
        status=ContactStatus.SKIPPED,
        skip_reason=SkipReason.MANUAL,
        skip_detail=NOBODY_LEFT,
        updated_at=MONDAY_NOON,
    )


@pytest.mark.parametrize(
    ("ended", "status"),
    [
        pytest.param(CallStatus.COMPLETED, ContactStatus.COMPLETED, id="completed"),
        pytest.param(CallStatus.BUSY, ContactStatus.BUSY, id="busy, without a redial"),
        pytest.param(CallStatus.NO_ANSWER, ContactStatus.NO_ANSWER, id="no answer, without a redial"),
        pytest.param(CallStatus.FAILED, ContactStatus.FAILED, id="failed"),
        pytest.param(CallStatus.UNKNOWN, ContactStatus.FAILED, id="unknown"),
    ],
)
async def test_called_contact_without_a_workflow_ends_as_its_call_did(
    ended: CallStatus, status: ContactStatus
) -> None:
    world = a_call_under_way(a_dialled_call(call_status=ended), ContactStatus.IN_PROGRESS)

    closed = await world.run(world.of_contacts.close_contact, CLOSE)

    assert closed == ClosedContact(was=ContactStatus.IN_PROGRESS, status=status)
    assert world.contact.status is status


@pytest.mark.parametrize(
    ("status", "call", "request_"),
    [
        pytest.param(ContactStatus.DISPATCHED, a_dialled_call(), CLOSE, id="dispatched"),
        pytest.param(
            ContactStatus.IN_PROGRESS, a_dialled_call(call_status=CallStatus.RINGING), CLOSE, id="ringing"
        ),
        pytest.param(ContactStatus.IN_PROGRESS, a_dialled_call(), WITHOUT_SLOT, id="live without a slot"),
        *(
            pytest.param(ended, a_dialled_call(call_status=CallStatus.COMPLETED), CLOSE, id=ended)
            for ended in (ContactStatus.COMPLETED, ContactStatus.MAX_RETRIES_REACHED, ContactStatus.SKIPPED)
        ),
    ],
)
async def test_contact_that_is_talking_or_done_stays_where_it_is(
    status: ContactStatus, call: CallRecord, request_: CloseContact
) -> None:
    world = a_call_under_way(call, status)
    before = world.rows()

    closed = await world.run(world.of_contacts.close_contact, request_)

    assert closed == ClosedContact(was=status, status=status)
    assert world.rows() == before


async def test_contact_that_is_gone_counts_as_skipped() -> None:
    world = World()
    world.tables.contacts.clear()

    closed = await world.run(world.of_contacts.close_contact, CLOSE)

    assert closed == ClosedContact(was=ContactStatus.SKIPPED, status=ContactStatus.SKIPPED)


async def test_closing_twice_changes_nothing_more() -> None:
    world = a_call_under_way(a_dialled_call(call_status=CallStatus.BUSY))
    await world.run(world.of_contacts.close_contact, CLOSE)
    before = world.rows()

    closed = await world.run(world.of_contacts.close_contact, CLOSE)

    assert closed == ClosedContact(was=ContactStatus.BUSY, status=ContactStatus.BUSY)
    assert world.rows() == before
