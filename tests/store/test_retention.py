"""What ended long ago is emptied, some contacts at a time, and nobody who dials waits for it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from activities.retention import PAGE, RetentionParts, purge
from api.webhook_endpoints.bodies import body_of
from domain.batch import BatchStatus
from domain.call import CallStatus
from domain.contact import ContactStatus
from domain.lifecycle import Action
from domain.ports import Expiries, Outdated
from domain.settlement import Settlement
from store.access.idempotency import PostgresIdempotencyStore
from store.audit.log import PostgresAuditLog
from store.database.engine import single_statement, transaction
from store.erasures.retention import PostgresRetentionStore
from tests.builders import MONDAY_NOON, ORGANIZATION, a_new_contact
from tests.store.erasure_scenes import PRIVATE, SAID, SOON, Scene
from tests.store.scenes import Stores

pytestmark = pytest.mark.store

KEPT_FOR = timedelta(days=30)
NOW = MONDAY_NOON + timedelta(days=40)
AGAIN = Settlement(status=ContactStatus.RETRYING, next_retry_at=SOON)


@pytest.fixture
def scene(stores: Stores) -> Scene:
    return Scene.on(stores)


def parts(scene: Scene, **fields: Any) -> RetentionParts:
    engine = scene.stores.engine
    defaults: dict[str, Any] = {"batches_for": KEPT_FOR, "audit_log_for": None, "clock": lambda: NOW}
    return RetentionParts(
        store=PostgresRetentionStore(engine, body_of),
        audit_log=PostgresAuditLog(engine),
        keys=PostgresIdempotencyStore(engine),
        **{**defaults, **fields},
    )


async def a_batch_that_ended(scene: Scene, at: datetime) -> str:
    """A batch of the person and two others, all called or skipped."""
    person = await scene.waits()
    await scene.was_called(person)
    await scene.stores.batches.act(person.batch_id, Action.CANCEL, MONDAY_NOON)
    await scene.run("UPDATE batches SET ended_at = :at WHERE batch_id = :id", at=at, id=person.batch_id)
    return person.batch_id


async def test_batch_that_ended_long_ago_is_emptied_and_counts_as_before(scene: Scene) -> None:
    await scene.webhooks.an_endpoint()
    await a_batch_that_ended(scene, MONDAY_NOON)
    await scene.publish()
    await scene.settle(await scene.claim())
    before = await scene.counts()
    assert await scene.found() == list(PRIVATE)

    await purge(parts(scene))

    assert await scene.found() == []
    assert await scene.counts() == before
    assert "+1415555020" not in await scene.dump()


@pytest.mark.parametrize(
    "kept_for", [pytest.param(timedelta(days=41), id="not yet"), pytest.param(None, id="for ever")]
)
async def test_batch_is_kept_until_its_time(scene: Scene, kept_for: timedelta | None) -> None:
    await a_batch_that_ended(scene, MONDAY_NOON)

    await purge(parts(scene, batches_for=kept_for))

    assert await scene.found() == list(PRIVATE)


async def test_batch_that_runs_is_kept_however_old(scene: Scene) -> None:
    await scene.waits()
    await scene.run("UPDATE batches SET updated_at = '2020-01-01', created_at = '2020-01-01'")

    await purge(parts(scene))

    assert await scene.found() == [each for each in PRIVATE if each != SAID]


async def test_batch_from_before_its_end_was_kept_counts_from_its_last_change(scene: Scene) -> None:
    await a_batch_that_ended(scene, MONDAY_NOON)
    await scene.run("UPDATE batches SET ended_at = NULL, updated_at = :at", at=NOW - timedelta(days=29))
    await purge(parts(scene))
    kept = await scene.found()
    await scene.run("UPDATE batches SET updated_at = :at", at=NOW - timedelta(days=31))

    await purge(parts(scene))

    assert (kept, await scene.found()) == (list(PRIVATE), [])


async def test_later_change_of_its_name_keeps_no_batch_longer(scene: Scene) -> None:
    await a_batch_that_ended(scene, MONDAY_NOON)
    await scene.run("UPDATE batches SET updated_at = :at", at=NOW)

    await purge(parts(scene))

    assert await scene.found() == []


@pytest.mark.parametrize("status", [BatchStatus.COMPLETED, BatchStatus.CANCELLED, BatchStatus.EXPIRED])
async def test_end_of_a_batch_is_kept(scene: Scene, status: BatchStatus) -> None:
    await scene.stores.a_batch_that_is(status)

    async with single_statement(scene.stores.engine) as connection:
        ages = await connection.scalars(text("SELECT now() - ended_at FROM batches"))
        assert all(abs(each) < timedelta(minutes=5) for each in ages.all())


async def test_deleted_batches_are_emptied_too(scene: Scene) -> None:
    batch_id = await a_batch_that_ended(scene, MONDAY_NOON)
    await scene.run("UPDATE batches SET deleted_at = now() WHERE batch_id = :id", id=batch_id)

    await purge(parts(scene))

    assert await scene.found() == []


async def test_contact_that_somebody_holds_is_passed_over_and_found_again(scene: Scene) -> None:
    await a_batch_that_ended(scene, MONDAY_NOON)
    async with transaction(scene.stores.engine) as holding:
        await holding.execute(text("SELECT 1 FROM contacts WHERE position = 1 FOR UPDATE"))
        async with asyncio.timeout(5):
            await purge(parts(scene))
    held = await scene.found()

    await purge(parts(scene))

    assert (held, await scene.found()) == (list(PRIVATE), [])


async def test_large_batch_is_emptied_page_by_page(scene: Scene) -> None:
    people = [a_new_contact(number) for number in range(1, 2 * PAGE + 2)]
    batch = await scene.stores.a_kept_batch(people)
    await scene.stores.batches.act(batch.batch_id, Action.CANCEL, MONDAY_NOON)
    await scene.run("UPDATE batches SET ended_at = :at", at=MONDAY_NOON)
    store = PostgresRetentionStore(scene.stores.engine, body_of)
    found = await store.outdated(Expiries(batches=NOW - KEPT_FOR, audit_log=None))

    positions = [await store.empty_page(batch.batch_id, after, PAGE, NOW) for after in (0, PAGE, 2 * PAGE)]

    assert found == Outdated(batches=1, contacts=2 * PAGE + 1)
    assert positions == [PAGE, 2 * PAGE, None]
    assert await store.outdated(Expiries(batches=NOW - KEPT_FOR, audit_log=None)) == Outdated()


async def test_old_entries_of_the_audit_log_are_forgotten(scene: Scene) -> None:
    await scene.waits()
    await scene.run("UPDATE audit_log SET at = :at WHERE action = 'campaign.create'", at=MONDAY_NOON)
    await scene.run("UPDATE audit_log SET at = :at WHERE action = 'batch.create'", at=NOW)

    found = await PostgresRetentionStore(scene.stores.engine, body_of).outdated(
        Expiries(batches=None, audit_log=NOW - KEPT_FOR)
    )
    await purge(parts(scene, batches_for=None, audit_log_for=KEPT_FOR))

    async with single_statement(scene.stores.engine) as connection:
        left = (await connection.scalars(text("SELECT action FROM audit_log"))).all()
    assert (found.audit_entries, left) == (1, ["batch.create"])


async def test_old_idempotency_keys_are_forgotten_without_a_request(scene: Scene) -> None:
    await scene.run(
        "INSERT INTO idempotency_keys VALUES (:owner, 'batch', 'k', 'f', now() - interval '2 days', '{}',"
        " now() - interval '2 days')",
        owner=ORGANIZATION,
    )

    await purge(parts(scene, batches_for=None))

    async with single_statement(scene.stores.engine) as connection:
        assert (await connection.execute(text("SELECT count(*) FROM idempotency_keys"))).scalar_one() == 0


async def test_erased_contact_whose_settlement_never_came_is_emptied(scene: Scene) -> None:
    """Its workflow was ended by hand, or its campaign deleted, while it was on the phone."""
    person = await scene.waits()
    record = await scene.talks(person)
    await scene.erase()
    await purge(parts(scene, batches_for=None))
    during = await scene.found()
    await scene.hears(record, CallStatus.COMPLETED)
    await purge(parts(scene, batches_for=None))

    assert during != []
    assert await scene.found() == []
    assert (await scene.stores.contact(person)).status is ContactStatus.IN_PROGRESS
