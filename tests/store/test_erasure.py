"""A person is erased: nothing of them is left in any table, nothing brings it back, and the counts stay."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from domain.audit import AuditFilter
from domain.call import CallRecord, CallStatus, DialState
from domain.contact import Contact, ContactStatus, SkipReason
from domain.disposition import DispositionRule, Then
from domain.disposition_report import DispositionReport
from domain.erasure import erased_call, erased_contact
from domain.errors import ExecutionNotFound, IllegalTransition, NobodyLeft
from domain.gates import Gate
from domain.lifecycle import Action
from domain.ports import CalledAgain, Window
from domain.settlement import Settlement
from domain.suppression import OPTED_OUT
from domain.webhooks import EventType
from store.audit.log import PostgresAuditLog
from store.database.engine import create_store_engine, transaction
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign_rules, a_claim, a_new_batch
from tests.store.erasure_scenes import NAME, NUMBER, PRIVATE, SAID, SOON, Scene
from tests.store.lock_waits import until_waiting
from tests.store.scenes import Stores

pytestmark = pytest.mark.store

AGAIN = Settlement(status=ContactStatus.RETRYING, next_retry_at=SOON)


@pytest.fixture
def scene(stores: Stores) -> Scene:
    return Scene.on(stores)


async def test_nothing_of_a_person_is_found_in_any_table(scene: Scene) -> None:
    """Who waits, talked before, is on the phone, in three batches, in events told, untold and in the post."""
    await scene.webhooks.an_endpoint()
    talked = await scene.waits()
    await scene.was_called(talked)
    await scene.publish()
    await scene.settle(await scene.claim())
    talking = await scene.waits()
    await scene.waits()
    record = await scene.talks(talking)
    in_the_post = await scene.claim()
    await scene.lists()
    assert await scene.found() == list(PRIVATE)
    before = await scene.counts()

    erased = await scene.erase()
    assert await scene.counts() == before
    await scene.settle(in_the_post)
    await scene.hears(record, CallStatus.COMPLETED, disposition="interested")
    stands = await scene.stores.contacts.settle(talking.contact_id, 1, AGAIN, SOON)
    await scene.publish()
    await scene.settle(await scene.claim())

    assert await scene.found() == []
    assert (erased.contacts, erased.calls) == (3, 2)
    assert stands.status is ContactStatus.COMPLETED


async def test_statuses_times_and_dispositions_stay(scene: Scene) -> None:
    person = await scene.waits()
    before = await scene.was_called(person)
    contact, call = await scene.stores.contact(person), await scene.stores.call(before)

    await scene.erase()

    assert await scene.stores.contact(person) == replace(erased_contact(contact), erased_at=SOON)
    assert await scene.stores.call(before) == erased_call(call)


async def test_a_second_erasure_finds_nothing(scene: Scene) -> None:
    await scene.waits()
    first, second = await scene.erase(), await scene.erase()

    assert (first.contacts, second.contacts, second.calls, second.events) == (1, 0, 0, 0)
    assert first.erasure_id != second.erasure_id


async def test_other_organizations_keep_what_they_hold(scene: Scene) -> None:
    person = await scene.waits()
    await scene.run("INSERT INTO organizations VALUES ('org_other', now())")
    await scene.run("UPDATE batches SET organization_id = 'org_other'")

    assert (await scene.erase()).contacts == 0
    assert (await scene.stores.contact(person)).phone_number == NUMBER


async def test_deleted_campaigns_are_erased_too(scene: Scene) -> None:
    person = await scene.waits()
    await scene.was_called(person)
    await scene.stores.batches.act(person.batch_id, Action.CANCEL, MONDAY_NOON)
    await scene.stores.campaigns.delete(ORGANIZATION, person.campaign_id, MONDAY_NOON)

    assert (await scene.erase()).contacts == 1
    assert await scene.found() == []


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(ContactStatus.PENDING, id="fresh"),
        pytest.param(ContactStatus.RETRYING, id="between two calls"),
        pytest.param(ContactStatus.FOLLOWUP_SCHEDULED, id="before a follow-up"),
    ],
)
async def test_contact_that_waits_is_skipped(scene: Scene, status: ContactStatus) -> None:
    person = await scene.waits()
    if status is not ContactStatus.PENDING:
        at: dict[str, Any] = {"next_retry_at" if status is ContactStatus.RETRYING else "follow_up_at": SOON}
        record = await scene.talks(person)
        is_busy = status is ContactStatus.RETRYING
        await scene.hears(record, CallStatus.BUSY if is_busy else CallStatus.COMPLETED)
        await scene.stores.contacts.settle(person.contact_id, 1, Settlement(status=status, **at), MONDAY_NOON)

    erased = await scene.erase()
    after = await scene.stores.contact(person)

    assert (after.status, after.skip_reason) == (ContactStatus.SKIPPED, SkipReason.ERASED)
    assert [(each.contact_id, each.was) for each in erased.skipped] == [(person.contact_id, status)]
    assert (after.next_retry_at, after.follow_up_at) == (None, None)


async def test_contact_whose_dial_was_given_back_is_skipped(scene: Scene) -> None:
    person = await scene.waits()
    record = await scene.stores.claimed(person)
    await scene.stores.calls.record_dial(record.execution_id, DialState.READY)

    await scene.erase()

    assert (await scene.stores.contact(person)).skip_reason is SkipReason.ERASED
    assert (await scene.stores.call(record)).call_status is CallStatus.CANCELLED
    assert await scene.stores.holders(await scene.batch_of(person)) == []
    assert await scene.found() == []


async def test_dial_that_is_given_back_after_the_erasure_is_not_asked_again(scene: Scene) -> None:
    person = await scene.waits()
    record = await scene.stores.claimed(person)
    await scene.erase()
    await scene.stores.calls.record_dial(record.execution_id, DialState.READY)

    claim = await scene.stores.calls.claim_attempt(a_claim(person.contact_id), SOON)
    status = await scene.stores.contacts.give_back(person.contact_id, 1, SOON)

    assert (claim, status) == (Gate.CONTACT_CLOSED, ContactStatus.SKIPPED)
    assert (await scene.stores.call(record)).call_status is CallStatus.CANCELLED
    assert await scene.found() == []


async def test_erased_contact_is_not_claimed(scene: Scene) -> None:
    person = await scene.waits()
    await scene.erase()

    assert await scene.stores.calls.claim_attempt(a_claim(person.contact_id), SOON) is Gate.CONTACT_CLOSED


async def test_live_call_knows_its_number_until_it_has_ended(scene: Scene) -> None:
    person = await scene.waits()
    record = await scene.talks(person)
    await scene.erase()
    during = await scene.stores.call(record)
    variables = (await scene.stores.contact(person)).call_variables
    await scene.hears(record, CallStatus.COMPLETED)

    assert (during.to_number, variables) == (NUMBER, {"callee_name": NAME})
    assert (await scene.stores.call(record)).to_number == ""


@pytest.mark.parametrize(
    ("ended", "taken"),
    [
        pytest.param(CallStatus.BUSY, ContactStatus.BUSY, id="busy"),
        pytest.param(CallStatus.NO_ANSWER, ContactStatus.NO_ANSWER, id="no answer"),
        pytest.param(CallStatus.COMPLETED, ContactStatus.COMPLETED, id="answered"),
    ],
)
async def test_live_call_takes_its_outcome_without_redial(
    scene: Scene, ended: CallStatus, taken: ContactStatus
) -> None:
    person = await scene.waits()
    record = await scene.talks(person)
    await scene.erase()
    await scene.hears(record, ended)

    stands = await scene.stores.contacts.settle(person.contact_id, 1, AGAIN, SOON)

    assert (stands.status, stands.next_retry_at) == (taken, None)
    assert await scene.found() == []


async def test_live_call_of_a_cancelled_batch_is_emptied_at_its_end(scene: Scene) -> None:
    person = await scene.waits()
    record = await scene.talks(person)
    await scene.erase()
    await scene.stores.batches.act(person.batch_id, Action.CANCEL, SOON)
    await scene.hears(record, CallStatus.COMPLETED)
    await scene.stores.contacts.settle(person.contact_id, 1, AGAIN, SOON)

    assert await scene.found() == []


Restore = Callable[[Scene, Contact, CallRecord], Coroutine[Any, Any, object]]


async def _late_report(scene: Scene, _: Contact, record: CallRecord) -> None:
    await scene.hears(record, CallStatus.COMPLETED, key="late", sentiment=SAID, hangup_reason=SAID)


async def _late_correction(scene: Scene, contact: Contact, record: CallRecord) -> None:
    await scene.run(
        "UPDATE calls SET call_status = 'unknown' WHERE execution_id = :id", id=record.execution_id
    )
    await scene.hears(record, CallStatus.BUSY, key="late")


async def _report_without_status(scene: Scene, _: Contact, record: CallRecord) -> None:
    body = {"to": NUMBER, "name": NAME}
    calls = scene.stores.calls
    await calls.keep_event(record.execution_id, event_key="late", body=body, received_at=SOON)


async def _late_disposition(scene: Scene, _: Contact, record: CallRecord) -> None:
    await scene.run("UPDATE calls SET disposition = NULL WHERE execution_id = :id", id=record.execution_id)
    report = DispositionReport(disposition="callback", note=SAID, data={"who": NAME}, follow_up_at=SOON)
    await scene.stores.dispositions.report(ORGANIZATION, record.execution_id, report, SOON)


async def _every_column(scene: Scene, contact: Contact, record: CallRecord) -> None:
    await scene.run(
        "UPDATE contacts SET phone_number = :number, external_id = 'crm-4711', timezone = 'America/Denver',"
        " call_variables = '{\"n\": \"Ines Moreau\"}', skip_detail = :said, status = 'retrying',"
        " next_retry_at = now(), erased_at = NULL WHERE contact_id = :id",
        number=NUMBER,
        said=SAID,
        id=contact.contact_id,
    )
    await scene.run(
        "UPDATE calls SET to_number = :number, transcript = :said, summary = :said, sentiment = :said,"
        " recording_url = :said, error = :said, hangup_by = :said, hangup_reason = :said, erased_at = NULL,"
        ' disposition_note = :said, disposition_data = \'{"n": "Ines Moreau"}\' WHERE execution_id = :id',
        number=NUMBER,
        said=SAID,
        id=record.execution_id,
    )
    await scene.run('UPDATE call_events SET body = \'{"n": "Ines Moreau"}\'')


@pytest.mark.parametrize(
    "restore",
    [
        pytest.param(_late_report, id="repeated report"),
        pytest.param(_late_correction, id="ending after unknown"),
        pytest.param(_report_without_status, id="report without a status"),
        pytest.param(_late_disposition, id="disposition with a follow-up"),
        pytest.param(_every_column, id="any statement"),
    ],
)
async def test_nothing_written_later_brings_a_person_back(scene: Scene, restore: Restore) -> None:
    person = await scene.waits()
    record = await scene.was_called(person)
    await scene.erase()

    await restore(scene, person, record)

    after = await scene.stores.contact(person)
    assert await scene.found() == []
    assert after.status in (ContactStatus.COMPLETED, ContactStatus.BUSY)
    assert after.next_retry_at is None


async def test_body_that_was_read_before_the_erasure_is_not_published(scene: Scene) -> None:
    await scene.webhooks.an_endpoint(EventType.CALL_ENDED, EventType.CALL_DISPOSITION)
    person = await scene.waits()
    await scene.was_called(person)
    outbox = scene.webhooks.outbox
    read = await outbox.unpublished(100)
    await scene.erase()

    await outbox.publish({each.event_id: f'"{NUMBER}"' for each in read}, SOON)
    unpublished = await outbox.unpublished(100)
    await scene.publish()

    assert [each.is_erased for each in read] == [False, False]
    assert [each.is_erased for each in unpublished] == [True, True]
    assert await scene.found() == []
    assert len(await scene.claim()) == len(read)


async def test_follow_up_of_an_erased_contact_is_refused(scene: Scene) -> None:
    person = await scene.waits()
    await scene.was_called(person)
    await scene.erase()

    with pytest.raises(IllegalTransition, match="Contact is erased and cannot be given a follow-up"):
        await scene.stores.contacts.schedule_follow_up(person.batch_id, person.contact_id, SOON, SOON)


async def test_requeue_leaves_erased_contacts_out(scene: Scene) -> None:
    person = await scene.waits()
    await scene.was_called(person)
    await scene.erase()
    again = a_new_batch(campaign_id=person.campaign_id, parent_batch_id=person.batch_id)

    with pytest.raises(NobodyLeft):
        await scene.stores.batches.requeue(
            again, CalledAgain(statuses=frozenset({ContactStatus.COMPLETED})), SOON
        )


async def test_erasure_waits_for_a_copy_under_way_and_erases_it(scene: Scene) -> None:
    person = await scene.waits()
    await scene.was_called(person)
    again = a_new_batch(campaign_id=person.campaign_id, parent_batch_id=person.batch_id)
    completed = CalledAgain(statuses=frozenset({ContactStatus.COMPLETED}))
    async with transaction(scene.stores.engine) as holding:
        await holding.exec_driver_sql("SELECT 1 FROM campaigns FOR SHARE")
        copying = asyncio.create_task(scene.stores.batches.requeue(again, completed, SOON))
        await until_waiting(scene.stores.engine)
        erasing = asyncio.create_task(scene.erase())
        await until_waiting(scene.stores.engine, 2)
    await copying

    assert (await erasing).contacts == 2
    assert await scene.found() == []


async def test_suppression_stays_without_its_number(scene: Scene) -> None:
    await scene.waits()
    await scene.lists()
    await scene.erase()

    (entry,) = await scene.listed()
    assert (entry.phone_number, entry.reason) == ("", None)
    assert await scene.listed(NUMBER) == [entry]
    assert await scene.listed("+14155550178") == []
    assert await scene.found() == []


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        pytest.param(OPTED_OUT, OPTED_OUT, id="opted out"),
        pytest.param("disposition:wrong_number", "disposition:wrong_number", id="by a rule"),
        pytest.param(f"disposition:{NAME}", None, id="in a client's words"),
    ],
)
async def test_reason_stays_where_it_is_ours(scene: Scene, reason: str, kept: str | None) -> None:
    await scene.lists(reason)
    await scene.erase()

    assert [each.reason for each in await scene.listed()] == [kept]


async def test_who_opted_out_and_was_erased_is_skipped_when_uploaded_again(scene: Scene) -> None:
    await scene.lists()
    await scene.erase()

    person = await scene.waits()

    assert (await scene.stores.contact(person)).skip_reason is SkipReason.SUPPRESSED
    assert (await scene.batch_of(person)).counters.pending == 2


async def test_claim_asks_the_hash_too(scene: Scene) -> None:
    """An upload that was on its way during the erasure saw no entry."""
    person = await scene.waits()
    await scene.run("UPDATE contacts SET phone_number = '+14155550179' WHERE position = 1")
    await scene.lists()
    await scene.erase()
    await scene.run("UPDATE contacts SET phone_number = :number WHERE position = 1", number=NUMBER)

    assert await scene.stores.calls.claim_attempt(a_claim(person.contact_id), SOON) is Gate.SUPPRESSED


async def test_hash_under_another_key_is_not_known(scene: Scene, stores: Stores, database_url: str) -> None:
    await scene.lists()
    await scene.erase()
    keyed = create_store_engine(database_url, pool_size=1, number_key="another")

    try:
        other = Scene.on(replace_engine(stores, keyed))
        assert await other.listed(NUMBER) == []
    finally:
        await keyed.dispose()


def replace_engine(stores: Stores, engine: Any) -> Stores:
    return type(stores).on(engine)


async def test_opt_out_in_an_erased_live_call_is_kept_as_a_hash(scene: Scene) -> None:
    person = await scene.waits()
    record = await scene.talks(person)
    await scene.erase()

    await scene.stores.suppressions.opt_out(record.execution_id, SOON)
    await scene.stores.suppressions.opt_out(record.execution_id, SOON)
    await scene.hears(record, CallStatus.COMPLETED)
    await scene.stores.contacts.settle(person.contact_id, 1, AGAIN, SOON)

    assert [(each.phone_number, each.reason) for each in await scene.listed(NUMBER)] == [("", OPTED_OUT)]
    assert await scene.found() == []


async def test_rule_that_suppresses_an_erased_call_keeps_its_hash(scene: Scene) -> None:
    rules = a_campaign_rules(disposition_rules=(DispositionRule(disposition="stop", then=Then.SUPPRESS),))
    person = await scene.waits(await scene.stores.a_kept_campaign(rules))
    record = await scene.talks(person)
    await scene.hears(record, CallStatus.COMPLETED)
    await scene.stores.contacts.settle(
        person.contact_id, 1, Settlement(status=ContactStatus.COMPLETED), MONDAY_NOON
    )
    await scene.erase()

    report = DispositionReport(disposition="stop")
    await scene.stores.dispositions.report(ORGANIZATION, record.execution_id, report, SOON)

    assert [each.reason for each in await scene.listed(NUMBER)] == ["disposition:stop"]


async def test_number_of_an_erased_call_is_not_told(scene: Scene) -> None:
    person = await scene.waits()
    record = await scene.was_called(person)
    await scene.erase()

    with pytest.raises(ExecutionNotFound):
        await scene.stores.suppressions.number_called(ORGANIZATION, record.execution_id)


async def test_same_number_may_be_uploaded_and_called_again(scene: Scene) -> None:
    await scene.waits()
    await scene.erase()

    person = await scene.waits()

    assert (await scene.stores.claimed(person)).to_number == NUMBER


async def test_audit_log_tells_of_an_erasure_and_not_of_whom(scene: Scene) -> None:
    await scene.was_called(await scene.waits())
    erased = await scene.erase()

    log = PostgresAuditLog(scene.stores.engine)
    page = await log.list_entries(ORGANIZATION, AuditFilter(object_id=erased.erasure_id), Window(limit=10))
    assert [(each.action, each.after) for each in page.items] == [
        ("erasure.create", {"contacts": 1, "calls": 1, "events": erased.events})
    ]


async def test_erasures_of_one_number_at_once_do_not_wait_in_a_circle(scene: Scene) -> None:
    for _ in range(4):
        await scene.was_called(await scene.waits())

    erased = await asyncio.gather(*(scene.erase() for _ in range(4)))

    assert sum(each.contacts for each in erased) == 4
    assert await scene.found() == []
