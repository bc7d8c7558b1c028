"""A request with a known key is done once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.identity import OrganizationId
from domain.ports import FirstUse, IdempotencyKey, IdempotencyStore, InProgress, Mismatch, Replay
from store.engine import transaction
from store.idempotency import PostgresIdempotencyStore
from store.tables import idempotency_keys
from tests.builders import MONDAY_NOON, ORGANIZATION

pytestmark = pytest.mark.store

KEY = IdempotencyKey(organization_id=ORGANIZATION, kind="batch", key="abc")
DAY = timedelta(hours=24)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def store(store_engine: AsyncEngine) -> IdempotencyStore:
    return PostgresIdempotencyStore(store_engine)


async def test_of_two_requests_at_once_one_is_first(store: IdempotencyStore) -> None:
    uses = await asyncio.gather(*(store.begin(KEY, "body", MONDAY_NOON) for _ in range(6)))
    assert sorted(type(use).__name__ for use in uses) == ["FirstUse"] + ["InProgress"] * 5


async def test_finished_request_is_replayed(store: IdempotencyStore) -> None:
    await store.begin(KEY, "body", MONDAY_NOON)
    await store.keep(KEY, '{"a": 1}', MONDAY_NOON)
    assert await store.begin(KEY, "body", MONDAY_NOON) == Replay('{"a": 1}')


async def test_other_body_is_a_mismatch_once_the_first_request_finished(
    store: IdempotencyStore,
) -> None:
    await store.begin(KEY, "body", MONDAY_NOON)
    assert await store.begin(KEY, "other", MONDAY_NOON) == InProgress()
    await store.keep(KEY, "{}", MONDAY_NOON)
    assert await store.begin(KEY, "other", MONDAY_NOON) == Mismatch()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(
            IdempotencyKey(organization_id=OrganizationId("org_other"), kind="batch", key="abc"),
            id="another organization",
        ),
        pytest.param(
            IdempotencyKey(organization_id=ORGANIZATION, kind="campaign", key="abc"), id="another kind"
        ),
        pytest.param(IdempotencyKey(organization_id=ORGANIZATION, kind="batch", key="ABC"), id="another key"),
    ],
)
async def test_key_is_scoped(store: IdempotencyStore, other: IdempotencyKey) -> None:
    await store.begin(KEY, "body", MONDAY_NOON)
    assert await store.begin(other, "body", MONDAY_NOON) == FirstUse()


async def test_failed_request_is_forgotten(store: IdempotencyStore) -> None:
    await store.begin(KEY, "body", MONDAY_NOON)
    await store.release(KEY)
    assert await store.begin(KEY, "other", MONDAY_NOON) == FirstUse()


async def test_finished_request_is_not_forgotten_by_a_late_failure(store: IdempotencyStore) -> None:
    await store.begin(KEY, "body", MONDAY_NOON)
    await store.keep(KEY, "{}", MONDAY_NOON)
    await store.release(KEY)
    assert await store.begin(KEY, "body", MONDAY_NOON) == Replay("{}")


@pytest.mark.parametrize(
    ("after", "use"),
    [
        pytest.param(timedelta(seconds=60) - MOMENT, InProgress(), id="just within the minute"),
        pytest.param(timedelta(seconds=60), FirstUse(), id="after a minute"),
    ],
)
async def test_claim_of_a_crashed_process_lapses(
    store: IdempotencyStore, after: timedelta, use: object
) -> None:
    await store.begin(KEY, "body", MONDAY_NOON)
    assert await store.begin(KEY, "body", MONDAY_NOON + after) == use


@pytest.mark.parametrize(
    ("after", "use"),
    [
        pytest.param(DAY - MOMENT, Replay("{}"), id="just within a day"),
        pytest.param(DAY, FirstUse(), id="after a day"),
    ],
)
async def test_answer_is_kept_for_a_day_after_success(
    store: IdempotencyStore, after: timedelta, use: object
) -> None:
    await store.begin(KEY, "body", MONDAY_NOON - timedelta(seconds=30))
    await store.keep(KEY, "{}", MONDAY_NOON)
    assert await store.begin(KEY, "body", MONDAY_NOON + after) == use


async def test_old_answers_do_not_pile_up(store: IdempotencyStore, store_engine: AsyncEngine) -> None:
    for key, now in ((KEY, MONDAY_NOON), (replace(KEY, key="new"), MONDAY_NOON + DAY)):
        await store.begin(key, "body", now)
        await store.keep(key, "{}", now)
    async with transaction(store_engine) as connection:
        assert (await connection.scalars(select(idempotency_keys.c.key))).all() == ["new"]
