"""Webhook endpoints in the database: counted, changed, and their secrets never read back."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from domain.errors import EndpointNotFound, TooManyEndpoints
from domain.identity import OrganizationId
from domain.ports import Window
from domain.webhooks import EventType, WebhookEndpoint
from store.schema.tables import webhook_secrets
from tests.builders import MONDAY_NOON, ORGANIZATION
from tests.store.scenes import Stores
from tests.store.webhook_scenes import SECRET, Webhooks

pytestmark = pytest.mark.store

LATER = MONDAY_NOON + timedelta(minutes=5)
OTHERS = OrganizationId("org_other")


@pytest.fixture
def webhooks(stores: Stores) -> Webhooks:
    return Webhooks.on(stores.engine)


async def _secrets(webhooks: Webhooks) -> list[tuple[str, object]]:
    c = webhook_secrets.c
    async with webhooks.engine.connect() as connection:
        found = await connection.execute(select(c.secret, c.expires_at).order_by(c.created_at))
        return [(secret, expires_at) for secret, expires_at in found]


async def test_endpoint_is_kept_as_it_was_given(webhooks: Webhooks) -> None:
    made = await webhooks.an_endpoint(EventType.CALL_ENDED, description="CRM", enabled=False)

    assert made == WebhookEndpoint(
        endpoint_id=made.endpoint_id,
        organization_id=ORGANIZATION,
        url="https://hooks.example.com",
        events=(EventType.CALL_ENDED,),
        description="CRM",
        enabled=False,
        created_at=MONDAY_NOON,
        updated_at=MONDAY_NOON,
    )
    assert await webhooks.endpoints.get(ORGANIZATION, made.endpoint_id) == made


async def test_endpoints_are_listed_newest_first_each_organizations_own(webhooks: Webhooks) -> None:
    first, second = await webhooks.an_endpoint(), await webhooks.an_endpoint()
    await webhooks.an_endpoint(organization=OTHERS)

    page = await webhooks.endpoints.list_endpoints(ORGANIZATION, Window())

    assert (page.items, page.total) == ([second, first], 2)


async def test_twentieth_place_is_given_once(webhooks: Webhooks) -> None:
    for _ in range(19):
        await webhooks.an_endpoint()

    came = await asyncio.gather(*(webhooks.an_endpoint() for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(each, TooManyEndpoints) for each in came) == 3
    assert (await webhooks.endpoints.list_endpoints(ORGANIZATION, Window())).total == 20


async def test_change_keeps_the_rest_and_enabling_forgets_failures(
    webhooks: Webhooks, stores: Stores
) -> None:
    made = await webhooks.an_endpoint(EventType.CALL_ENDED)
    await stores.force(
        "webhook_endpoints", enabled=False, disabled_reason="failing", failing_since=MONDAY_NOON
    )

    renamed = await webhooks.endpoints.change(
        ORGANIZATION, made.endpoint_id, {"events": (EventType.BATCH_PAUSED,)}, LATER
    )
    enabled = await webhooks.endpoints.change(ORGANIZATION, made.endpoint_id, {"enabled": True}, LATER)

    assert renamed.disabled_reason is not None
    assert enabled == replace(made, events=(EventType.BATCH_PAUSED,), updated_at=LATER)


async def test_deleted_endpoint_is_gone_with_its_secrets(webhooks: Webhooks) -> None:
    made = await webhooks.an_endpoint()

    with pytest.raises(EndpointNotFound):
        await webhooks.endpoints.delete(OTHERS, made.endpoint_id, LATER)
    await webhooks.endpoints.delete(ORGANIZATION, made.endpoint_id, LATER)

    with pytest.raises(EndpointNotFound):
        await webhooks.endpoints.get(ORGANIZATION, made.endpoint_id)
    with pytest.raises(EndpointNotFound):
        await webhooks.endpoints.delete(ORGANIZATION, made.endpoint_id, LATER)
    assert await _secrets(webhooks) == []


async def test_former_secret_signs_for_a_day_after_its_rotation(webhooks: Webhooks) -> None:
    made = await webhooks.an_endpoint()

    until = await webhooks.endpoints.rotate_secret(ORGANIZATION, made.endpoint_id, "whsec_Mg==", LATER)

    assert until == LATER + timedelta(hours=24)
    assert await _secrets(webhooks) == [(SECRET, until), ("whsec_Mg==", None)]


async def test_expired_secret_goes_with_the_next_rotation(webhooks: Webhooks) -> None:
    made, day = await webhooks.an_endpoint(), timedelta(hours=24)
    await webhooks.endpoints.rotate_secret(ORGANIZATION, made.endpoint_id, "whsec_Mg==", LATER)

    await webhooks.endpoints.rotate_secret(ORGANIZATION, made.endpoint_id, "whsec_Mw==", LATER + day)

    assert [secret for secret, _ in await _secrets(webhooks)] == ["whsec_Mg==", "whsec_Mw=="]


async def test_secrets_stay_few_however_often_they_are_rotated(webhooks: Webhooks) -> None:
    made = await webhooks.an_endpoint()

    for number in range(15):
        secret, now = f"whsec_{number:04}", LATER + timedelta(seconds=number)
        await webhooks.endpoints.rotate_secret(ORGANIZATION, made.endpoint_id, secret, now)

    kept = await _secrets(webhooks)
    assert len(kept) == 10
    assert [secret for secret, until in kept if until is None] == ["whsec_0014"]
