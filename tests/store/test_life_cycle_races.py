"""Holds and ends against everything else that happens in the same instant, on a real database."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.batch import BatchStatus
from domain.call import CallStatus
from domain.campaign import CampaignStatus
from domain.contact import ContactStatus
from domain.errors import CampaignPaused, IllegalTransition
from domain.gates import Gate
from domain.lifecycle import Action
from domain.ports import Claimed
from domain.settlement import Settlement
from store.calls.repository import PostgresCallStore
from store.database.engine import transaction
from store.database.ids import mint
from tests.builders import MONDAY_NOON, ORGANIZATION, a_claim, a_new_contact
from tests.store.lock_waits import until_waiting
from tests.store.scenes import LATER, Stores

pytestmark = pytest.mark.store

RETRY = Settlement(status=ContactStatus.RETRYING, next_retry_at=LATER)


@contextmanager
def _statements(engine: AsyncEngine) -> Iterator[list[str]]:
    told: list[str] = []

    def tell(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        told.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", tell)
    yield told
    event.remove(engine.sync_engine, "before_cursor_execute", tell)


async def test_twenty_thousand_people_are_skipped_in_one_statement(stores: Stores) -> None:
    uploaded = [a_new_contact(number) for number in range(1, 20_001)]
    batch = await stores.a_kept_batch(uploaded)
    with _statements(stores.engine) as told:
        cancelled = await stores.batches.act(batch.batch_id, Action.CANCEL, LATER)
    assert cancelled.counters.skipped == 20_000
    assert sum("UPDATE contacts" in statement for statement in told) == 1
    assert len(told) <= 9  # its limits, the log; the counters read contacts, and who of them holds a slot


async def test_first_claim_takes_three_statements_and_a_busy_number_two(stores: Stores) -> None:
    called, waiting = await stores.a_person(), await stores.a_person()
    for each in (called, waiting):
        await stores.grant(each.batch_id)
    claim = PostgresCallStore(stores.engine, mint).claim_attempt
    with _statements(stores.engine) as told:
        assert isinstance(await claim(a_claim(called.contact_id), MONDAY_NOON), Claimed)
    assert len(told) == 3
    with _statements(stores.engine) as told:
        assert await claim(a_claim(waiting.contact_id), MONDAY_NOON) is Gate.NUMBER_BUSY
    assert len(told) == 2


@pytest.mark.parametrize("action", [Action.PAUSE, Action.CANCEL])
@pytest.mark.parametrize("whole", [False, True], ids=["batch", "campaign"])
async def test_no_claim_succeeds_once_a_hold_or_an_end_has_been_answered(
    stores: Stores, action: Action, whole: bool
) -> None:
    batch = await stores.a_kept_batch(12)
    people = await stores.people_of(batch)
    answered = asyncio.Event()

    async def act() -> None:
        if whole:
            await stores.campaigns.act(ORGANIZATION, batch.campaign_id, action, LATER)
        else:
            await stores.batches.act(batch.batch_id, action, LATER)
        answered.set()

    async def claim(number: int) -> bool:
        """Tell whether a claim that was made after the answer succeeded."""
        await asyncio.sleep(number / 500)
        is_late = answered.is_set()
        claimed = await stores.calls.claim_attempt(a_claim(people[number].contact_id), MONDAY_NOON)
        return is_late and isinstance(claimed, Claimed)

    late, *_ = await asyncio.gather(asyncio.gather(*(claim(number) for number in range(12))), act())
    assert not any(late)
    last = await stores.calls.claim_attempt(a_claim(people[0].contact_id, attempt=2), MONDAY_NOON)
    assert isinstance(last, Gate)
    statuses = {person.status for person in await stores.people_of(batch)}
    # Who was claimed before the hold is being called; a cancel skips them with the others.
    allowed = {ContactStatus.PENDING, ContactStatus.DISPATCHED}
    assert statuses <= (allowed if action is Action.PAUSE else {ContactStatus.SKIPPED})


async def test_cancel_waits_for_a_claim_under_way_and_skips_whom_it_dispatched(stores: Stores) -> None:
    person = await stores.a_person()
    async with transaction(stores.engine) as claiming:
        await claiming.execute(text("SELECT 1 FROM batches FOR SHARE"))
        cancel = asyncio.create_task(stores.batches.act(person.batch_id, Action.CANCEL, LATER))
        claimed = await stores.calls.claim_attempt(a_claim(person.contact_id), MONDAY_NOON)
        assert not cancel.done()
    assert isinstance(claimed, Claimed)
    assert claimed.may_ask
    assert (await cancel).counters.skipped == 1


async def test_claim_waits_for_a_cancel_under_way_and_then_dials_nobody(stores: Stores) -> None:
    person = await stores.a_person()
    async with transaction(stores.engine) as holding:
        await holding.execute(text("SELECT 1 FROM contacts FOR UPDATE"))
        cancel = asyncio.create_task(stores.batches.act(person.batch_id, Action.CANCEL, LATER))
        await until_waiting(stores.engine)
        claim = asyncio.create_task(stores.calls.claim_attempt(a_claim(person.contact_id), MONDAY_NOON))
        await until_waiting(stores.engine, 2)
        assert not cancel.done()
        assert not claim.done()
    await cancel
    assert await claim is Gate.BATCH_OVER
    assert await stores.contacts.calls_of([person.contact_id]) == {}


@pytest.mark.parametrize("ending", ["cancel", "expiry"])
async def test_retry_settled_while_the_batch_ends_leaves_nobody_waiting(stores: Stores, ending: str) -> None:
    batch = await stores.a_kept_batch(8, scheduled_end=LATER)
    people = await stores.people_of(batch)
    for person in people:
        await stores.hears(await stores.claimed(person), CallStatus.RINGING, CallStatus.BUSY)

    async def settle(number: int) -> None:
        await asyncio.sleep(number / 500)
        await stores.contacts.settle(people[number].contact_id, 1, RETRY, MONDAY_NOON)

    end = (
        stores.batches.act(batch.batch_id, Action.CANCEL, LATER)
        if ending == "cancel"
        else stores.batches.expire(batch.batch_id, LATER)
    )
    await asyncio.gather(end, *(settle(number) for number in range(8)))
    statuses = {person.status for person in await stores.people_of(batch)}
    assert statuses <= {ContactStatus.BUSY, ContactStatus.SKIPPED}


async def test_retry_waits_for_an_end_under_way_and_is_taken_as_its_outcome(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.hears(await stores.claimed(person), CallStatus.RINGING, CallStatus.BUSY)
    async with transaction(stores.engine) as ending:
        await ending.execute(text("UPDATE batches SET status = 'cancelled'"))
        settle = asyncio.create_task(stores.contacts.settle(person.contact_id, 1, RETRY, LATER))
        await until_waiting(stores.engine)
        assert not settle.done()
    assert await settle == Settlement(status=ContactStatus.BUSY)


async def test_follow_up_waits_for_an_end_under_way_and_is_refused(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.ended(person, CallStatus.COMPLETED, Settlement(status=ContactStatus.COMPLETED))
    async with transaction(stores.engine) as ending:
        await ending.execute(text("UPDATE batches SET status = 'completed'"))
        wish = stores.contacts.schedule_follow_up(person.batch_id, person.contact_id, LATER, LATER)
        asked = asyncio.create_task(wish)
        await until_waiting(stores.engine)
        assert not asked.done()
    with pytest.raises(IllegalTransition, match=r"^Batch is completed and cannot be given a follow-up$"):
        await asked


async def test_batch_is_not_resumed_while_its_campaign_is_being_paused(stores: Stores) -> None:
    batch = await stores.a_batch_that_is(BatchStatus.PAUSED)
    async with transaction(stores.engine) as pausing:
        await pausing.execute(text("UPDATE campaigns SET status = 'paused'"))
        resume = asyncio.create_task(stores.batches.act(batch.batch_id, Action.RESUME, LATER))
        await until_waiting(stores.engine)
        assert not resume.done()
    with pytest.raises(CampaignPaused):
        await resume


async def test_last_batches_ended_at_once_complete_the_campaign(stores: Stores) -> None:
    campaign = await stores.a_kept_campaign()
    batches = [await stores.a_kept_batch(campaign=campaign, scheduled_end=LATER) for _ in range(4)]
    cancelled = (stores.batches.act(batch.batch_id, Action.CANCEL, LATER) for batch in batches[:2])
    expired = (stores.batches.expire(batch.batch_id, LATER) for batch in batches[2:])
    await asyncio.gather(*cancelled, *expired)
    assert (await stores.campaign_of(batches[0])).status is CampaignStatus.COMPLETED


async def test_batch_cancelled_while_its_campaign_is_paused_ends_both(stores: Stores) -> None:
    batch = await stores.a_kept_batch(50)
    answers = await asyncio.gather(
        stores.batches.act(batch.batch_id, Action.CANCEL, LATER),
        *(stores.campaigns.act(ORGANIZATION, batch.campaign_id, Action.PAUSE, LATER) for _ in range(4)),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert {str(each) for each in refused} <= {"Campaign is completed and cannot be paused"}
    assert (await stores.batch(batch)).counters.skipped == 50
    assert (await stores.campaign_of(batch)).status is CampaignStatus.COMPLETED
