"""Which number a claim shows: in exact turns, or the least loaded; the real store and the fake agree."""

import asyncio
import random
from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import text

from domain.batch import Batch
from domain.call import AttemptKind, CallRecord, CallStatus, DialState
from domain.caller_id import CallerIds, CallerIdStrategy
from domain.campaign import Campaign
from domain.contact import Contact, ContactStatus
from domain.gates import Gate
from domain.ports import Claimed
from domain.settlement import Settlement
from store.database.engine import create_store_engine, single_statement, transaction
from store.database.ids import mint
from tests.builders import MONDAY_NOON, a_claim, a_new_contact, some_caller_ids
from tests.store.lock_waits import until_waiting
from tests.store.scenes import SlottedCalls, Stores, World

pytestmark = pytest.mark.store

FIRST, SECOND, THIRD = NUMBERS = ("+14155550180", "+14155550181", "+14155550182")
ROUND = some_caller_ids(*NUMBERS)
LEAST = some_caller_ids(*NUMBERS, strategy=CallerIdStrategy.LEAST_LOADED)
ALL_STRATEGIES = [some_caller_ids(*NUMBERS, strategy=each) for each in CallerIdStrategy]
RETRY = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON)
AGREED = Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=MONDAY_NOON)


async def _dial(
    world: World,
    person: Contact,
    ids: CallerIds,
    *,
    attempt: int = 1,
    kind: AttemptKind = AttemptKind.INITIAL,
) -> CallRecord:
    claim = a_claim(person.contact_id, caller_ids=ids, attempt=attempt, kind=kind, draw=0.9)
    claimed = await world.calls.claim_attempt(claim, MONDAY_NOON)
    assert isinstance(claimed, Claimed)
    assert claimed.may_ask
    return claimed.record


async def _shown(world: World, people: list[Contact], ids: CallerIds) -> list[str | None]:
    """The numbers that first attempts show, one after the other, while all of them live."""
    return [(await _dial(world, person, ids)).from_number for person in people]


async def _end(
    world: World,
    record: CallRecord,
    settlement: Settlement = RETRY,
    outcome: CallStatus = CallStatus.BUSY,
) -> None:
    await world.calls.record_dial(record.execution_id, DialState.ACCEPTED)
    await world.hears(record, outcome)
    await world.contacts.settle(record.contact_id, record.attempt, settlement, MONDAY_NOON)


async def _give_back(world: World, record: CallRecord) -> None:
    await world.calls.record_dial(record.execution_id, DialState.READY)


async def _batches_of_one_campaign(world: World, *sizes: int) -> tuple[Campaign, list[Batch]]:
    """Batches whose people all have numbers of their own."""
    campaign, begin, made = await world.a_kept_campaign(), 1, []
    for size in sizes:
        people = [a_new_contact(number) for number in range(begin, begin + size)]
        made.append(await world.a_kept_batch(people, campaign=campaign))
        begin += size
    return campaign, made


async def _people(world: World, *sizes: int) -> list[Contact]:
    _, batches = await _batches_of_one_campaign(world, *sizes)
    return [person for batch in batches for person in await world.people_of(batch)]


def _spread(shown: Counter[str | None]) -> int:
    counts = [shown[number] for number in NUMBERS]
    return max(counts) - min(counts)


@pytest.mark.parametrize("strategy", [CallerIdStrategy.ROUND_ROBIN, CallerIdStrategy.LEAST_LOADED])
async def test_forty_claims_at_once_show_three_numbers_equally_often(
    stores: Stores, strategy: CallerIdStrategy
) -> None:
    people = await _people(stores, 25, 15)
    ids = replace(ROUND, strategy=strategy)
    records = await asyncio.gather(*(_dial(stores, person, ids) for person in people))
    assert sorted(Counter(each.from_number for each in records).values()) == [13, 13, 14]


async def test_claims_of_two_worker_processes_share_the_turns(stores: Stores, database_url: str) -> None:
    people = await _people(stores, 30)
    engine = create_store_engine(database_url)
    elsewhere = replace(stores, calls=SlottedCalls(engine, mint))
    try:
        workers = [stores, elsewhere] * 15
        dials = (_dial(each, person, ROUND) for each, person in zip(workers, people, strict=True))
        records = await asyncio.gather(*dials)
    finally:
        await engine.dispose()
    assert Counter(each.from_number for each in records) == dict.fromkeys(NUMBERS, 10)


async def test_batches_without_numbers_take_the_turns_of_their_campaign_together(world: World) -> None:
    first, second, third, fourth = await _people(world, 1, 2, 1)
    assert await _shown(world, [third, first, fourth, second], ROUND) == [FIRST, SECOND, THIRD, FIRST]


async def test_batch_with_numbers_of_its_own_takes_turns_by_itself(world: World) -> None:
    a, b, c, d = await _people(world, 2, 2)
    own = replace(ROUND, are_own=True)
    assert await _shown(world, [a], ROUND) == [FIRST]
    assert await _shown(world, [c, d], own) == [FIRST, SECOND]
    assert await _shown(world, [b], ROUND) == [SECOND]


async def test_campaigns_take_turns_by_themselves(world: World) -> None:
    here, there = await _people(world, 1), await world.a_person(people=[a_new_contact(77)])
    assert await _shown(world, [*here, there], ROUND) == [FIRST, FIRST]


async def test_list_that_is_changed_continues_the_turn_in_its_new_length(world: World) -> None:
    people = await _people(world, 7)
    assert await _shown(world, people[:4], ROUND) == [FIRST, SECOND, THIRD, FIRST]
    shorter = some_caller_ids(SECOND, THIRD)
    assert await _shown(world, people[4:], shorter) == [SECOND, THIRD, SECOND]


async def test_counts_never_differ_by_more_than_one_with_redials_give_backs_and_lost_claims(
    world: World,
) -> None:
    """Calls of two batches in a random order, some doubled, given back, redialled, or on a busy number."""
    dice = random.Random(8)
    campaign, (one, other) = await _batches_of_one_campaign(world, 12, 12)
    doubles = await world.people_of(
        await world.a_kept_batch([a_new_contact(n) for n in range(1, 13)], campaign=campaign)
    )
    waiting = [(each, 1) for batch in (one, other) for each in await world.people_of(batch)]
    shown: Counter[str | None] = Counter()
    for _ in range(60):
        person, attempt = waiting.pop(dice.randrange(len(waiting)))
        kind = AttemptKind.INITIAL if attempt == 1 else AttemptKind.RETRY
        record = await _dial(world, person, ROUND, attempt=attempt, kind=kind)
        shown[record.from_number] += 1
        assert _spread(shown) <= 1
        if person.phone_number in (each.phone_number for each in doubles):
            busy = a_claim(doubles[person.position - 1].contact_id, caller_ids=ROUND)
            assert await world.calls.claim_attempt(busy, MONDAY_NOON) is Gate.NUMBER_BUSY
        if dice.random() < 0.3:
            await _give_back(world, record)
            again = await _dial(world, person, ROUND, attempt=attempt, kind=kind)
            assert again.from_number == record.from_number
        await _end(world, record)
        waiting.append((person, attempt + 1))


async def test_claim_that_is_undone_takes_no_turn(stores: Stores) -> None:
    """The number was found free, and was taken by another attempt before the claim was written."""
    elsewhere = await stores.claimed(await stores.a_person(people=[a_new_contact(2)]))
    await _give_back(stores, elsewhere)
    first, unlucky, third = await _people(stores, 3)
    assert await _shown(stores, [first], ROUND) == [FIRST]
    async with transaction(stores.engine) as dialling:
        await dialling.execute(
            text("UPDATE calls SET dial_state = 'dialling' WHERE execution_id = :id"),
            {"id": elsewhere.execution_id},
        )
        claim = asyncio.create_task(
            stores.calls.claim_attempt(a_claim(unlucky.contact_id, caller_ids=ROUND), MONDAY_NOON)
        )
        await until_waiting(stores.engine)
        assert not claim.done()
    assert await claim is Gate.NUMBER_BUSY
    assert await _shown(stores, [third], ROUND) == [SECOND]


async def test_only_number_of_a_list_needs_no_turn(stores: Stores) -> None:
    (person,) = await _people(stores, 1)
    assert await _shown(stores, [person], some_caller_ids(FIRST)) == [FIRST]
    async with single_statement(stores.engine) as connection:
        assert await connection.scalar(text("SELECT count(*) FROM caller_id_turns")) == 0


@pytest.mark.parametrize("ids", ALL_STRATEGIES, ids=lambda ids: str(ids.strategy))
async def test_attempt_that_was_given_back_keeps_its_number_while_it_is_listed(
    world: World, ids: CallerIds
) -> None:
    person, *others = await _people(world, 3)
    record = await _dial(world, person, ids)
    await _give_back(world, record)
    await _shown(world, list(others), ids)
    again = await _dial(world, person, ids)
    assert again.from_number == record.from_number
    await _give_back(world, again)
    rest = tuple(each for each in NUMBERS if each != record.from_number)
    elsewhere = await _dial(world, person, replace(ids, numbers=rest))
    assert elsewhere.from_number in rest
    assert await world.call(record) == elsewhere


async def test_redials_of_a_sticky_campaign_show_the_number_of_the_first_attempt(world: World) -> None:
    first, second = await _people(world, 2)
    sticky = replace(ROUND, is_sticky=True)
    assert await _shown(world, [first, second], sticky) == [FIRST, SECOND]
    for person, number in ((second, SECOND), (first, FIRST)):
        for attempt in (1, 2):
            newest = (await world.contacts.calls_of([person.contact_id]))[person.contact_id][-1]
            await _end(world, newest)
            again = await _dial(world, person, sticky, attempt=attempt + 1, kind=AttemptKind.RETRY)
            assert again.from_number == number


async def test_sticky_redial_whose_number_is_no_longer_listed_takes_a_turn(world: World) -> None:
    (person,) = await _people(world, 1)
    await _end(world, await _dial(world, person, ROUND))
    rest = some_caller_ids(SECOND, THIRD, is_sticky=True)
    assert (await _dial(world, person, rest, attempt=2, kind=AttemptKind.RETRY)).from_number == THIRD


async def test_sticky_redial_takes_no_turn(world: World) -> None:
    first, second, third = await _people(world, 3)
    sticky = replace(ROUND, is_sticky=True)
    record = await _dial(world, first, sticky)
    await _end(world, record)
    await _dial(world, first, sticky, attempt=2, kind=AttemptKind.RETRY)
    assert await _shown(world, [second, third], sticky) == [SECOND, THIRD]


@pytest.mark.parametrize("ids", ALL_STRATEGIES, ids=lambda ids: str(ids.strategy))
async def test_follow_up_shows_the_number_that_reached_the_person(world: World, ids: CallerIds) -> None:
    person, *others = await _people(world, 4)
    await _end(world, await _dial(world, person, some_caller_ids(THIRD)))
    reached = await _dial(world, person, some_caller_ids(SECOND), attempt=2, kind=AttemptKind.RETRY)
    await _end(world, reached, AGREED, CallStatus.COMPLETED)
    await _shown(world, list(others), ids)
    followed = await _dial(world, person, ids, attempt=3, kind=AttemptKind.FOLLOW_UP)
    assert followed.from_number == SECOND


async def test_follow_up_takes_no_turn_and_counts_as_a_live_call(world: World) -> None:
    person, a, b, c, d = await _people(world, 5)
    await _end(world, await _dial(world, person, some_caller_ids(SECOND)), AGREED, CallStatus.COMPLETED)
    await _dial(world, person, LEAST, attempt=2, kind=AttemptKind.FOLLOW_UP)
    assert set(await _shown(world, [a, b], LEAST)) == {FIRST, THIRD}
    assert await _shown(world, [c, d], ROUND) == [FIRST, SECOND]


async def test_follow_up_whose_number_is_no_longer_listed_is_chosen_like_any_other(world: World) -> None:
    (person,) = await _people(world, 1)
    await _end(world, await _dial(world, person, some_caller_ids(THIRD)), AGREED, CallStatus.COMPLETED)
    ids = some_caller_ids(FIRST, SECOND)
    assert (await _dial(world, person, ids, attempt=2, kind=AttemptKind.FOLLOW_UP)).from_number == FIRST


async def test_least_loaded_never_takes_a_number_with_more_live_calls_than_another(world: World) -> None:
    """Calls of very unequal length."""
    dice = random.Random(4)
    live: list[CallRecord] = []
    for person in await _people(world, 60):
        while live and (len(live) > 7 or dice.random() < 0.4):
            await _end(world, live.pop(dice.choice((0, -1, dice.randrange(len(live))))))
        carried = Counter(each.from_number for each in live)
        record = await _dial(world, person, LEAST)
        assert carried[record.from_number] == min(carried[number] for number in NUMBERS)
        live.append(record)


async def test_least_loaded_numbers_stay_level_while_ended_calls_are_replaced_at_once(
    stores: Stores,
) -> None:
    """Seven lines on three numbers; each ends a call and dials the next person, all at once."""
    waiting = iter(await _people(stores, 56))
    lines = {line: await _dial(stores, next(waiting), LEAST) for line in range(7)}
    for _ in range(7):
        assert _spread(Counter(each.from_number for each in lines.values())) <= 1
        await asyncio.gather(*(_end(stores, record) for record in lines.values()))
        people = [next(waiting) for _ in lines]
        records = await asyncio.gather(*(_dial(stores, person, LEAST) for person in people))
        lines = dict(enumerate(records))


async def test_one_call_at_a_time_goes_round_the_least_loaded_numbers(world: World) -> None:
    shown = []
    for person in await _people(world, 6):
        record = await _dial(world, person, LEAST)
        shown.append(record.from_number)
        await _end(world, record)
    assert shown == [*NUMBERS, *NUMBERS]


async def test_live_calls_of_another_batchs_own_numbers_count(world: World) -> None:
    """Two lists of one campaign share a number."""
    a, b, c = await _people(world, 2, 1)
    own = some_caller_ids(FIRST, "+14155550199", strategy=CallerIdStrategy.LEAST_LOADED, are_own=True)
    pair = some_caller_ids(FIRST, SECOND, strategy=CallerIdStrategy.LEAST_LOADED)
    assert await _shown(world, [a], some_caller_ids(FIRST)) == [FIRST]
    assert await _shown(world, [c], own) == ["+14155550199"]
    assert await _shown(world, [b], pair) == [SECOND]


async def test_attempt_given_back_carries_no_live_call(world: World) -> None:
    a, b = await _people(world, 2)
    pair = some_caller_ids(FIRST, SECOND, strategy=CallerIdStrategy.LEAST_LOADED)
    await _give_back(world, await _dial(world, a, some_caller_ids(SECOND)))
    await _dial(world, b, some_caller_ids(FIRST))
    again = await _dial(world, a, pair)
    assert again.from_number == SECOND
