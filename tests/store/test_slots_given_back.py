"""A slot comes back with the statement that ends what it was for; real store and fake alike."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.batch import Batch
from domain.call import AttemptKind, CallStatus, DialState
from domain.contact import Contact, ContactStatus, SkipReason
from domain.identity import TokenId
from domain.lifecycle import Action
from domain.redial import RedialPolicy
from domain.settlement import Settlement
from domain.suppression import NewSuppression
from tests.builders import ORGANIZATION
from tests.store.scenes import LATER, World

pytestmark = pytest.mark.store

S = ContactStatus
END = LATER + timedelta(hours=1)
RETRY = Settlement(status=S.RETRYING, next_retry_at=LATER)
Move = Callable[[World, Contact], Awaitable[object]]


async def skip(world: World, person: Contact) -> None:
    await world.contacts.skip(person.contact_id, SkipReason.SUPPRESSED, LATER)


async def skip_by_hand(world: World, person: Contact) -> None:
    await world.contacts.skip_by_hand(person.batch_id, person.contact_id, LATER)


async def cancel(world: World, person: Contact) -> None:
    await world.batches.act(person.batch_id, Action.CANCEL, LATER)


async def cancel_campaign(world: World, person: Contact) -> None:
    await world.campaigns.act(ORGANIZATION, person.campaign_id, Action.CANCEL, LATER)


async def expire(world: World, person: Contact) -> None:
    await world.batches.expire(person.batch_id, END)


async def suppress(world: World, person: Contact) -> None:
    number = NewSuppression(phone_number=person.phone_number)
    await world.suppressions.add(ORGANIZATION, number, LATER, added_by=TokenId("tok_1"))


async def give_back(world: World, person: Contact) -> None:
    await world.contacts.give_back(person.contact_id, 1, LATER)


async def pause(world: World, person: Contact) -> None:
    await world.batches.act(person.batch_id, Action.PAUSE, LATER)


ENDS = [skip, skip_by_hand, cancel, cancel_campaign, expire]


async def a_granted_batch(world: World, waits: Settlement | None = None) -> tuple[Batch, Contact]:
    """Two contacts; the first holds the only slot, for its first call or for the retry it waits for."""
    batch = await world.a_kept_batch(2, concurrency_limit=1, scheduled_end=END)
    person, _ = await world.people_of(batch)
    if waits is not None:
        await world.ended(person, CallStatus.BUSY, waits)
    stands = await world.grant(batch.batch_id, LATER + timedelta(seconds=6))
    assert [each.contact_id for each in stands.granted] == [person.contact_id]
    return batch, person


@pytest.mark.parametrize("move", [*ENDS, give_back], ids=lambda move: move.__name__)
async def test_contact_that_was_not_claimed_gives_its_slot_back(world: World, move: Move) -> None:
    batch, person = await a_granted_batch(world)
    assert await world.holders(batch) == [(person.contact_id, 1)]

    await move(world, person)

    assert await world.holders(batch) == []


@pytest.mark.parametrize("move", [*ENDS, suppress, give_back], ids=lambda move: move.__name__)
async def test_retry_that_was_not_claimed_gives_its_slot_back(world: World, move: Move) -> None:
    batch, person = await a_granted_batch(world, RETRY)
    assert await world.holders(batch) == [(person.contact_id, 2)]

    await move(world, person)

    assert await world.holders(batch) == []


async def test_retry_that_new_rules_end_gives_its_slot_back(world: World) -> None:
    batch, person = await a_granted_batch(world, RETRY)
    no_more = RedialPolicy(max_retries=0)
    await world.campaigns.change(
        ORGANIZATION, batch.campaign_id, lambda kept: replace(kept, retry_policy=no_more), LATER
    )

    await world.reschedules.reschedule(batch.batch_id, 0, 10, LATER)

    assert await world.status(person) is S.BUSY
    assert await world.holders(batch) == []


async def test_pending_contact_that_is_suppressed_gives_its_slot_back_when_the_claim_is_refused(
    world: World,
) -> None:
    batch, person = await a_granted_batch(world)
    await suppress(world, person)
    held = await world.holders(batch)

    assert await world.contacts.give_back(person.contact_id, 1, LATER) is S.SKIPPED

    assert held == [(person.contact_id, 1)]
    assert await world.holders(batch) == []


async def test_pause_takes_no_slot_away(world: World) -> None:
    batch, person = await a_granted_batch(world)

    await pause(world, person)

    assert await world.holders(batch) == [(person.contact_id, 1)]


@pytest.mark.parametrize(
    "settlement",
    [
        pytest.param(Settlement(status=S.COMPLETED), id="completed"),
        pytest.param(RETRY, id="retrying"),
        pytest.param(Settlement(status=S.FOLLOWUP_SCHEDULED, follow_up_at=LATER), id="follow-up"),
        pytest.param(Settlement(status=S.MAX_RETRIES_REACHED), id="no retry left"),
    ],
)
async def test_slot_is_held_over_the_whole_call_and_comes_back_with_its_settlement(
    world: World, settlement: Settlement
) -> None:
    batch, person = await a_granted_batch(world)
    mine = [(person.contact_id, 1)]
    record = await world.claimed(person)
    held = [await world.holders(batch)]
    await world.calls.record_dial(record.execution_id, DialState.ACCEPTED)
    await world.hears(record, CallStatus.RINGING, CallStatus.IN_PROGRESS)
    held.append(await world.holders(batch))
    await world.hears(record, CallStatus.COMPLETED)
    held.append(await world.holders(batch))

    await world.contacts.settle(person.contact_id, 1, settlement, LATER)

    assert held == [mine] * 3
    assert await world.holders(batch) == []


async def test_call_that_was_not_dialled_keeps_its_slot_until_it_is_given_back(world: World) -> None:
    batch, person = await a_granted_batch(world)
    record = await world.claimed(person)
    await world.calls.record_dial(record.execution_id, DialState.READY)
    assert await world.holders(batch) == [(person.contact_id, 1)]

    assert await world.contacts.give_back(person.contact_id, 1, LATER) is S.PENDING

    assert await world.holders(batch) == []
    again = await world.grant(batch.batch_id, LATER)
    assert [each.attempt for each in again.granted] == [1]


@pytest.mark.parametrize("end", [cancel, cancel_campaign], ids=lambda end: end.__name__)
async def test_skipped_contact_whose_call_lives_keeps_its_slot_until_the_call_ends(
    world: World, end: Move
) -> None:
    batch, person = await a_granted_batch(world)
    record = await world.claimed(person)
    await world.calls.record_dial(record.execution_id, DialState.ACCEPTED)
    await end(world, person)
    assert await world.status(person) is S.SKIPPED
    held = await world.holders(batch)
    during = await world.grant(batch.batch_id, LATER)

    await world.hears(record, CallStatus.NO_ANSWER)

    assert held == [(person.contact_id, 1)]
    assert (during.in_use, during.is_done) == (1, False)
    assert await world.holders(batch) == []
    assert (await world.grant(batch.batch_id, LATER)).in_use == 0


async def test_dial_that_is_neither_placed_nor_refused_yet_keeps_its_slot_although_it_is_skipped(
    world: World,
) -> None:
    batch, person = await a_granted_batch(world)
    record = await world.claimed(person)
    await cancel(world, person)
    held = await world.holders(batch)

    await world.calls.record_dial(record.execution_id, DialState.READY)
    await world.contacts.give_back(person.contact_id, 1, LATER)

    assert held == [(person.contact_id, 1)]
    assert await world.holders(batch) == []


async def test_contact_that_talks_on_after_a_cancel_keeps_its_slot_until_it_is_settled(world: World) -> None:
    batch, person = await a_granted_batch(world)
    record = await world.claimed(person)
    await world.hears(record, CallStatus.RINGING, CallStatus.IN_PROGRESS)
    await cancel(world, person)
    await world.hears(record, CallStatus.COMPLETED)
    held = await world.holders(batch)

    await world.contacts.settle(person.contact_id, 1, Settlement(status=S.COMPLETED), LATER)

    assert held == [(person.contact_id, 1)]
    assert await world.holders(batch) == []


async def test_settlement_of_a_call_whose_contact_was_skipped_leaves_no_slot(world: World) -> None:
    """The call ended and the batch was cancelled at the same moment: neither saw the other."""
    batch, person = await a_granted_batch(world)
    record = await world.claimed(person)
    await cancel(world, person)
    await world.hears(record, CallStatus.BUSY)

    await world.contacts.settle(person.contact_id, 1, Settlement(status=S.BUSY), LATER)

    assert await world.status(person) is S.SKIPPED
    assert await world.holders(batch) == []


async def test_late_ending_of_an_earlier_attempt_takes_no_slot_of_the_next(world: World) -> None:
    batch, person = await a_granted_batch(world)
    unknown = await world.ended(person, CallStatus.UNKNOWN, RETRY)
    await world.grant(batch.batch_id, LATER + timedelta(seconds=6))
    await world.claimed(person, 2, AttemptKind.RETRY)

    await world.hears(unknown, CallStatus.COMPLETED)

    assert await world.holders(batch) == [(person.contact_id, 2)]
