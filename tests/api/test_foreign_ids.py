"""Every endpoint that names an object: its owner gets it, another organization learns nothing of it."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from domain.batch import BatchStatus
from tests.api.scene import a_scene
from tests.api.world import OTHER_SECRET, Json, World, a_batch_body, a_problem, bearer, created

CAMPAIGN, BATCH = "campaigns/{campaign_id}", "batches/{batch_id}"
CONTACT, SUPPRESSION = f"{BATCH}/contacts/{{contact_id}}", "suppressions/{suppression_id}"
EXECUTION = "executions/{execution_id}"
HOOK = "webhook-endpoints/{endpoint_id}"
DELIVERY = "webhook-deliveries/{delivery_id}"
ADDED = {"contacts": [{"phone_number": "+14155550199"}]}
CALLED = f"{BATCH}/contacts/{{called_id}}"


@dataclass(frozen=True)
class Endpoint:
    """A request that its owner may make, and the answer."""

    method: str
    path: str
    body: Json | None = None
    status: int = 200
    noun: str = field(kw_only=True)

    @property
    def described(self) -> tuple[str, str]:
        """Return method and path as the API's own description has them."""
        return self.method, f"/api/v1/{self.path.replace('{called_id}', '{contact_id}')}"


ENDPOINTS = [
    Endpoint("GET", CAMPAIGN, noun="Campaign"),
    Endpoint("PATCH", CAMPAIGN, {"name": "October"}, noun="Campaign"),
    Endpoint("POST", f"{CAMPAIGN}/clone", {"name": "October"}, 201, noun="Campaign"),
    Endpoint("DELETE", CAMPAIGN, status=204, noun="Campaign"),
    Endpoint("GET", f"{CAMPAIGN}/stats", noun="Campaign"),
    Endpoint("GET", f"{CAMPAIGN}/batches", noun="Campaign"),
    Endpoint("GET", f"{CAMPAIGN}/batches/", noun="Campaign"),
    Endpoint("POST", f"{CAMPAIGN}/pause", noun="Campaign"),
    Endpoint("POST", f"{CAMPAIGN}/resume", noun="Campaign"),
    Endpoint("POST", f"{CAMPAIGN}/resume?all=true", noun="Campaign"),
    Endpoint("POST", f"{CAMPAIGN}/cancel", noun="Campaign"),
    Endpoint("GET", BATCH, noun="Batch"),
    Endpoint("PATCH", BATCH, {"name": "north"}, noun="Batch"),
    Endpoint("DELETE", BATCH, status=204, noun="Batch"),
    Endpoint("GET", f"{BATCH}/debug", noun="Batch"),
    Endpoint("GET", f"{BATCH}/activity", noun="Batch"),
    Endpoint("GET", f"{BATCH}/events", noun="Batch"),
    Endpoint("GET", f"{BATCH}/export.csv", noun="Batch"),
    Endpoint("GET", f"{BATCH}/contacts", noun="Batch"),
    Endpoint("GET", f"{BATCH}/contacts/", noun="Batch"),
    Endpoint("POST", f"{BATCH}/pause", noun="Batch"),
    Endpoint("POST", f"{BATCH}/close", noun="Batch"),
    Endpoint("POST", f"{BATCH}/resume", noun="Batch"),
    Endpoint("POST", f"{BATCH}/cancel", noun="Batch"),
    Endpoint("POST", f"{BATCH}/contacts", ADDED, 201, noun="Batch"),
    Endpoint("POST", f"{BATCH}/contacts/", ADDED, 201, noun="Batch"),
    Endpoint("POST", f"{BATCH}/contacts/upload", ADDED, 201, noun="Batch"),
    Endpoint("POST", f"{BATCH}/requeue", {"statuses": ["completed"]}, 201, noun="Batch"),
    Endpoint("POST", f"{BATCH}/dispatch", noun="Batch"),
    Endpoint("POST", f"{BATCH}/dispatch?now=true", noun="Batch"),
    Endpoint("GET", CONTACT, noun="Batch"),
    Endpoint("POST", f"{CONTACT}/skip", noun="Batch"),
    Endpoint("POST", f"{CALLED}/follow-up", {"at": "2026-09-05T16:00:00Z"}, noun="Batch"),
    Endpoint("GET", EXECUTION, noun="Execution"),
    Endpoint("POST", f"{EXECUTION}/disposition", {"disposition": "refused"}, noun="Execution"),
    Endpoint("GET", SUPPRESSION, noun="Suppression"),
    Endpoint("DELETE", SUPPRESSION, status=204, noun="Suppression"),
    Endpoint("DELETE", "tokens/{token_id}", status=204, noun="Token"),
    Endpoint("GET", HOOK, noun="Webhook endpoint"),
    Endpoint("PATCH", HOOK, {"description": "CRM"}, noun="Webhook endpoint"),
    Endpoint("DELETE", HOOK, status=204, noun="Webhook endpoint"),
    Endpoint("POST", f"{HOOK}/rotate-secret", noun="Webhook endpoint"),
    Endpoint("POST", f"{HOOK}/test", status=202, noun="Webhook endpoint"),
    Endpoint("POST", f"{HOOK}/replay", {"since": "2026-09-05T16:00:00Z"}, 202, noun="Webhook endpoint"),
    Endpoint("GET", DELIVERY, noun="Webhook delivery"),
    Endpoint("POST", f"{DELIVERY}/replay", status=202, noun="Webhook delivery"),
]
NAMED_IN_BODIES = [
    Endpoint("POST", "batches/", a_batch_body("{campaign_id}"), 201, noun="Campaign"),
    Endpoint("POST", "batches/upload", a_batch_body("{campaign_id}"), 201, noun="Campaign"),
    Endpoint("POST", "suppressions", {"execution_id": "{execution_id}"}, 201, noun="Execution"),
]
EVERY = [pytest.param(each, id=f"{each.method} {each.path}") for each in (*ENDPOINTS, *NAMED_IN_BODIES)]


@dataclass(frozen=True)
class Estate:
    """One of everything that has an id, and how to ask for it."""

    world: World
    ids: dict[str, str]

    async def ask(self, endpoint: Endpoint, **headers: str) -> httpx.Response:
        """Make the request as whoever the headers say, else as the owner."""
        body = (
            None
            if endpoint.body is None
            else {name: self._filled(value) for name, value in endpoint.body.items()}
        )
        path = f"/api/v1/{endpoint.path.format(**self.ids)}"
        return await self.world.client.request(endpoint.method, path, json=body, headers=headers)

    def rows(self) -> tuple[object, ...]:
        """Return everything that is stored."""
        tables = self.world.tables
        people = dict(tables.campaigns), dict(tables.batches), dict(tables.contacts), dict(tables.calls)
        webhooks = self.world.webhooks
        hooks = dict(webhooks.endpoints), dict(webhooks.deliveries), list(webhooks.replays)
        return *people, *hooks, dict(tables.suppressions), set(tables.deleted)

    def _filled(self, value: Any) -> Any:
        return value.format(**self.ids) if isinstance(value, str) else value


async def an_estate(world: World, endpoint: Endpoint) -> Estate:
    """Have the owner possess one of everything, in a state in which the request is legal."""
    scene = await a_scene(world)
    listed = await world.client.post("/api/v1/suppressions", json={"phone_number": "+14155550199"})
    made = await world.client.post("/api/v1/tokens", json={"name": "spare"})
    hook = created(await world.client.post("/api/v1/webhook-endpoints", json={"url": "https://a.example"}))
    test = await world.client.post(f"/api/v1/webhook-endpoints/{hook['endpoint_id']}/test")
    [call] = world.tables.calls.values()
    if endpoint.described in (
        ("DELETE", f"/api/v1/{CAMPAIGN}"),
        ("DELETE", f"/api/v1/{BATCH}"),
        ("GET", f"/api/v1/{BATCH}/events"),
    ):
        scene.move_batch(BatchStatus.COMPLETED)
    ids = {
        "campaign_id": scene.campaign_id,
        "batch_id": scene.batch_id,
        "contact_id": scene.waiting,
        "called_id": scene.answered,
        "execution_id": call.execution_id,
        "suppression_id": created(listed)["suppression_id"],
        "token_id": created(made)["token_id"],
        "endpoint_id": hook["endpoint_id"],
        "delivery_id": test.json()["delivery_id"],
    }
    return Estate(world, ids)


@pytest.mark.parametrize("endpoint", EVERY)
async def test_another_organization_gets_404_and_changes_nothing(world: World, endpoint: Endpoint) -> None:
    estate = await an_estate(world, endpoint)
    before = estate.rows()

    foreign = await estate.ask(endpoint, **bearer(OTHER_SECRET))

    assert foreign.status_code == 404
    assert foreign.headers["Content-Type"] == "application/problem+json"
    assert foreign.json() == a_problem(404, "not-found", "Not Found", f"{endpoint.noun} not found")
    assert estate.rows() == before


@pytest.mark.parametrize("endpoint", EVERY)
async def test_owner_gets_what_another_organization_does_not(world: World, endpoint: Endpoint) -> None:
    estate = await an_estate(world, endpoint)

    assert (await estate.ask(endpoint)).status_code == endpoint.status


async def test_no_endpoint_that_names_an_object_is_missing_here(world: World) -> None:
    paths: Json = (await world.client.get("/openapi.json")).json()["paths"]
    naming = {(method.upper(), path) for path, methods in paths.items() for method in methods if "{" in path}

    assert naming - {each.described for each in ENDPOINTS} == set()
    assert ("POST", f"/api/v1/{CAMPAIGN}/cancel") in naming
