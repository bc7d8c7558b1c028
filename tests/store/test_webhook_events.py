"""Events are written by the database, in the transaction of what they tell, and where somebody listens."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from domain.batch import BatchStatus
from domain.call import CallStatus, DialState
from domain.contact import ContactStatus, SkipReason
from domain.diagnosis.facts import Diagnosis
from domain.identity import OrganizationId, TokenId
from domain.lifecycle import Action
from domain.settlement import Settlement
from domain.suppression import NewSuppression
from domain.webhooks import BatchNews, CallNews, ContactNews, DiagnosisNews, EventType
from store.schema.tables import contacts
from tests.builders import CALLEE, MONDAY_NOON, ORGANIZATION, a_new_contact
from tests.store.scenes import LATER, Stores
from tests.store.webhook_scenes import Webhooks

pytestmark = pytest.mark.store

COMPLETED = Settlement(status=ContactStatus.COMPLETED)
RETRY = Settlement(status=ContactStatus.RETRYING, next_retry_at=LATER)
S = BatchStatus


@pytest.fixture
def webhooks(stores: Stores) -> Webhooks:
    return Webhooks.on(stores.engine)


async def test_nothing_is_written_for_who_has_no_endpoint(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint(organization=OrganizationId("org_other"))
    person = await stores.a_person()

    await stores.ended(person, CallStatus.COMPLETED, COMPLETED)
    await stores.batches.finish(person.batch_id, MONDAY_NOON)

    assert await webhooks.told() == []


async def test_whole_story_of_a_batch_is_told_in_its_order(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint()
    person = await stores.a_person()

    await stores.ended(person, CallStatus.COMPLETED, COMPLETED)
    await stores.batches.finish(person.batch_id, MONDAY_NOON)

    assert await webhooks.told() == ["batch.started", "call.ended", "contact.finished", "batch.completed"]


async def test_only_what_somebody_subscribes_to_is_written(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint(EventType.CALL_ENDED)
    await webhooks.an_endpoint(EventType.BATCH_COMPLETED, enabled=False)
    person = await stores.a_person()

    await stores.ended(person, CallStatus.COMPLETED, COMPLETED)
    await stores.batches.finish(person.batch_id, MONDAY_NOON)

    assert await webhooks.told() == ["call.ended", "batch.completed"]


async def test_deleted_endpoint_has_nothing_written(stores: Stores, webhooks: Webhooks) -> None:
    endpoint = await webhooks.an_endpoint()
    await webhooks.endpoints.delete(ORGANIZATION, endpoint.endpoint_id, MONDAY_NOON)

    await stores.a_person()

    assert await webhooks.told() == []


@pytest.mark.parametrize(
    ("status", "told"),
    [
        pytest.param(S.PENDING, [], id="it waits for its start"),
        pytest.param(S.IN_PROGRESS, ["batch.started"], id="started at once"),
        pytest.param(S.PAUSED, ["batch.started", "batch.paused"], id="paused"),
        pytest.param(S.CANCELLED, ["batch.started", "batch.cancelled"], id="cancelled"),
        pytest.param(S.EXPIRED, ["batch.started", "batch.expired"], id="expired"),
        pytest.param(S.COMPLETED, ["batch.started", "batch.completed"], id="completed"),
    ],
)
async def test_move_of_a_batch_is_told(
    stores: Stores, webhooks: Webhooks, status: BatchStatus, told: Sequence[str]
) -> None:
    await webhooks.an_endpoint()

    await stores.a_batch_that_is(status)

    assert await webhooks.told() == told


async def test_start_that_comes_is_told(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint()
    batch = await stores.a_batch_that_is(S.PENDING)

    await stores.batches.begin(batch.batch_id, LATER)

    assert await webhooks.told() == ["batch.started"]


async def test_resumed_batch_is_told_and_started_too_where_it_never_was(
    stores: Stores, webhooks: Webhooks
) -> None:
    await webhooks.an_endpoint()
    waiting = await stores.a_batch_that_is(S.PENDING)
    running = await stores.a_batch_that_is(S.IN_PROGRESS)
    for batch in (waiting, running):
        await stores.batches.act(batch.batch_id, Action.PAUSE, MONDAY_NOON)

    for batch in (waiting, running):
        await stores.batches.act(batch.batch_id, Action.RESUME, LATER)

    assert await webhooks.told() == [
        "batch.started",
        *["batch.paused"] * 2,
        *["batch.resumed", "batch.started"],
        "batch.resumed",
    ]


async def test_action_on_a_campaign_is_told_of_each_batch(stores: Stores, webhooks: Webhooks) -> None:
    campaign = await stores.a_kept_campaign()
    batches = [await stores.a_kept_batch(campaign=campaign) for _ in range(2)]
    await webhooks.an_endpoint()

    await stores.campaigns.act(ORGANIZATION, campaign.campaign_id, Action.PAUSE, MONDAY_NOON)
    await stores.campaigns.act(ORGANIZATION, campaign.campaign_id, Action.CANCEL, LATER)

    news = [each.news for each in await webhooks.news()]
    assert await webhooks.told() == [*["batch.paused"] * 2, *["batch.cancelled"] * 2]
    assert {each.batch.batch_id for each in news if isinstance(each, BatchNews)} == {
        each.batch_id for each in batches
    }


async def test_event_tells_the_batch_as_it_stood_then(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint(EventType.BATCH_PAUSED)
    batch = await stores.a_kept_batch(2)
    paused = await stores.batches.act(batch.batch_id, Action.PAUSE, MONDAY_NOON)
    await stores.batches.act(batch.batch_id, Action.RESUME, LATER)

    [event] = await webhooks.news()

    assert isinstance(event.news, BatchNews)
    assert event.news.batch == replace(paused, counters=batch.counters)


async def test_call_and_contact_are_told_as_they_stood_then(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint(EventType.CALL_ENDED, EventType.CONTACT_FINISHED)
    person = await stores.a_person()
    record = await stores.ended(person, CallStatus.COMPLETED, COMPLETED)
    finished = await stores.contact(person)
    await stores.force("contacts", status="followup_scheduled", follow_up_at=LATER)

    call, contact = [each.news for each in await webhooks.news()]

    assert isinstance(call, CallNews)
    assert (call.call, call.contact.contact_id) == (record, person.contact_id)
    assert isinstance(contact, ContactNews)
    assert (contact.contact, contact.current_call) == (finished, record)
    assert contact.batch.batch_id == contact.contact.batch_id
    assert contact.campaign.campaign_id == contact.contact.campaign_id


async def test_contact_that_waits_for_a_retry_is_not_finished(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint()

    await stores.ended(await stores.a_person(), CallStatus.BUSY, RETRY)

    assert await webhooks.told() == ["batch.started", "call.ended"]


async def test_whom_a_person_or_a_suppression_skips_is_finished(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint(EventType.CONTACT_FINISHED)
    batch = await stores.a_kept_batch([a_new_contact(phone_number=CALLEE), a_new_contact(2)])
    sleeper, other = await stores.people_of(batch)
    await stores.ended(sleeper, CallStatus.BUSY, RETRY)

    await stores.contacts.skip_by_hand(other.batch_id, other.contact_id, MONDAY_NOON)
    await stores.suppressions.add(
        ORGANIZATION, NewSuppression(phone_number=CALLEE), MONDAY_NOON, added_by=TokenId("tok_1")
    )

    assert [_reason(each.news) for each in await webhooks.news()] == [
        SkipReason.MANUAL,
        SkipReason.SUPPRESSED,
    ]


async def test_whom_a_cancellation_skips_is_told_with_the_batch_alone(
    stores: Stores, webhooks: Webhooks
) -> None:
    await webhooks.an_endpoint()
    batch = await stores.a_kept_batch(3)

    await stores.batches.act(batch.batch_id, Action.CANCEL, MONDAY_NOON)

    assert await webhooks.told() == ["batch.started", "batch.cancelled"]


async def test_bad_row_of_an_upload_is_no_event(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint()

    await stores.a_kept_batch([a_new_contact(skip_detail="bad"), a_new_contact(2)])

    assert await webhooks.told() == ["batch.started"]


async def test_late_ending_of_a_call_is_told_once_more(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint(EventType.CALL_ENDED)
    record = await stores.claimed(await stores.a_person())
    await stores.calls.record_dial(record.execution_id, DialState.ACCEPTED)

    await stores.hears(record, CallStatus.UNKNOWN, CallStatus.COMPLETED)

    told = [each.news.call.call_status for each in await webhooks.news() if isinstance(each.news, CallNews)]
    assert told == [CallStatus.UNKNOWN, CallStatus.COMPLETED]


async def test_disposition_is_told_each_time_it_changes(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint(EventType.CALL_DISPOSITION)
    record = await stores.claimed(await stores.a_person())

    for said in ("callback", "callback", "sale"):
        await stores.force("calls", disposition=said)

    news = [each.news for each in await webhooks.news()]
    assert [each.call.disposition for each in news if isinstance(each, CallNews)] == ["callback", "sale"]
    assert {each.call.execution_id for each in news if isinstance(each, CallNews)} == {record.execution_id}


async def test_change_that_is_rolled_back_tells_nothing(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint(EventType.CONTACT_FINISHED)
    await stores.a_person()

    async with stores.engine.connect() as connection:
        await connection.execute(update(contacts).values(status="completed"))
        await connection.rollback()

    assert await webhooks.told() == []


async def test_ids_sort_as_they_were_made(stores: Stores) -> None:
    async with stores.engine.connect() as connection:
        many = list(
            await connection.scalars(text("SELECT new_webhook_id('evt_') FROM generate_series(1, 2000)"))
        )

    assert many == sorted(set(many))


async def test_diagnosis_is_told_when_it_changes_and_not_when_it_is_first_seen(
    stores: Stores, webhooks: Webhooks
) -> None:
    await webhooks.an_endpoint(EventType.DIAGNOSIS_CHANGED)
    batch_id = (await stores.a_kept_batch()).batch_id
    seen = [
        await webhooks.outbox.changed_diagnosis(batch_id, each, f"tip of {each}", MONDAY_NOON)
        for each in (Diagnosis.HEALTHY, Diagnosis.HEALTHY, Diagnosis.PAUSED)
    ]

    assert seen == [False, False, True]
    assert [each.news for each in await webhooks.news()] == [
        DiagnosisNews(batch_id=batch_id, diagnosis="paused", tip="tip of paused")
    ]


async def test_unfinished_batches_are_looked_at_where_somebody_subscribes_to_it(
    stores: Stores, webhooks: Webhooks
) -> None:
    batch = await stores.a_kept_batch()
    await stores.a_batch_that_is(S.CANCELLED)
    nobody = await webhooks.outbox.undiagnosed(MONDAY_NOON, 10)
    await webhooks.an_endpoint()
    first = await webhooks.outbox.undiagnosed(MONDAY_NOON, 10)

    await webhooks.outbox.changed_diagnosis(batch.batch_id, "healthy", "", MONDAY_NOON)

    assert (nobody, first) == ([], [(ORGANIZATION, batch.batch_id)])
    assert await webhooks.outbox.undiagnosed(MONDAY_NOON - timedelta(seconds=1), 10) == []
    assert await webhooks.outbox.undiagnosed(MONDAY_NOON, 10) == first


def _reason(news: object) -> SkipReason | None:
    return news.contact.skip_reason if isinstance(news, ContactNews) else None
