"""The audit log as it is read, and as it forgets."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.audit import APOLLO, Actor, AuditAction, AuditedChange, AuditEntry, AuditFilter, differing
from domain.identity import OrganizationId, TokenId
from domain.ports import AttemptOutcome, AuditLog, Window
from domain.webhooks import DeliveryAttempt, judged
from store.access.organizations import keep_organization
from store.audit.log import PostgresAuditLog
from store.audit.recording import record
from store.database.engine import transaction
from tests.builders import MONDAY_NOON, ORGANIZATION
from tests.store.webhook_scenes import Webhooks

pytestmark = pytest.mark.store

OTHERS = OrganizationId("org_other")
SOMEBODY = Actor(token_id=TokenId("tok_1"), name="dashboard")


@pytest.fixture
async def log(emptied_engine: AsyncEngine) -> AuditLog:
    """A log of four entries, a minute apart, the last of them another organization's."""
    told = [
        (ORGANIZATION, AuditAction.BATCH_PAUSE, "btc_1"),
        (ORGANIZATION, AuditAction.BATCH_RESUME, "btc_1"),
        (ORGANIZATION, AuditAction.BATCH_PAUSE, "btc_2"),
        (OTHERS, AuditAction.BATCH_PAUSE, "btc_1"),
    ]
    async with transaction(emptied_engine) as connection:
        for minute, (organization_id, action, object_id) in enumerate(told):
            now = MONDAY_NOON + timedelta(minutes=minute)
            await keep_organization(connection, organization_id, now)
            change = AuditedChange(action=action, object_id=object_id, after={"until": MONDAY_NOON})
            await record(connection, organization_id, change, now, by=SOMEBODY)
    return PostgresAuditLog(emptied_engine)


async def listed(log: AuditLog, **which: Any) -> Sequence[AuditEntry]:
    return (await log.list_entries(ORGANIZATION, AuditFilter(**which), Window())).items


async def minutes(log: AuditLog, **which: Any) -> list[float]:
    return [(each.at - MONDAY_NOON).total_seconds() / 60 for each in await listed(log, **which)]


async def test_entry_is_returned_as_it_was_written(log: AuditLog) -> None:
    newest, *_ = await listed(log)

    assert newest == AuditEntry(
        at=MONDAY_NOON + timedelta(minutes=2),
        actor=SOMEBODY,
        action="batch.pause",
        object_id="btc_2",
        before=None,
        after={"until": MONDAY_NOON.isoformat()},
    )


async def test_entries_of_the_organization_come_newest_first(log: AuditLog) -> None:
    assert await minutes(log) == [2, 1, 0]


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        pytest.param({"object_id": "btc_1"}, [1, 0], id="object"),
        pytest.param({"actions": [AuditAction.BATCH_PAUSE]}, [2, 0], id="action"),
        pytest.param({"since": MONDAY_NOON + timedelta(minutes=1)}, [2, 1], id="since, inclusive"),
        pytest.param({"object_id": "btc_2", "actions": [AuditAction.BATCH_RESUME]}, [], id="all hold"),
    ],
)
async def test_filters_narrow(log: AuditLog, which: dict[str, object], expected: list[int]) -> None:
    assert await minutes(log, **which) == expected


async def test_page_knows_how_many_match(log: AuditLog) -> None:
    page = await log.list_entries(ORGANIZATION, AuditFilter(), Window(skip=1, limit=1))

    assert ([each.action for each in page.items], page.total) == (["batch.resume"], 3)


async def test_oldest_entries_are_forgotten_some_at_a_time(log: AuditLog) -> None:
    before = MONDAY_NOON + timedelta(minutes=2)

    forgotten = [await log.forget(before, 1) for _ in range(3)]

    assert forgotten == [1, 1, 0]
    assert await minutes(log) == [2]


def test_only_what_differs_is_told() -> None:
    assert differing({"a": 1, "b": 2}, {"a": 1, "b": 3}) == ({"b": 2}, {"b": 3})


async def test_endpoint_that_apollo_disables_is_told(emptied_engine: AsyncEngine) -> None:
    webhooks = Webhooks.on(emptied_engine)
    endpoint = await webhooks.an_endpoint()
    await webhooks.deliveries.test(ORGANIZATION, endpoint.endpoint_id, "{}", MONDAY_NOON)
    (claimed,) = await webhooks.queue.claim({}, each=1, limit=1, now=MONDAY_NOON, lease=timedelta(minutes=1))
    gone = DeliveryAttempt(at=MONDAY_NOON, status=410, milliseconds=5)
    outcome = AttemptOutcome(
        claimed=claimed, attempt=gone, verdict=judged(claimed, gone, MONDAY_NOON, draw=0)
    )

    for _ in range(2):
        await webhooks.queue.settle([outcome], MONDAY_NOON)
    newest, *older = await listed(PostgresAuditLog(emptied_engine), object_id=endpoint.endpoint_id)

    assert (newest.actor, newest.action) == (APOLLO, "endpoint.disable")
    assert newest.after == {"enabled": False, "disabled_reason": "gone"}
    assert [each.action for each in older] == ["endpoint.test", "endpoint.create"]
