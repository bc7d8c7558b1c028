"""The API over fakes, and a client with a token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI

from api.assembly import assemble, install
from api.batches.forecasting import in_a_thread
from api.http.dependencies import ApiDependencies
from api.http.webhook_authenticator import WebhookAuthenticator
from domain.call import AttemptKind, CallRecord, DialState
from domain.identity import ContactId, OrganizationId
from domain.ports import AttemptClaim, Claimed
from telephony import signature
from telephony.status_words import BUILT_IN_WORDS
from telephony.webhook import webhook_translator
from tests import fakes
from tests.builders import some_caller_ids

ORGANIZATION = OrganizationId("org_demo")
OTHER_ORGANIZATION = OrganizationId("org_other")
SECRET = "gat_demo"
OTHER_SECRET = "gat_other"
CALLER_ID = "+14155550180"

Json = dict[str, Any]


@dataclass
class World:
    """Everything a test of the API touches."""

    tables: fakes.Tables
    webhooks: fakes.WebhookTables
    engine: fakes.FakeEngine
    clock: fakes.FakeClock
    tokens: fakes.FakeTokenStore
    calls: fakes.FakeCallStore
    parts: ApiDependencies
    app: FastAPI
    client: httpx.AsyncClient

    async def create_campaign(self, **fields: object) -> Json:
        """Create a campaign over HTTP."""
        return created(await self.client.post("/api/v1/campaigns/", json=a_campaign_body(**fields)))

    async def create_batch(self, campaign_id: str, numbers: Sequence[str] = (), **fields: object) -> Json:
        """Create a batch over HTTP."""
        body = a_batch_body(campaign_id, numbers, **fields)
        return created(await self.client.post("/api/v1/batches/", json=body))

    async def dial_first(self, batch: Json) -> CallRecord:
        """Place the first call of the batch's first contact."""
        contact = self.tables.contacts_of(batch["batch_id"])[0]
        return await self.dial(contact.contact_id, 1, AttemptKind.INITIAL)

    async def dial(self, contact_id: ContactId, attempt: int, kind: AttemptKind) -> CallRecord:
        """Place one call."""
        claim = AttemptClaim(
            contact_id=contact_id,
            attempt=attempt,
            kind=kind,
            caller_ids=some_caller_ids(),
            draw=0.0,
            provider="fake",
        )
        claimed = await self.calls.claim_attempt(claim, self.clock())
        assert isinstance(claimed, Claimed)
        execution_id = claimed.record.execution_id
        await self.calls.record_dial(execution_id, DialState.ACCEPTED, provider_call_id=f"p-{execution_id}")
        return self.tables.calls[execution_id]

    def is_empty(self) -> bool:
        """Tell whether no batch was stored or started."""
        return not (self.tables.batches or self.tables.contacts or self.engine.started)


def created(answer: httpx.Response) -> Json:
    assert answer.status_code == 201, answer.text
    body: Json = answer.json()
    return body


def a_campaign_body(**fields: object) -> Json:
    """The least a campaign needs."""
    return {"name": "September", "agent_id": "agent_care", "phone_numbers": [CALLER_ID], **fields}


def a_batch_body(campaign_id: str, numbers: Sequence[str] = (), **fields: object) -> Json:
    """A batch of two people, or of these numbers."""
    listed = numbers or ("+14155550123", "+14155550124")
    return {"campaign_id": campaign_id, "contacts": [{"phone_number": each} for each in listed], **fields}


def a_problem(status: int, slug: str, title: str, detail: str) -> Json:
    """A problem document without extra members."""
    return {"type": f"urn:apollo:problem:{slug}", "title": title, "status": status, "detail": detail}


def errors_of(answer: httpx.Response) -> list[tuple[list[str | int], str]]:
    """Return place and code of every listed error of a 422."""
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert body["detail"] == "Validation failed"
    assert body["error_count"] >= len(body["errors"]) > 0
    return [(each["loc"], each["type"]) for each in body["errors"]]


def bearer(secret: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@cache
def shared_app() -> FastAPI:
    """Return an app to furnish again and again: working out its routes takes longer than most tests.

    What it counts for `/metrics` goes on from test to test.
    """
    return assemble(None)


async def build_world(
    *,
    tables: fakes.Tables | None = None,
    app: FastAPI | None = None,
    webhook_secrets: Sequence[str] = (),
    unsigned_allowed: bool = True,
    rate_limit_per_minute: int = 0,
    requests_per_token: int = 0,
    failed_tokens_per_minute: int = 0,
) -> World:
    """Put the API together over fakes, with a token for each of two organizations.

    Without `tables` these are empty, and without an `app` it is one of its own.
    """
    tables = fakes.Tables() if tables is None else tables
    engine, clock = fakes.FakeEngine(), fakes.FakeClock()
    webhooks = fakes.WebhookTables()
    tokens, calls = fakes.FakeTokenStore(tables), fakes.FakeCallStore(tables)

    async def ping_database() -> None:
        tables.require_up()

    parts = ApiDependencies(
        campaigns=fakes.FakeCampaignStore(tables),
        batches=fakes.FakeBatchStore(tables),
        contacts=fakes.FakeContactStore(tables),
        calls=calls,
        executions=fakes.FakeExecutionStore(tables),
        dispositions=fakes.FakeDispositionStore(tables),
        routes=fakes.FakeCircuitStore(tables),
        endings=fakes.FakeEndingStore(tables),
        suppressions=fakes.FakeSuppressionStore(tables),
        erasures=fakes.FakeErasureStore(tables),
        reschedules=fakes.FakeRescheduleStore(tables),
        diagnostics=fakes.FakeDiagnosticsStore(tables),
        export=fakes.FakeExportStore(tables),
        forecasts=fakes.FakeForecastStore(tables),
        workload=fakes.FakeWorkloadStore(tables),
        tokens=tokens,
        audit_log=fakes.FakeAuditLog(),
        idempotency=fakes.FakeIdempotencyStore(tables),
        webhook_endpoints=fakes.FakeWebhookEndpointStore(tables, webhooks),
        webhook_deliveries=fakes.FakeWebhookDeliveryStore(tables, webhooks),
        engine=engine,
        translate_webhook=webhook_translator(BUILT_IN_WORDS),
        webhook_authenticator=WebhookAuthenticator(
            secrets=webhook_secrets,
            unsigned_allowed=unsigned_allowed,
            is_signed=signature.verify,
            can_be_signed=signature.can_verify,
        ),
        ping_database=ping_database,
        clock=clock,
        forecast=in_a_thread,
        rate_limit_per_minute=rate_limit_per_minute,
        requests_per_token=requests_per_token,
        failed_tokens_per_minute=failed_tokens_per_minute,
    )
    await tokens.create(ORGANIZATION, "demo", SECRET, clock())
    await tokens.create(OTHER_ORGANIZATION, "other", OTHER_SECRET, clock())
    app = app or assemble(None)
    install(app, parts)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://apollo.test", headers=bearer(SECRET)
    )
    return World(tables, webhooks, engine, clock, tokens, calls, parts, app, client)
