"""A key's row and its effect are one transaction: a request with a known key is done once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.batch import Batch
from domain.campaign import Campaign, CampaignStatus
from domain.errors import CampaignClosed, IdempotencyKeyBusy, IdempotencyKeyUsed, StoreUnavailable
from domain.identity import OrganizationId
from domain.ports import IdempotencyKey, InProgress, KeyedRequest, Mismatch, Replay, Unused
from store.access.idempotency import FORGOTTEN_AT_ONCE, PostgresIdempotencyStore, effect_once
from store.database.engine import transaction
from store.schema.tables import idempotency_keys
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign_rules, a_new_batch, a_new_contact
from tests.store.scenes import EVERYTHING, Stores, World

pytestmark = pytest.mark.store

KEY = IdempotencyKey(organization_id=ORGANIZATION, kind="campaign", key="abc")
BATCH_KEY = replace(KEY, kind="batch")
Effect = Callable[[AsyncConnection], Awaitable[str]]


@pytest.fixture
def keys(store_engine: AsyncEngine) -> PostgresIdempotencyStore:
    return PostgresIdempotencyStore(store_engine)


def of_campaign(key: IdempotencyKey = KEY, body: str = "body") -> KeyedRequest[Campaign]:
    return KeyedRequest(key=key, fingerprint=body, answer=lambda made: f'"{made.campaign_id}"')


def of_batch() -> KeyedRequest[Batch]:
    return KeyedRequest(key=BATCH_KEY, fingerprint="body", answer=lambda made: f'"{made.batch_id}"')


def of_text() -> KeyedRequest[str]:
    return KeyedRequest(key=KEY, fingerprint="body", answer=lambda made: made)


async def a_campaign(world: World, keyed: KeyedRequest[Campaign]) -> Campaign:
    return await world.campaigns.create(ORGANIZATION, a_campaign_rules(), MONDAY_NOON, keyed)


async def campaigns_of(world: World) -> int:
    return (await world.campaigns.list_campaigns(ORGANIZATION, [], EVERYTHING)).total


async def aged(stores: Stores, age: str) -> None:
    """Let every key have that age."""
    async with transaction(stores.engine) as connection:
        moved = "UPDATE idempotency_keys SET finished_at = now() - CAST(:age AS interval)"
        await connection.execute(text(moved), {"age": age})


@asynccontextmanager
async def someone_at_work(engine: AsyncEngine, effect: Effect | None = None) -> AsyncIterator[asyncio.Event]:
    """Have a request under the key that has its effect and then waits until the event is set."""
    entered, may_leave = asyncio.Event(), asyncio.Event()

    async def slow(connection: AsyncConnection) -> str:
        made = "{}" if effect is None else await effect(connection)
        entered.set()
        await may_leave.wait()
        return made

    working = asyncio.create_task(effect_once(engine, of_text(), slow))
    await entered.wait()
    try:
        yield may_leave
    finally:
        may_leave.set()
        with suppress(StoreUnavailable):
            await working


async def test_effect_and_its_answer_are_there_together(
    stores: Stores, keys: PostgresIdempotencyStore
) -> None:
    assert await keys.look_up(KEY, "body") == Unused()
    made = await a_campaign(stores, of_campaign())
    assert await keys.look_up(KEY, "body") == Replay(f'"{made.campaign_id}"')
    assert await keys.look_up(KEY, "other") == Mismatch()


async def test_batch_is_made_once_with_all_its_contacts(
    stores: Stores, keys: PostgresIdempotencyStore
) -> None:
    new = a_new_batch(campaign_id=(await stores.a_kept_campaign()).campaign_id)
    people = [a_new_contact(number) for number in (1, 2)]
    made = await stores.batches.create(new, people, MONDAY_NOON, of_batch())
    with pytest.raises(IdempotencyKeyUsed):
        await stores.batches.create(new, people, MONDAY_NOON, of_batch())
    assert await keys.look_up(BATCH_KEY, "body") == Replay(f'"{made.batch_id}"')
    assert await stores.batches.unstarted(None, 10) == [made.batch_id]
    assert len(await stores.people_of(made)) == 2


@pytest.mark.parametrize("body", ["body", "other"])
async def test_used_key_has_no_second_effect(world: World, body: str) -> None:
    await a_campaign(world, of_campaign())
    with pytest.raises(IdempotencyKeyUsed):
        await a_campaign(world, of_campaign(body=body))
    assert await campaigns_of(world) == 1


async def test_key_of_a_refused_request_is_unused(stores: Stores, keys: PostgresIdempotencyStore) -> None:
    new = a_new_batch(campaign_id=(await stores.a_kept_campaign()).campaign_id)
    await stores.force("campaigns", status=CampaignStatus.CANCELLED)
    with pytest.raises(CampaignClosed):
        await stores.batches.create(new, [a_new_contact()], MONDAY_NOON, of_batch())
    assert await keys.look_up(BATCH_KEY, "body") == Unused()
    await stores.force("campaigns", status=CampaignStatus.DRAFT)
    await stores.batches.create(new, [a_new_contact()], MONDAY_NOON, of_batch())


async def test_effect_that_cannot_be_answered_is_undone(
    stores: Stores, keys: PostgresIdempotencyStore
) -> None:
    def speechless(_: Campaign) -> str:
        raise LookupError

    with pytest.raises(LookupError):
        await a_campaign(stores, replace(of_campaign(), answer=speechless))
    assert (await keys.look_up(KEY, "body"), await campaigns_of(stores)) == (Unused(), 0)


async def test_of_many_requests_at_once_one_has_an_effect(stores: Stores) -> None:
    tries = (a_campaign(stores, of_campaign()) for _ in range(6))
    results = await asyncio.gather(*tries, return_exceptions=True)
    kinds = {type(each) for each in results if not isinstance(each, Campaign)}
    assert sum(isinstance(each, Campaign) for each in results) == 1
    assert kinds <= {IdempotencyKeyBusy, IdempotencyKeyUsed}
    assert await campaigns_of(stores) == 1


async def test_key_is_in_progress_for_as_long_as_its_transaction_lives(
    stores: Stores, keys: PostgresIdempotencyStore
) -> None:
    async with someone_at_work(stores.engine):
        assert [await keys.look_up(KEY, body) for body in ("body", "other")] == [InProgress()] * 2
        with pytest.raises(IdempotencyKeyBusy):
            await a_campaign(stores, of_campaign())
        assert await keys.look_up(BATCH_KEY, "body") == Unused()
    assert await keys.look_up(KEY, "body") == Replay("{}")


async def test_request_that_lost_its_connection_has_lost_key_and_effect(
    stores: Stores, keys: PostgresIdempotencyStore
) -> None:
    async def effect(connection: AsyncConnection) -> str:
        await connection.execute(text("CREATE TABLE effects ()"))
        return str(await connection.scalar(text("SELECT pg_backend_pid()")))

    backend: list[str] = []

    async def noted(connection: AsyncConnection) -> str:
        backend.append(await effect(connection))
        return backend[0]

    async with someone_at_work(stores.engine, noted):
        async with transaction(stores.engine) as other:
            end = text("SELECT pg_terminate_backend(CAST(:pid AS int), 5000)")
            assert await other.scalar(end, {"pid": backend[0]})
        taken_over = await effect_once(stores.engine, of_text(), effect)
    assert await keys.look_up(KEY, "body") == Replay(taken_over)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(KEY, organization_id=OrganizationId("org_other")), id="another organization"),
        pytest.param(BATCH_KEY, id="another kind"),
        pytest.param(replace(KEY, key="ABC"), id="another key"),
    ],
)
async def test_key_is_scoped(stores: Stores, keys: PostgresIdempotencyStore, other: IdempotencyKey) -> None:
    await a_campaign(stores, of_campaign())
    assert await keys.look_up(other, "body") == Unused()
    await a_campaign(stores, of_campaign(other))
    assert await campaigns_of(stores) == 2


async def test_answer_is_replayed_until_a_day_after_success(
    stores: Stores, keys: PostgresIdempotencyStore
) -> None:
    first = await a_campaign(stores, of_campaign())
    await aged(stores, "23 hours 59 minutes")
    assert await keys.look_up(KEY, "body") == Replay(f'"{first.campaign_id}"')
    await aged(stores, "24 hours")
    assert await keys.look_up(KEY, "body") == Unused()
    second = await a_campaign(stores, of_campaign(body="other"))
    assert await keys.look_up(KEY, "other") == Replay(f'"{second.campaign_id}"')


async def test_key_an_older_release_was_working_under_is_never_open_to_a_second_effect(
    stores: Stores, keys: PostgresIdempotencyStore
) -> None:
    async with transaction(stores.engine) as connection:
        await connection.execute(
            text(
                "INSERT INTO idempotency_keys (organization_id, kind, key, fingerprint, claimed_at)"
                " VALUES (:organization_id, :kind, :key, 'body', now() - interval '61 seconds')"
            ),
            {"organization_id": ORGANIZATION, "kind": KEY.kind, "key": KEY.key},
        )
    assert await keys.look_up(KEY, "body") == InProgress()
    with pytest.raises(IdempotencyKeyUsed):
        await a_campaign(stores, of_campaign())
    assert await campaigns_of(stores) == 0


async def test_key_an_older_release_takes_meanwhile_undoes_the_effect(stores: Stores) -> None:
    async def overtaken(connection: AsyncConnection) -> str:
        row = {"organization_id": ORGANIZATION, "kind": KEY.kind, "key": KEY.key, "fingerprint": "body"}
        async with transaction(stores.engine) as older:
            await older.execute(insert(idempotency_keys).values(claimed_at=text("now()"), **row))
        await connection.execute(text("CREATE TABLE effects ()"))
        return "{}"

    with pytest.raises(IdempotencyKeyUsed):
        await effect_once(stores.engine, of_text(), overtaken)
    async with transaction(stores.engine) as connection:
        assert await connection.scalar(text("SELECT to_regclass('effects')")) is None


async def test_old_keys_are_forgotten_some_at_a_time_and_none_that_is_in_use(
    stores: Stores, keys: PostgresIdempotencyStore
) -> None:
    async with transaction(stores.engine) as connection:
        await connection.execute(
            text(
                "INSERT INTO idempotency_keys SELECT 'org', 'kind', n, 'body', now(), '{}',"
                " now() - interval '24 hours' FROM generate_series(1, :count) AS n"
            ),
            {"count": FORGOTTEN_AT_ONCE + 2},
        )
    await a_campaign(stores, of_campaign())
    async with transaction(stores.engine) as using:
        await using.execute(text("SELECT FROM idempotency_keys WHERE key = '1' FOR UPDATE"))
        for left in (3, 2, 2):
            await keys.forget_old()
            assert await using.scalar(text("SELECT count(*) FROM idempotency_keys")) == left
    await keys.forget_old()
    assert await keys.look_up(KEY, "body") != Unused()
