"""A batch is stored whole or not at all, counted from its contacts, and finished once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from domain.batch import Batch, BatchOverrides, BatchStatus, PausedBy
from domain.call import CallStatus
from domain.campaign import Campaign, CampaignRules, CampaignStatus
from domain.contact import ContactStatus, SkipReason
from domain.counters import Counters
from domain.errors import BatchNotFound, CampaignClosed, CampaignNotFound, UnstorableValue
from domain.identity import BatchId, CampaignId, OrganizationId
from domain.ports import Window
from domain.settlement import Settlement
from store.database.engine import single_statement, transaction
from tests.builders import (
    MONDAY_NOON,
    ORGANIZATION,
    a_batch,
    a_contact,
    a_new_batch,
    a_new_contact,
)
from tests.store.scenes import EVERYTHING, Stores

pytestmark = pytest.mark.store

LATER = MONDAY_NOON + timedelta(hours=3)
COMPLETED = Settlement(status=ContactStatus.COMPLETED)
FOREIGN = OrganizationId("org_other")


async def _campaign_status(stores: Stores, campaign_id: CampaignId) -> CampaignStatus:
    return (await stores.campaigns.get(ORGANIZATION, campaign_id)).status


async def test_batch_is_kept_with_everything_it_said(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign()
    new = a_new_batch(
        campaign_id=campaign.campaign_id,
        name="north side",
        scheduled_end=LATER,
        concurrency_limit=5,
        overrides=BatchOverrides(max_retries_override=0, working_hours_enforced=False),
        call_context={"desk": 4},
        metadata={"ticket": 118},
    )
    batch = await stores.batches.create(new, [a_new_contact()], MONDAY_NOON)
    assert batch == a_batch(
        batch_id=batch.batch_id,
        campaign_id=campaign.campaign_id,
        name="north side",
        scheduled_end=LATER,
        concurrency_limit=5,
        overrides=new.overrides,
        call_context={"desk": 4},
        metadata={"ticket": 118},
    )
    kept, its_campaign = await stores.batches.get(ORGANIZATION, batch.batch_id)
    assert kept == batch
    assert (its_campaign.campaign_id, its_campaign.rules) == (campaign.campaign_id, campaign.rules)


async def test_contacts_are_kept_in_order_and_bad_rows_as_skipped(stores: Stores) -> None:
    good = a_new_contact(1, timezone="America/Denver", call_variables={"due": "2026-09-18", "n": 1.5})
    bad = a_new_contact(2, phone_number="", external_id=None, skip_detail="Not a possible phone number")
    batch = await stores.a_kept_batch([good, bad])
    first, second = await stores.people_of(batch)
    in_this_batch = {"batch_id": batch.batch_id, "campaign_id": batch.campaign_id}
    assert first == a_contact(
        contact_id=first.contact_id,
        phone_number=good.phone_number,
        external_id="P-1",
        timezone="America/Denver",
        call_variables=good.call_variables,
        **in_this_batch,
    )
    assert second == a_contact(
        contact_id=second.contact_id,
        position=2,
        phone_number="",
        call_variables=bad.call_variables,
        status=ContactStatus.SKIPPED,
        skip_reason=SkipReason.INVALID_NUMBER,
        skip_detail="Not a possible phone number",
        **in_this_batch,
    )
    assert batch.counters == Counters(pending=1, skipped=1)


async def test_ten_thousand_contacts_are_stored_completely_and_in_order(stores: Stores) -> None:
    people = [a_new_contact(number) for number in range(1, 10_001)]
    batch = await stores.a_kept_batch(people)
    stored = (await stores.contacts.list_contacts(batch.batch_id, [], Window(limit=20_000))).items
    assert [(each.position, each.phone_number) for each in stored] == [
        (position, person.phone_number) for position, person in enumerate(people, start=1)
    ]
    ids = [each.contact_id for each in stored]
    assert ids == sorted(ids)
    loaded, _ = await stores.batches.load(batch.batch_id)
    assert (loaded.total_contacts, loaded.counters) == (10_000, Counters(pending=10_000))


async def test_other_work_goes_on_while_a_large_batch_is_stored(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign()
    storing = asyncio.create_task(stores.a_kept_batch(5_000, campaign=campaign))
    turns = 0
    while not storing.done():
        await asyncio.sleep(0)
        turns += 1
    await storing
    assert turns >= 10


async def test_batch_with_a_value_postgres_cannot_keep_leaves_nothing_behind(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign()
    people = [a_new_contact(1), a_new_contact(2, call_variables={"callee_name": "Ines\x00Moreau"})]
    with pytest.raises(UnstorableValue) as refused:
        await stores.a_kept_batch(people, campaign=campaign)
    assert "Moreau" not in repr(refused.value)
    listed = await stores.batches.list_batches(ORGANIZATION, campaign_id=None, statuses=[], window=EVERYTHING)
    assert listed.total == 0
    assert await _campaign_status(stores, campaign.campaign_id) is CampaignStatus.DRAFT


@pytest.mark.parametrize(
    ("campaign_is", "starts_in", "batch_is", "paused_by", "campaign_becomes"),
    [
        pytest.param("draft", None, "in_progress", None, "active", id="first batch"),
        pytest.param("active", None, "in_progress", None, "active", id="another batch"),
        pytest.param("completed", None, "in_progress", None, "active", id="reopens the campaign"),
        pytest.param("paused", None, "paused", PausedBy.CAMPAIGN, "paused", id="under a paused campaign"),
        pytest.param("draft", timedelta(hours=1), "pending", None, "active", id="starts later"),
        pytest.param("draft", timedelta(0), "in_progress", None, "active", id="starts this instant"),
    ],
)
async def test_new_batch_brings_its_campaign_to_life(
    stores: Stores,
    campaign_is: str,
    starts_in: timedelta | None,
    batch_is: str,
    paused_by: PausedBy | None,
    campaign_becomes: str,
) -> None:
    campaign = await stores.a_kept_campaign()
    await stores.force("campaigns", status=campaign_is)
    start = None if starts_in is None else MONDAY_NOON + starts_in
    batch = await stores.a_kept_batch(campaign=campaign, scheduled_start=start)
    assert (batch.status, batch.paused_by) == (batch_is, paused_by)
    assert await _campaign_status(stores, campaign.campaign_id) == campaign_becomes


async def test_cancelled_campaign_takes_no_batch(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign()
    await stores.force("campaigns", status=CampaignStatus.CANCELLED)
    with pytest.raises(CampaignClosed):
        await stores.a_kept_batch(campaign=campaign)


async def test_deleted_campaign_takes_no_batch(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign()
    await stores.force("campaigns", deleted_at=MONDAY_NOON)
    with pytest.raises(CampaignNotFound):
        await stores.a_kept_batch(campaign=campaign)


async def test_batch_and_its_count_read_apart_say_what_they_say_together(stores: Stores) -> None:
    bad = a_new_contact(2, phone_number="", skip_detail="Not a possible phone number")
    batch = await stores.a_kept_batch([a_new_contact(1), bad])
    uncounted, its_campaign = await stores.batches.get_uncounted(ORGANIZATION, batch.batch_id)
    counters = await stores.batches.count(batch.batch_id)
    assert (uncounted.counters, counters) == (Counters(), Counters(pending=1, skipped=1))
    whole = await stores.batches.get(ORGANIZATION, batch.batch_id)
    assert (replace(uncounted, counters=counters), its_campaign) == whole


async def test_foreign_organization_finds_neither_campaign_nor_batch(stores: Stores) -> None:
    batch = await stores.a_kept_batch()
    with pytest.raises(BatchNotFound):
        await stores.batches.get(FOREIGN, batch.batch_id)
    with pytest.raises(BatchNotFound):
        await stores.batches.get_uncounted(FOREIGN, batch.batch_id)
    new = a_new_batch(campaign_id=batch.campaign_id, organization_id=FOREIGN)
    with pytest.raises(CampaignNotFound):
        await stores.batches.create(new, [a_new_contact()], MONDAY_NOON)
    listed = await stores.batches.list_batches(FOREIGN, campaign_id=None, statuses=[], window=EVERYTHING)
    assert (listed.items, listed.total) == ([], 0)


async def test_batch_of_a_deleted_campaign_is_not_found(stores: Stores) -> None:
    batch = await stores.a_kept_batch()
    await stores.force("campaigns", deleted_at=MONDAY_NOON)
    with pytest.raises(BatchNotFound):
        await stores.batches.load(batch.batch_id)


async def test_unknown_batch_is_not_found(stores: Stores) -> None:
    unknown = BatchId("btc_nothing")
    for verb in (stores.batches.load(unknown), stores.batches.begin(unknown, LATER)):
        with pytest.raises(BatchNotFound):
            await verb
    with pytest.raises(BatchNotFound):
        await stores.batches.finish(unknown, LATER)


async def test_batches_whose_workflow_was_never_started_are_found_page_by_page(stores: Stores) -> None:
    forgotten, started, over, other = [await stores.a_kept_batch() for _ in range(4)]
    await stores.batches.mark_started(started.batch_id, LATER)
    (person,) = await stores.people_of(over)
    await stores.ended(person, CallStatus.COMPLETED, COMPLETED)
    await stores.batches.finish(over.batch_id, LATER)
    assert await stores.batches.unstarted(None, 10) == [forgotten.batch_id, other.batch_id]
    assert await stores.batches.unstarted(None, 1) == [forgotten.batch_id]
    assert await stores.batches.unstarted(forgotten.batch_id, 10) == [other.batch_id]
    assert await stores.batches.unstarted(other.batch_id, 10) == []


async def test_counters_follow_the_contacts(stores: Stores) -> None:
    batch = await stores.a_kept_batch(5)
    dialling, ringing, done, busy, _waiting = await stores.people_of(batch)
    await stores.claimed(dialling)
    await stores.hears(await stores.claimed(ringing), CallStatus.RINGING)
    await stores.ended(done, CallStatus.COMPLETED, COMPLETED)
    await stores.ended(busy, CallStatus.BUSY, Settlement(status=ContactStatus.BUSY))
    loaded, _ = await stores.batches.load(batch.batch_id)
    assert loaded.counters == Counters(pending=1, dispatched=1, in_flight=1, completed=1, busy=1)
    assert await stores.batches.count_in_progress(batch.batch_id) == 1


async def test_batches_are_listed_newest_first_each_with_its_own_counters(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign()
    first = await stores.a_kept_batch(2, campaign=campaign)
    second = await stores.a_kept_batch(3)
    listed = await stores.batches.list_batches(ORGANIZATION, campaign_id=None, statuses=[], window=EVERYTHING)
    assert [batch for batch, _ in listed.items] == [second, first]
    page = await stores.batches.list_batches(
        ORGANIZATION, campaign_id=None, statuses=[BatchStatus.IN_PROGRESS], window=Window(skip=1, limit=1)
    )
    assert ([batch for batch, _ in page.items], page.total) == ([first], 2)
    of_campaign = await stores.batches.list_batches(
        ORGANIZATION, campaign_id=campaign.campaign_id, statuses=[], window=EVERYTHING
    )
    assert ([batch for batch, _ in of_campaign.items], of_campaign.total) == ([first], 1)
    paused = await stores.batches.list_batches(
        ORGANIZATION, campaign_id=None, statuses=[BatchStatus.PAUSED], window=EVERYTHING
    )
    assert (paused.items, paused.total) == ([], 0)


async def test_batch_begins_once_its_start_has_come(stores: Stores) -> None:
    batch = await stores.a_kept_batch(scheduled_start=LATER)
    assert await stores.batches.begin(batch.batch_id, LATER) is BatchStatus.IN_PROGRESS
    begun, _ = await stores.batches.load(batch.batch_id)
    assert (begun.status, begun.updated_at) == (BatchStatus.IN_PROGRESS, LATER)


async def test_paused_batch_does_not_begin(stores: Stores) -> None:
    batch = await stores.a_kept_batch(scheduled_start=LATER)
    await stores.force("batches", status=BatchStatus.PAUSED, paused_by=PausedBy.BATCH)
    assert await stores.batches.begin(batch.batch_id, LATER) is BatchStatus.PAUSED


async def test_batch_with_a_contact_left_is_not_finished(stores: Stores) -> None:
    batch = await stores.a_kept_batch(2)
    first, _second = await stores.people_of(batch)
    await stores.ended(first, CallStatus.COMPLETED, COMPLETED)
    assert (await stores.batches.finish(batch.batch_id, LATER)).status is BatchStatus.IN_PROGRESS


@pytest.mark.parametrize("held", [False, True], ids=["running", "paused"])
async def test_last_contact_finishes_the_batch_and_the_last_batch_its_campaign(
    stores: Stores, held: bool
) -> None:
    batch = await stores.a_kept_batch()
    (person,) = await stores.people_of(batch)
    await stores.ended(person, CallStatus.COMPLETED, COMPLETED)
    if held:
        await stores.force("campaigns", status=CampaignStatus.PAUSED)
        await stores.force("batches", status=BatchStatus.PAUSED, paused_by=PausedBy.CAMPAIGN)
    finished = await stores.batches.finish(batch.batch_id, LATER)
    assert finished == a_batch(
        batch_id=batch.batch_id,
        campaign_id=batch.campaign_id,
        status=BatchStatus.COMPLETED,
        counters=Counters(completed=1),
        updated_at=LATER,
    )
    assert await stores.batches.finish(batch.batch_id, LATER + timedelta(days=1)) == finished
    assert await _campaign_status(stores, batch.campaign_id) is CampaignStatus.COMPLETED


async def test_campaign_stays_active_while_another_batch_runs(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign()
    batch = await stores.a_kept_batch([a_new_contact(skip_detail="bad")], campaign=campaign)
    await stores.a_kept_batch(campaign=campaign)
    await stores.batches.finish(batch.batch_id, LATER)
    assert await _campaign_status(stores, campaign.campaign_id) is CampaignStatus.ACTIVE


async def test_two_last_batches_finishing_at_once_complete_the_campaign(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign()
    batches = [
        await stores.a_kept_batch([a_new_contact(skip_detail="bad")], campaign=campaign) for _ in range(4)
    ]
    await asyncio.gather(*(stores.batches.finish(batch.batch_id, LATER) for batch in batches))
    assert await _campaign_status(stores, campaign.campaign_id) is CampaignStatus.COMPLETED


async def test_cancelled_batch_is_not_completed(stores: Stores) -> None:
    batch = await stores.a_kept_batch([a_new_contact(skip_detail="bad")])
    await stores.force("batches", status=BatchStatus.CANCELLED)
    assert (await stores.batches.finish(batch.batch_id, LATER)).status is BatchStatus.CANCELLED


@asynccontextmanager
async def _held_up_create(stores: Stores, campaign: Campaign) -> AsyncIterator[asyncio.Task[Batch]]:
    """Have a create that cannot write its contacts for the length of a `with` block."""
    new = a_new_batch(campaign_id=campaign.campaign_id)
    async with transaction(stores.engine) as holding:
        await holding.execute(text("LOCK TABLE contacts IN SHARE MODE"))
        creating = asyncio.create_task(stores.batches.create(new, [a_new_contact()], MONDAY_NOON))
        await _until_somebody_waits(stores)
        yield creating


async def _until_somebody_waits(stores: Stores) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(10), single_statement(stores.engine) as connection:
        while not await connection.scalar(waiting):
            await connection.execute(text("SELECT pg_sleep(0.01)"))


async def test_campaign_is_not_locked_while_the_contacts_of_a_batch_are_written(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign()

    def renamed(rules: CampaignRules) -> CampaignRules:
        return replace(rules, name="October")

    async with _held_up_create(stores, campaign) as creating:
        async with asyncio.timeout(5):
            await stores.campaigns.change(ORGANIZATION, campaign.campaign_id, renamed, LATER)
        assert not creating.done()
    await creating
    assert (await stores.campaigns.get(ORGANIZATION, campaign.campaign_id)).rules.name == "October"


async def test_campaign_cancelled_while_the_contacts_are_written_takes_no_batch(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign()
    async with _held_up_create(stores, campaign) as creating, asyncio.timeout(5):
        await stores.force("campaigns", status=CampaignStatus.CANCELLED)
    with pytest.raises(CampaignClosed):
        await creating
    assert (await stores.campaigns.stats(ORGANIZATION, campaign.campaign_id)).contacts == {}


@pytest.mark.parametrize(
    ("becomes", "status", "paused_by", "campaign_becomes"),
    [
        pytest.param(CampaignStatus.PAUSED, BatchStatus.PAUSED, PausedBy.CAMPAIGN, CampaignStatus.PAUSED),
        pytest.param(CampaignStatus.COMPLETED, BatchStatus.IN_PROGRESS, None, CampaignStatus.ACTIVE),
    ],
)
async def test_batch_begins_under_its_campaign_as_that_stands_at_the_end(
    stores: Stores,
    becomes: CampaignStatus,
    status: BatchStatus,
    paused_by: PausedBy | None,
    campaign_becomes: CampaignStatus,
) -> None:
    campaign = await stores.a_kept_campaign()
    async with _held_up_create(stores, campaign) as creating, asyncio.timeout(5):
        await stores.force("campaigns", status=becomes)
    made = await creating
    kept = await stores.batch(made)
    assert (made.status, made.paused_by) == (kept.status, kept.paused_by) == (status, paused_by)
    assert await _campaign_status(stores, campaign.campaign_id) is campaign_becomes
