"""Deliveries in the database: published once, claimed by one, settled, given up, replayed, forgotten."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.errors import DeliveryNotFound, EndpointDisabled
from domain.identity import EndpointId, OrganizationId
from domain.ports import AttemptOutcome, Window
from domain.webhooks import (
    ClaimedDelivery,
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    DisabledReason,
    EventType,
    WebhookEndpoint,
    judged,
)
from tests.builders import ORGANIZATION
from tests.store.scenes import Stores
from tests.store.webhook_scenes import SECRET, Webhooks

pytestmark = pytest.mark.store

LEASE = timedelta(seconds=20)
PLACES = 10
EVERYTHING = Window(limit=1000)
MIDDLE = 0.5


@pytest.fixture
def webhooks(stores: Stores) -> Webhooks:
    return Webhooks.on(stores.engine)


def now() -> datetime:
    return datetime.now().astimezone()


async def claimed(
    webhooks: Webhooks, at: datetime, *, limit: int = 100, **places: int
) -> list[ClaimedDelivery]:
    busy = {EndpointId(each): count for each, count in places.items()}
    found = await webhooks.queue.claim(busy, each=PLACES, limit=limit, now=at, lease=LEASE)
    return sorted(found, key=lambda each: each.event_id)


def answered(claim: ClaimedDelivery, status: int | None, at: datetime) -> AttemptOutcome:
    attempt = DeliveryAttempt(at=at, status=status, milliseconds=7, answer=None if status is None else "said")
    return AttemptOutcome(claimed=claim, attempt=attempt, verdict=judged(claim, attempt, at, MIDDLE))


async def deliveries(webhooks: Webhooks, endpoint: WebhookEndpoint | None = None) -> list[Delivery]:
    """Every delivery, oldest first."""
    endpoint_id = None if endpoint is None else endpoint.endpoint_id
    page = await webhooks.deliveries.list_deliveries(
        ORGANIZATION, endpoint_id=endpoint_id, states=(), types=(), window=EVERYTHING
    )
    return list(page.items)[::-1]


async def some_events(stores: Stores, count: int) -> None:
    for _ in range(count):
        await stores.a_kept_batch()


async def published(stores: Stores, webhooks: Webhooks, count: int) -> datetime:
    """Make so many events and their deliveries; returns when these became due."""
    await some_events(stores, count)
    at = now()
    await webhooks.publish(at)
    return at


async def test_event_is_delivered_once_to_every_endpoint_that_wants_it(
    stores: Stores, webhooks: Webhooks
) -> None:
    every = await webhooks.an_endpoint()
    some = await webhooks.an_endpoint(EventType.BATCH_STARTED)
    await webhooks.an_endpoint(EventType.CALL_ENDED)
    await webhooks.an_endpoint(enabled=False)
    await webhooks.an_endpoint(organization=OrganizationId("org_other"))
    await some_events(stores, 2)
    at = now()

    made = await asyncio.gather(webhooks.publish(at), webhooks.publish(at))

    assert sum(made) == 4
    assert [each.endpoint_id for each in await deliveries(webhooks)].count(every.endpoint_id) == 2
    assert [each.endpoint_id for each in await deliveries(webhooks)].count(some.endpoint_id) == 2
    assert await webhooks.news() == []


async def test_claim_brings_all_that_a_post_takes_and_is_nobody_elses(
    stores: Stores, webhooks: Webhooks
) -> None:
    endpoint = await webhooks.an_endpoint()
    at = await published(stores, webhooks, 1)
    await webhooks.endpoints.rotate_secret(ORGANIZATION, endpoint.endpoint_id, "whsec_bmV3", at)

    first, second = await asyncio.gather(claimed(webhooks, at), claimed(webhooks, at))

    [claim] = [*first, *second]
    [delivery] = await deliveries(webhooks)
    assert claim == ClaimedDelivery(
        delivery_id=delivery.delivery_id,
        endpoint_id=endpoint.endpoint_id,
        event_id=delivery.event_id,
        url=endpoint.url,
        body=f'"{delivery.event_id}"',
        secrets=("whsec_bmV3", SECRET),
    )


async def test_claim_that_nobody_settles_lapses(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint()
    at = await published(stores, webhooks, 1)
    before = await claimed(webhooks, at)

    meanwhile = await claimed(webhooks, at + LEASE - timedelta(seconds=1))
    after = await claimed(webhooks, at + LEASE)

    assert (meanwhile, after) == ([], before)


async def test_old_secret_signs_until_its_day_is_over(stores: Stores, webhooks: Webhooks) -> None:
    endpoint = await webhooks.an_endpoint()
    at = now()
    until = await webhooks.endpoints.rotate_secret(ORGANIZATION, endpoint.endpoint_id, "whsec_bmV3", at)
    await some_events(stores, 1)
    await webhooks.publish(at)

    [early] = await claimed(webhooks, until - timedelta(seconds=1))
    [late] = await claimed(webhooks, until + LEASE)

    assert (early.secrets, late.secrets) == (("whsec_bmV3", SECRET), ("whsec_bmV3",))


async def test_long_queue_of_one_endpoint_hides_no_other(stores: Stores, webhooks: Webhooks) -> None:
    slow = await webhooks.an_endpoint()
    at = await published(stores, webhooks, 15)
    fast = await webhooks.an_endpoint()
    await some_events(stores, 3)
    await webhooks.publish(at)

    found = await claimed(webhooks, at)
    more = await claimed(webhooks, at, **{slow.endpoint_id: 1, fast.endpoint_id: 0})

    assert [each.endpoint_id for each in found].count(slow.endpoint_id) == PLACES
    assert [each.endpoint_id for each in found].count(fast.endpoint_id) == 3
    assert [each.endpoint_id for each in more] == [slow.endpoint_id]


async def test_failed_delivery_comes_back_when_it_is_due(stores: Stores, webhooks: Webhooks) -> None:
    endpoint = await webhooks.an_endpoint()
    at = await published(stores, webhooks, 1)
    [claim] = await claimed(webhooks, at)

    await webhooks.queue.settle([answered(claim, 503, at)], at)

    assert await claimed(webhooks, at + timedelta(seconds=4)) == []
    assert await claimed(webhooks, at + timedelta(seconds=5)) == [
        replace(claim, attempts_made=1, first_attempt_at=at)
    ]
    [delivery] = await deliveries(webhooks)
    assert delivery.state is DeliveryState.PENDING
    assert delivery.attempts == (DeliveryAttempt(at=at, status=503, milliseconds=7, answer="said"),)
    assert (await webhooks.endpoints.get(ORGANIZATION, endpoint.endpoint_id)).failing_since == at


async def test_taken_delivery_is_over_and_its_endpoint_fails_no_more(
    stores: Stores, webhooks: Webhooks
) -> None:
    endpoint = await webhooks.an_endpoint()
    at = await published(stores, webhooks, 2)
    first, second = await claimed(webhooks, at)
    await webhooks.queue.settle([answered(first, None, at)], at)

    await webhooks.queue.settle([answered(second, 200, at)], at)

    assert [each.state for each in await deliveries(webhooks)] == ["pending", "delivered"]
    assert (await deliveries(webhooks))[1].next_attempt_at is None
    assert (await webhooks.endpoints.get(ORGANIZATION, endpoint.endpoint_id)).failing_since is None


async def test_gone_receiver_is_disabled_at_once_and_what_waits_for_it_fails(
    stores: Stores, webhooks: Webhooks
) -> None:
    endpoint, other = await webhooks.an_endpoint(), await webhooks.an_endpoint()
    at = await published(stores, webhooks, 2)
    claim = next(each for each in await claimed(webhooks, at) if each.endpoint_id == endpoint.endpoint_id)

    disabled = await webhooks.queue.settle([answered(claim, 410, at)], at)
    failed = await webhooks.queue.fail_undeliverable(at, 100)

    standing = await webhooks.endpoints.get(ORGANIZATION, endpoint.endpoint_id)
    assert disabled == {endpoint.endpoint_id: DisabledReason.GONE}
    assert (standing.enabled, standing.disabled_reason) == (False, DisabledReason.GONE)
    assert failed == 1
    assert {each.state for each in await deliveries(webhooks, endpoint)} == {DeliveryState.FAILED}
    assert {each.state for each in await deliveries(webhooks, other)} == {DeliveryState.PENDING}
    assert {each.endpoint_id for each in await claimed(webhooks, at + LEASE)} == {other.endpoint_id}


async def test_three_days_of_failures_disable_an_endpoint(stores: Stores, webhooks: Webhooks) -> None:
    endpoint = await webhooks.an_endpoint()
    at = began_at = await published(stores, webhooks, 1)
    disabled: dict[EndpointId, DisabledReason] = {}
    attempts = 0

    while not disabled:
        [claim] = await claimed(webhooks, at)
        outcome = answered(claim, None, at)
        disabled = dict(await webhooks.queue.settle([outcome], at))
        attempts += 1
        at = outcome.verdict.due_at or at

    [delivery] = await deliveries(webhooks)
    assert disabled == {endpoint.endpoint_id: DisabledReason.FAILING}
    assert (at - began_at, attempts) == (timedelta(days=3), 16)
    assert (delivery.state, len(delivery.attempts)) == (DeliveryState.FAILED, 16)


async def test_endpoint_that_took_something_meanwhile_stays_enabled(
    stores: Stores, webhooks: Webhooks
) -> None:
    endpoint = await webhooks.an_endpoint()
    at = await published(stores, webhooks, 2)
    bad, good = await claimed(webhooks, at)
    await webhooks.queue.settle([answered(bad, 500, at)], at)
    await webhooks.queue.settle([answered(good, 200, at)], at)
    end = at + timedelta(days=3)
    [again] = await claimed(webhooks, end)

    disabled = await webhooks.queue.settle([answered(again, 500, end)], end)

    assert disabled == {}
    assert (await webhooks.endpoints.get(ORGANIZATION, endpoint.endpoint_id)).enabled
    assert [each.state for each in await deliveries(webhooks)] == ["failed", "delivered"]


async def test_disabled_endpoint_is_posted_tests_alone(stores: Stores, webhooks: Webhooks) -> None:
    endpoint = await webhooks.an_endpoint()
    at = await published(stores, webhooks, 1)
    await webhooks.endpoints.change(ORGANIZATION, endpoint.endpoint_id, {"enabled": False}, at)

    test = await webhooks.deliveries.test(ORGANIZATION, endpoint.endpoint_id, "{}", at)

    assert [each.delivery_id for each in await claimed(webhooks, at)] == [test]
    assert await webhooks.queue.fail_undeliverable(at, 100) == 1


async def test_deleted_endpoint_is_posted_nothing_and_its_deliveries_stay_to_be_read(
    stores: Stores, webhooks: Webhooks
) -> None:
    endpoint = await webhooks.an_endpoint()
    at = await published(stores, webhooks, 1)

    await webhooks.endpoints.delete(ORGANIZATION, endpoint.endpoint_id, at)

    assert await claimed(webhooks, at) == []
    assert await webhooks.queue.fail_undeliverable(at, 100) == 1
    assert [each.state for each in await deliveries(webhooks)] == [DeliveryState.FAILED]


async def test_one_delivery_is_replayed_under_its_ids_with_all_its_time_before_it(
    stores: Stores, webhooks: Webhooks
) -> None:
    endpoint = await webhooks.an_endpoint()
    at = await published(stores, webhooks, 1)
    [claim] = await claimed(webhooks, at)
    await webhooks.queue.settle([answered(claim, 200, at)], at)

    again = await webhooks.deliveries.replay(ORGANIZATION, claim.delivery_id, at)

    assert (again.state, again.event_id, len(again.attempts)) == ("pending", claim.event_id, 1)
    assert await claimed(webhooks, at) == [claim]
    await webhooks.endpoints.change(ORGANIZATION, endpoint.endpoint_id, {"enabled": False}, at)
    with pytest.raises(EndpointDisabled):
        await webhooks.deliveries.replay(ORGANIZATION, claim.delivery_id, at)
    with pytest.raises(DeliveryNotFound):
        await webhooks.deliveries.replay(OrganizationId("org_other"), claim.delivery_id, at)


async def test_replay_brings_every_event_since_then_delivered_or_not_page_by_page(
    stores: Stores, webhooks: Webhooks
) -> None:
    endpoint = await webhooks.an_endpoint(EventType.BATCH_STARTED)
    await some_events(stores, 2)
    await webhooks.publish(now())
    since = now()
    await some_events(stores, 5)
    await webhooks.deliveries.test(ORGANIZATION, endpoint.endpoint_id, "{}", now())
    await webhooks.publish(now())
    newcomer = await webhooks.an_endpoint()
    at = now()
    first = await claimed(webhooks, at)
    await webhooks.queue.settle([answered(each, 200, at) for each in first], at)

    counted = [
        await webhooks.deliveries.replay_since(ORGANIZATION, each.endpoint_id, since, at)
        for each in (endpoint, newcomer)
    ]
    pages = [await webhooks.outbox.replay_page(at, 2) for _ in range(7)]

    again = await claimed(webhooks, at)
    assert (counted, pages) == ([5, 5], [True] * 6 + [False])
    assert {each.event_id for each in again} == {each.event_id for each in first[2:7]}
    assert [sum(each.endpoint_id == one.endpoint_id for each in again) for one in (endpoint, newcomer)] == [
        5,
        5,
    ]
    assert len(await deliveries(webhooks, endpoint)) == 8


async def test_old_deliveries_and_events_are_forgotten_and_what_waits_is_not(
    stores: Stores, webhooks: Webhooks
) -> None:
    await webhooks.an_endpoint()
    at = await published(stores, webhooks, 2)
    first, _ = await claimed(webhooks, at)
    await webhooks.queue.settle([answered(first, 200, at)], at)

    young = await webhooks.queue.forget(at + timedelta(days=29), 100)
    old = await webhooks.queue.forget(at + timedelta(days=31), 100)
    older = await webhooks.queue.forget(at + timedelta(days=35), 1)

    assert (young, old, older) == (0, 1, 1)
    assert [each.state for each in await deliveries(webhooks)] == [DeliveryState.PENDING]


async def test_backlog_counts_by_state_and_tells_since_when(stores: Stores, webhooks: Webhooks) -> None:
    await webhooks.an_endpoint()
    nothing = await webhooks.deliveries.backlog(now())
    at = await published(stores, webhooks, 3)
    first, *_ = await claimed(webhooks, at)
    await webhooks.queue.settle([answered(first, 200, at)], at)

    backlog = await webhooks.deliveries.backlog(now())

    assert (dict(nothing.by_state), nothing.oldest_at) == (dict.fromkeys(DeliveryState, 0), None)
    assert dict(backlog.by_state) == {"pending": 2, "delivered": 1, "failed": 0}
    assert backlog.oldest_at == at


async def test_attempts_of_a_delivery_stay_few_however_often_it_is_replayed(
    stores: Stores, webhooks: Webhooks
) -> None:
    await webhooks.an_endpoint()
    at = await published(stores, webhooks, 1)
    [claim] = await claimed(webhooks, at)

    for number in range(55):
        outcome = answered(claim, 200, at + timedelta(seconds=number))
        await webhooks.queue.settle([outcome], at)

    [delivery] = await deliveries(webhooks)
    assert (len(delivery.attempts), delivery.attempts[-1].at) == (50, at + timedelta(seconds=54))
