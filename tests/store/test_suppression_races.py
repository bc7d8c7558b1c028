"""Adding a number while others hold the rows it is about."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from domain.call import AttemptKind, CallStatus
from domain.contact import ContactStatus, SkipReason
from domain.gates import Gate
from domain.identity import TokenId
from domain.ports import Claimed
from domain.settlement import Settlement
from domain.suppression import NewSuppression
from store.database.engine import transaction
from store.suppressions.listing import CHUNK, in_chunks
from tests.builders import CALLEE, MONDAY_NOON, ORGANIZATION, a_claim, a_new_contact
from tests.store.scenes import Stores

pytestmark = pytest.mark.store

TOKEN = TokenId("tok_1")
PERSON = [a_new_contact(phone_number=CALLEE)]
NUMBER = NewSuppression(phone_number=CALLEE)
RETRY = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON)


async def test_sleeper_that_is_held_at_that_moment_is_withheld_and_skipped_at_its_turn(
    stores: Stores,
) -> None:
    person = await stores.a_person(people=PERSON)
    await stores.ended(person, CallStatus.BUSY, RETRY)
    async with transaction(stores.engine) as holding:
        await holding.execute(text("SELECT 1 FROM contacts FOR NO KEY UPDATE"))
        adding = stores.suppressions.add(ORGANIZATION, NUMBER, MONDAY_NOON, added_by=TOKEN)
        added = await asyncio.wait_for(adding, timeout=5)
    assert added.skipped == []
    assert await stores.status(person) is ContactStatus.RETRYING
    claim = a_claim(person.contact_id, attempt=2, kind=AttemptKind.RETRY)
    assert await stores.calls.claim_attempt(claim, MONDAY_NOON) is Gate.SUPPRESSED
    assert await stores.contacts.give_back(person.contact_id, 2, MONDAY_NOON) is ContactStatus.SKIPPED
    assert (await stores.contact(person)).skip_reason is SkipReason.SUPPRESSED


async def test_two_imports_of_the_same_numbers_at_once_both_succeed(stores: Stores) -> None:
    numbers = [NewSuppression(phone_number=f"+1415{each:07}") for each in range(1200)]
    await asyncio.gather(
        *(
            stores.suppressions.add_all(ORGANIZATION, order, MONDAY_NOON, added_by=TOKEN)
            for order in (numbers, numbers[::-1], numbers)
        )
    )
    imported = await stores.suppressions.add_all(ORGANIZATION, numbers, MONDAY_NOON, added_by=TOKEN)
    assert (imported.added, imported.updated) == (0, 1200)


async def test_import_of_several_pieces_lists_every_number_and_skips_every_sleeper(stores: Stores) -> None:
    numbers = [NewSuppression(phone_number=f"+1415{each:07}") for each in range(3 * CHUNK)]
    ends = [a_new_contact(phone_number=each.phone_number) for each in (numbers[0], numbers[-1])]
    batch = await stores.a_kept_batch(ends)
    for person in await stores.people_of(batch):
        await stores.ended(person, CallStatus.BUSY, RETRY)

    imported = await stores.suppressions.add_all(ORGANIZATION, numbers[::-1], MONDAY_NOON, added_by=TOKEN)

    assert (imported.added, imported.updated, len(imported.skipped)) == (3 * CHUNK, 0, 2)
    assert (await stores.batch(batch)).counters.skipped == 2


async def test_pieces_follow_each_other_in_the_order_of_their_numbers() -> None:
    given = [NewSuppression(phone_number=f"+1415{each * 7919 % 10007:07}") for each in range(2 * CHUNK + 1)]

    pieces = await in_chunks(given)

    assert [len(each) for each in pieces] == [CHUNK, CHUNK, 1]
    assert [each for piece in pieces for each in piece] == sorted(given, key=lambda each: each.phone_number)


async def test_claims_begun_after_the_entry_was_committed_never_dial(stores: Stores) -> None:
    batches = [await stores.a_kept_batch(PERSON) for _ in range(6)]
    people = [person for batch in batches for person in await stores.people_of(batch)]

    async def claim(turn: int) -> tuple[float, object]:
        await asyncio.sleep(turn / 1000)
        begun = asyncio.get_running_loop().time()
        answer = await stores.calls.claim_attempt(a_claim(people[turn].contact_id), MONDAY_NOON)
        return begun, answer

    async def add() -> float:
        await asyncio.sleep(0.003)
        await stores.suppressions.add(ORGANIZATION, NUMBER, MONDAY_NOON, added_by=TOKEN)
        return asyncio.get_running_loop().time()

    adding = asyncio.create_task(add())
    claims = await asyncio.gather(*map(claim, range(6)))
    added_at = await adding
    late = [answer for begun, answer in claims if begun > added_at]
    assert not any(isinstance(answer, Claimed) for answer in late)
    assert await stores.calls.claim_attempt(
        a_claim(people[5].contact_id), MONDAY_NOON + timedelta(hours=1)
    ) in (Gate.SUPPRESSED, Gate.CONTACT_CLOSED)
