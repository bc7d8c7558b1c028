"""The audit log over HTTP, and that every route that changes something writes to it."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.batches import BatchActivities
from activities.messages import ActOnBatch
from api.app import production_dependencies
from api.assembly import assemble, install
from domain.lifecycle import Action
from settings import Settings
from store.access.tokens import PostgresTokenStore
from store.batches.repository import PostgresBatchStore
from store.database.engine import single_statement
from store.database.ids import mint
from tests import fakes
from tests.api.world import (
    ORGANIZATION,
    OTHER_ORGANIZATION,
    OTHER_SECRET,
    SECRET,
    Json,
    a_batch_body,
    a_campaign_body,
    bearer,
    created,
    errors_of,
    shared_app,
)

pytestmark = pytest.mark.store

NUMBERS = ("+14155550123", "+14155550124")
LISTED = "+14155550199"
PRIVATE = (
    *NUMBERS,
    LISTED,
    "+14155550188",
    "Ines Moreau",
    "asked by letter",
    "clinic 7",
    "clinic-7",
    "whsec_",
)
"""What the requests below tell about people, and in a client's own words."""
CAMPAIGN, BATCH = "/campaigns/{campaign_id}", "/batches/{batch_id}"
ENDPOINT = "/webhook-endpoints/{endpoint_id}"
CONTACT = f"{BATCH}/contacts/{{contact_id}}"
FILE = {"file": ("numbers.csv", b"phone_number,reason\n+14155550188,asked by letter\n", "text/csv")}
CALLEE = {"phone_number": NUMBERS[0], "call_variables": {"callee_name": "Ines Moreau"}}

ADDED = {"contacts": [{"phone_number": "+14155550188", "call_variables": {"callee_name": "Ines Moreau"}}]}

UNAUDITED = {
    ("POST", "/webhooks/call-status"): "the provider's report is an event of the call, kept as such",
    ("POST", "/api/v1/webhooks/call-status"): "the same",
    ("POST", "/api/v1/batches/preview"): "nothing is stored",
}


_A_CALL = """
    INSERT INTO calls (execution_id, contact_id, batch_id, campaign_id, attempt, kind, call_status,
        dial_state, to_number)
    SELECT 'exec_01k2x4', contact_id, batch_id, campaign_id, 1, 'initial', 'in_progress', 'ready',
        phone_number
    FROM contacts WHERE position = 1
"""


@dataclass(frozen=True)
class Write:
    """A request that changes something, and the entry that it leaves."""

    method: str
    path: str
    action: str
    object_id: str
    """An id of the scene, or the field of the answer that holds it."""
    request: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    """Paths that are posted to first."""

    @property
    def route(self) -> tuple[str, str]:
        path = self.path.replace("{finished_id}", "{campaign_id}").replace("{called_id}", "{contact_id}")
        path = path.replace("{over_id}", "{batch_id}")
        return self.method, f"/api/v1{path}"


def a_write(method: str, path: str, action: str, object_id: str, after: str = "", **request: Any) -> Write:
    return Write(method, path, action, object_id, request, tuple(after.split()))


WRITES = [
    a_write("POST", "/campaigns/", "campaign.create", "campaign_id", json=a_campaign_body()),
    a_write("POST", "/campaigns/create", "campaign.create", "campaign_id", json=a_campaign_body()),
    a_write("PATCH", CAMPAIGN, "campaign.update", "campaign_id", json={"max_follow_ups": 3}),
    a_write("POST", f"{CAMPAIGN}/clone", "campaign.create", "campaign_id", json={"name": "October"}),
    a_write("DELETE", "/campaigns/{finished_id}", "campaign.delete", "finished_id"),
    a_write("POST", f"{CAMPAIGN}/pause", "campaign.pause", "campaign_id"),
    a_write("POST", f"{CAMPAIGN}/resume", "campaign.resume", "campaign_id", after=f"{CAMPAIGN}/pause"),
    a_write("POST", f"{CAMPAIGN}/cancel", "campaign.cancel", "campaign_id"),
    a_write("POST", "/batches/", "batch.create", "batch_id", json=a_batch_body("{campaign_id}", NUMBERS)),
    a_write(
        "POST", "/batches/upload", "batch.create", "batch_id", json=a_batch_body("{campaign_id}", NUMBERS)
    ),
    a_write("POST", f"{BATCH}/contacts", "batch.append", "batch_id", json=ADDED),
    a_write("POST", f"{BATCH}/contacts/upload", "batch.append", "batch_id", json=ADDED),
    a_write("PATCH", BATCH, "batch.update", "batch_id", json={"metadata": {"note": "clinic 7"}}),
    a_write("POST", f"{BATCH}/pause", "batch.pause", "batch_id"),
    a_write("POST", f"{BATCH}/resume", "batch.resume", "batch_id", after=f"{BATCH}/pause"),
    a_write("POST", f"{BATCH}/cancel", "batch.cancel", "batch_id"),
    a_write("POST", f"{BATCH}/close", "batch.close", "batch_id"),
    a_write("DELETE", "/batches/{over_id}", "batch.delete", "over_id"),
    a_write("POST", f"{BATCH}/requeue", "batch.create", "batch_id", json={"statuses": ["completed"]}),
    a_write("POST", f"{BATCH}/dispatch", "batch.dispatch", "batch_id"),
    a_write("POST", f"{CONTACT}/skip", "contact.skip", "contact_id"),
    a_write(
        "POST",
        f"{BATCH}/contacts/{{called_id}}/follow-up",
        "contact.follow_up",
        "called_id",
        json={"at": "2026-09-05T16:00:00Z"},
    ),
    a_write(
        "POST",
        "/executions/{execution_id}/disposition",
        "execution.disposition",
        "execution_id",
        json={"disposition": "confirmed", "note": "asked by letter", "data": {"place": "clinic 7"}},
    ),
    a_write(
        "POST",
        "/suppressions",
        "suppression.create",
        "suppression_id",
        json={"phone_number": "+14155550188", "reason": "asked by letter"},
    ),
    a_write("POST", "/suppressions/import", "suppression.import", "organization_id", files=FILE),
    a_write("DELETE", "/suppressions/{suppression_id}", "suppression.delete", "suppression_id"),
    a_write("POST", "/erasures", "erasure.create", "erasure_id", json={"phone_number": NUMBERS[0]}),
    a_write(
        "POST",
        "/webhook-endpoints",
        "endpoint.create",
        "endpoint_id",
        json={"url": "https://receiver.example/hook?key=clinic-7", "description": "Ines Moreau"},
    ),
    a_write("PATCH", ENDPOINT, "endpoint.update", "endpoint_id", json={"events": ["call.ended"]}),
    a_write("DELETE", ENDPOINT, "endpoint.delete", "endpoint_id"),
    a_write("POST", f"{ENDPOINT}/rotate-secret", "endpoint.rotate_secret", "endpoint_id"),
    a_write("POST", f"{ENDPOINT}/test", "endpoint.test", "endpoint_id"),
    a_write(
        "POST", f"{ENDPOINT}/replay", "endpoint.replay", "endpoint_id", json={"since": "2026-09-04T10:00:00Z"}
    ),
    a_write("POST", "/webhook-deliveries/{delivery_id}/replay", "delivery.replay", "delivery_id"),
    a_write("POST", "/tokens", "token.create", "token_id", json={"name": "spare", "scope": "read"}),
    a_write("DELETE", "/tokens/{token_id}", "token.revoke", "token_id"),
]
EACH = [pytest.param(each, id=f"{each.method} {each.path}") for each in WRITES]


@dataclass(frozen=True)
class Estate:
    """The API over a real database, and one of everything."""

    client: httpx.AsyncClient
    engine: AsyncEngine
    ids: Mapping[str, str]
    caller: str
    """The id of the token that is shown."""

    async def send(self, method: str, path: str, request: Mapping[str, Any]) -> httpx.Response:
        told = dict(request)
        if "json" in told:
            told["json"] = {
                name: value.format(**self.ids) if isinstance(value, str) else value
                for name, value in told["json"].items()
            }
        return await self.client.request(method, f"/api/v1{path.format(**self.ids)}", **told)

    async def make(self, write: Write) -> httpx.Response:
        """Make a write, after what has to come before it."""
        for path in write.after:
            assert (await self.send("POST", path, {})).status_code == 200
        return await self.send(write.method, write.path, write.request)

    def object_of(self, write: Write, answer: httpx.Response) -> str:
        body = answer.json() if answer.content else {}
        named: str = body.get(write.object_id) or self.ids[write.object_id]
        return named

    async def log(self, **query: str) -> list[Json]:
        answer = await self.client.get("/api/v1/audit-log", params={"limit": "1000", **query})
        assert answer.status_code == 200, answer.text
        entries: list[Json] = answer.json()
        return entries

    async def dump(self, *tables: str) -> str:
        """Return everything in some tables, but for when a token was used."""
        async with single_statement(self.engine) as connection:
            rows = [
                await connection.scalars(text(f"SELECT CAST(t AS text) FROM {name} t ORDER BY 1"))  # noqa: S608
                for name in tables
            ]
        return re.sub(r'"[^"]*\+00"', "", "\n".join("\n".join(each.all()) for each in rows))

    async def run(self, statement: str) -> None:
        async with single_statement(self.engine) as connection:
            await connection.execute(text(statement))


@pytest.fixture
async def estate(emptied_engine: AsyncEngine) -> AsyncIterator[Estate]:
    engine, clock = emptied_engine, fakes.FakeClock()
    tokens = PostgresTokenStore(engine, mint)
    caller = await tokens.create(ORGANIZATION, "night shift", SECRET, clock())
    await tokens.create(OTHER_ORGANIZATION, "other", OTHER_SECRET, clock())
    app = shared_app()
    install(app, production_dependencies(Settings(), engine, fakes.FakeEngine(), clock))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://apollo.test", headers=bearer(SECRET)
    ) as client:
        bare = Estate(client, engine, {}, caller.token_id)
        yield replace(bare, ids=await an_estate(bare))


async def an_estate(bare: Estate) -> Mapping[str, str]:
    """Have the organization own one of everything, its first contact called already."""

    async def make(path: str, body: Json) -> Json:
        return created(await bare.client.post(f"/api/v1{path}", json=body))

    campaign = await make("/campaigns/", a_campaign_body(default_call_variables={"place": "clinic 7"}))
    finished = await make("/campaigns/", a_campaign_body(metadata={"note": "clinic 7"}))
    others = [{"phone_number": number} for number in NUMBERS[1:]]
    people = {"campaign_id": campaign["campaign_id"], "contacts": [CALLEE, *others]}
    batch = await make("/batches/", {**people, "keep_open": True})
    over = await make("/batches/", {"campaign_id": finished["campaign_id"], "contacts": others})
    listed = await make("/suppressions", {"phone_number": LISTED, "reason": "asked by letter"})
    token = await make("/tokens", {"name": "spare"})
    endpoint = await make("/webhook-endpoints", {"url": "https://receiver.example/hook?key=clinic-7"})
    tested = await bare.client.post(f"/api/v1/webhook-endpoints/{endpoint['endpoint_id']}/test")
    await bare.run("UPDATE contacts SET status = 'completed' WHERE position = 1")
    await bare.run(_A_CALL.replace("position = 1", f"batch_id = '{batch['batch_id']}' AND position = 1"))
    await bare.run(f"UPDATE batches SET status = 'cancelled' WHERE batch_id = '{over['batch_id']}'")  # noqa: S608 - an id of ours
    people = (await bare.client.get(f"/api/v1/batches/{batch['batch_id']}/contacts")).json()
    return {
        "organization_id": ORGANIZATION,
        "campaign_id": campaign["campaign_id"],
        "finished_id": finished["campaign_id"],
        "over_id": over["batch_id"],
        "batch_id": batch["batch_id"],
        "called_id": people[0]["contact_id"],
        "execution_id": people[0]["current_call"]["execution_id"],
        "contact_id": people[1]["contact_id"],
        "suppression_id": listed["suppression_id"],
        "token_id": token["token_id"],
        "endpoint_id": endpoint["endpoint_id"],
        "delivery_id": tested.json()["delivery_id"],
    }


def test_every_route_that_changes_something_is_tried_below_or_excused() -> None:
    paths = assemble(None).openapi()["paths"]
    changing = {
        (method.upper(), path) for path, methods in paths.items() for method in methods if method != "get"
    }

    assert changing - {each.route for each in WRITES} == set(UNAUDITED)


@asynccontextmanager
async def a_log_that_refuses(estate: Estate) -> AsyncIterator[None]:
    await estate.run("ALTER TABLE audit_log ADD CONSTRAINT refuses CHECK (false) NOT VALID")
    try:
        yield
    finally:
        await estate.run("ALTER TABLE audit_log DROP CONSTRAINT refuses")


@pytest.mark.parametrize("write", EACH)
async def test_write_leaves_one_entry_that_names_its_token_or_changes_nothing(
    estate: Estate, write: Write
) -> None:
    for path in write.after:
        await estate.send("POST", path, {})
    tables = ("campaigns", "batches", "contacts", "suppressions", "tokens", "webhook_endpoints")
    rows, before = await estate.dump(*tables), await estate.log()

    async with a_log_that_refuses(estate):
        refused = await estate.send(write.method, write.path, write.request)

    assert refused.status_code == 500
    assert (await estate.dump(*tables), await estate.log()) == (rows, before)

    answer = await estate.send(write.method, write.path, write.request)
    entry, *rest = await estate.log()

    assert answer.is_success, answer.text
    assert rest == before
    assert (entry["token_id"], entry["token_name"]) == (estate.caller, "night shift")
    assert (entry["action"], entry["object"]) == (write.action, estate.object_of(write, answer))
    assert entry["time"] == "2026-09-04T12:00:00Z"
    assert (entry["before"] is None, entry["after"] is None) == (
        write.action.endswith((".create", ".import")),
        write.action.endswith((".delete", ".revoke")),
    )


async def test_log_holds_nobodys_number_name_variable_or_reason(estate: Estate) -> None:
    for write in sorted(WRITES, key=lambda each: each.action.endswith("cancel")):
        await estate.make(write)

    kept = await estate.dump("audit_log")

    assert len(kept.splitlines()) > len(WRITES)
    assert [each for each in PRIVATE if each in kept] == []


@pytest.mark.parametrize("path", [f"{BATCH}/pause", f"{CAMPAIGN}/pause", f"{BATCH}/cancel"])
async def test_action_without_a_change_leaves_no_entry(estate: Estate, path: str) -> None:
    answers = [await estate.send("POST", path, {}) for _ in range(2)]

    noun = path.split("/")[1]
    assert [each.status_code for each in answers] == [200, 200]
    assert len(await estate.log(object=estate.ids["batch_id" if noun == "batches" else "campaign_id"])) == 2


async def test_repeated_create_with_its_key_leaves_no_second_entry(estate: Estate) -> None:
    key = {"Idempotency-Key": "once"}
    answers = [
        await estate.client.post("/api/v1/campaigns/", json=a_campaign_body(), headers=key) for _ in range(2)
    ]

    assert [each.status_code for each in answers] == [201, 201]
    assert len(await estate.log(object=answers[0].json()["campaign_id"])) == 1


async def test_refused_write_leaves_no_entry(estate: Estate) -> None:
    before = await estate.log()

    refused = [
        await estate.send("PATCH", CAMPAIGN, {"json": {"max_follow_ups": 99}}),
        await estate.send("DELETE", CAMPAIGN, {}),
        await estate.send("POST", f"{BATCH}/contacts/{{called_id}}/skip", {}),
    ]

    assert [each.status_code for each in refused] == [422, 409, 409]
    assert await estate.log() == before


async def test_change_of_rules_tells_what_differs_and_only_the_names_of_free_objects(estate: Estate) -> None:
    change = {"max_follow_ups": 3, "metadata": {"concurrency_limit": 7, "owner": "Ines Moreau"}}
    await estate.send("PATCH", CAMPAIGN, {"json": change})

    (entry, _) = await estate.log(object=estate.ids["campaign_id"])

    assert entry["before"] == {"max_follow_ups": 1, "metadata": [], "concurrency_limit": None}
    assert entry["after"] == {
        "max_follow_ups": 3,
        "metadata": ["concurrency_limit", "owner"],
        "concurrency_limit": 7,
    }


async def test_signal_of_an_operator_is_told_as_such_once_however_often_its_activity_runs(
    estate: Estate,
) -> None:
    activities = BatchActivities(PostgresBatchStore(estate.engine, mint), fakes.FakeClock())
    request = ActOnBatch(batch_id=estate.ids["batch_id"], action=Action.PAUSE)

    await activities.act_on_batch(request)
    await activities.act_on_batch(request)
    entry, made = await estate.log(object=estate.ids["batch_id"])

    assert (entry["token_id"], entry["token_name"], entry["action"]) == (None, "signal", "batch.pause")
    assert (entry["before"], entry["after"]) == ({"status": "in_progress"}, {"status": "paused"})
    assert made["action"] == "batch.create"


async def test_log_is_filtered_paged_and_the_organizations_own(estate: Estate) -> None:
    await estate.send("POST", f"{BATCH}/pause", {})
    whole = await estate.log()
    get = estate.client.get

    page = await get("/api/v1/audit-log/", params={"limit": 2, "skip": 1})
    foreign = await get("/api/v1/audit-log", headers=bearer(OTHER_SECRET))
    named = await get("/api/v1/audit-log", params={"organization_id": OTHER_ORGANIZATION})

    assert page.json() == whole[1:3]
    assert page.headers["x-total-count"] == str(len(whole))
    assert {each["action"] for each in await estate.log(action="batch.pause")} == {"batch.pause"}
    assert await estate.log(since="2026-09-04T12:00:00") == whole
    assert await estate.log(since="2026-09-04T12:00:01Z") == []
    assert await estate.log(object="nothing\x00") == []
    assert [each["action"] for each in foreign.json()] == ["token.create"]
    assert named.status_code == 403


@pytest.mark.parametrize(
    ("query", "error"),
    [
        pytest.param({"action": "batch.explode"}, (["query", "action", 0], "enum"), id="unknown action"),
        pytest.param({"since": "yesterday"}, (["query", "since"], "datetime"), id="no time"),
        pytest.param({"since": "2026-09-04"}, (["query", "since"], "datetime"), id="no time of day"),
        pytest.param({"limit": "0"}, (["query", "limit"], "greater_than_equal"), id="no page"),
    ],
)
async def test_bad_filter_is_named(estate: Estate, query: dict[str, str], error: Any) -> None:
    assert errors_of(await estate.client.get("/api/v1/audit-log", params=query)) == [error]
