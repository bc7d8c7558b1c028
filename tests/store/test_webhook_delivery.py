"""Events on their whole way, from the transaction to three receivers that differ."""

import asyncio
import hashlib
import hmac
import json
import random
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from activities.webhooks import PLACES, WebhookParts, deliver
from api.webhook_endpoints.bodies import body_of
from domain.identity import BatchId, OrganizationId
from domain.ports import Window
from domain.webhooks import DeliveryAttempt, EventType
from receivers.client import open_receivers
from store.webhooks.outbox import PostgresWebhookOutbox
from tests.builders import ORGANIZATION
from tests.fakes.receivers import Post, Receiver, a_receiver, an_answer, silence
from tests.store.scenes import Stores
from tests.store.webhook_scenes import SECRET, Webhooks

pytestmark = pytest.mark.store

PEOPLE = 300
FEW = 100


@pytest.fixture
def webhooks(stores: Stores) -> Webhooks:
    return Webhooks.on(stores.engine)


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def a_deliverer(webhooks: Webhooks) -> AsyncIterator[asyncio.Task[None]]:
    """One deliverer, as a worker has one; it is killed at the end."""
    async with open_receivers(()) as receivers:
        parts = WebhookParts(
            outbox=PostgresWebhookOutbox(webhooks.engine),
            queue=webhooks.queue,
            sender=receivers,
            write_body=body_of,
            read_diagnosis=_healthy,
            clock=now,
        )
        task = asyncio.create_task(deliver(parts))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _healthy(_organization: OrganizationId, _batch: BatchId, _at: datetime) -> tuple[str, str]:
    return "healthy", ""


async def finish(stores: Stores, people: int) -> None:
    """Have so many contacts reach their end, in one transaction."""
    await stores.a_kept_batch(people)
    async with stores.engine.begin() as connection:
        await connection.execute(text("UPDATE contacts SET status = 'completed' WHERE status = 'pending'"))


async def until_all_came(*receivers: Receiver, events: int, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while any(len(each.counted()) < events for each in receivers):  # noqa: ASYNC110 - looks at a server
            await asyncio.sleep(0.05)


def is_signed(post: Post) -> bool:
    """Verify as a receiver without a library would."""
    key = b64decode(SECRET.removeprefix("whsec_"))
    content = f"{post.event_id}.{post.headers['webhook-timestamp']}.".encode() + post.body
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return post.headers["webhook-signature"] == f"v1,{b64encode(digest).decode()}"


async def test_fast_receiver_waits_for_no_other_and_every_event_arrives(
    stores: Stores, webhooks: Webhooks
) -> None:
    draws = random.Random(7)
    refused: set[str] = set()

    async def half(post: Post) -> bytes:
        if draws.random() < 0.5:
            refused.add(post.event_id)
            return an_answer(500)
        refused.discard(post.event_id)
        return an_answer(204)

    async with AsyncExitStack() as stack:
        fast, moody, dead = [
            await stack.enter_async_context(a_receiver(*answer)) for answer in ((), (half,), (silence,))
        ]
        for receiver in (fast, moody, dead):
            await webhooks.an_endpoint(EventType.CONTACT_FINISHED, url=receiver.url)
        await finish(stores, PEOPLE)
        async with a_deliverer(webhooks):
            await until_all_came(fast, events=PEOPLE, seconds=15)
            await until_all_came(moody, events=PEOPLE)

    assert set(fast.counted().values()) == {1}
    assert dead.most_at_once <= PLACES
    assert all(map(is_signed, [*fast.posts, *moody.posts, *dead.posts]))
    assert set(fast.counted()) == set(moody.counted())
    bodies = [json.loads(post.body) for post in fast.posts]
    assert {body["type"] for body in bodies} == {"contact.finished"}
    assert {body["data"]["position"] for body in bodies} == set(range(1, PEOPLE + 1))
    assert {body["data"]["status"] for body in bodies} == {"completed"}


async def test_deliverer_that_dies_loses_nothing(
    stores: Stores, webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.webhooks.LEASE", timedelta(seconds=1))
    async with a_receiver() as receiver:
        await webhooks.an_endpoint(EventType.CONTACT_FINISHED, url=receiver.url)
        await finish(stores, FEW)
        came: set[str] = set()
        while len(came) < FEW:
            async with a_deliverer(webhooks) as deliverer:
                await asyncio.sleep(0.2)
                assert not deliverer.done()
            came = set(receiver.counted())

    assert len(came) == FEW
    assert all(map(is_signed, receiver.posts))


async def test_two_deliverers_share_the_work(stores: Stores, webhooks: Webhooks) -> None:
    async with a_receiver() as receiver:
        await webhooks.an_endpoint(EventType.CONTACT_FINISHED, url=receiver.url)
        await finish(stores, PEOPLE)
        async with a_deliverer(webhooks), a_deliverer(webhooks):
            await until_all_came(receiver, events=PEOPLE)

    assert set(receiver.counted().values()) == {1}


async def test_refused_post_is_noted_with_what_to_change(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint(EventType.CONTACT_FINISHED, url="https://10.0.0.8/hook")
    await finish(stores, 1)

    async with a_deliverer(webhooks), asyncio.timeout(10):
        while not (noted := await _attempts(webhooks)):  # noqa: ASYNC110 - looks at rows
            await asyncio.sleep(0.05)

    assert [each.status for each in noted] == [None]
    assert "APOLLO_WEBHOOKS_ALLOWED_NETWORKS" in (noted[0].error or "")


async def _attempts(webhooks: Webhooks) -> Sequence[DeliveryAttempt]:
    page = await webhooks.deliveries.list_deliveries(
        ORGANIZATION, endpoint_id=None, states=(), types=(), window=Window()
    )
    return [attempt for delivery in page.items for attempt in delivery.attempts]
