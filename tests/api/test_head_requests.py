"""HEAD is answered wherever GET is, with the same headers and without a body."""

import asyncio
import http.client
from collections.abc import Sequence
from dataclasses import replace

import httpx
import pytest

from api.assembly import install
from domain.call import CallRecord
from domain.contact import Contact
from domain.identity import BatchId
from tests import fakes
from tests.api.test_early_answers import served
from tests.api.world import SECRET, World


async def _paths(world: World) -> list[str]:
    """Every path of a GET, with ids that exist."""
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"], ["+14155550104"])
    call = await world.dial_first(batch)
    await world.client.post("/api/v1/suppressions", json={"phone_number": "+14155550199"})
    hook = await world.client.post("/api/v1/webhook-endpoints", json={"url": "https://a.example"})
    await world.client.post(f"/api/v1/webhook-endpoints/{hook.json()['endpoint_id']}/test")
    ids = {
        "endpoint_id": next(iter(world.webhooks.endpoints)),
        "delivery_id": next(iter(world.webhooks.deliveries)),
        "campaign_id": campaign["campaign_id"],
        "batch_id": batch["batch_id"],
        "contact_id": call.contact_id,
        "execution_id": call.execution_id,
        "suppression_id": next(iter(world.tables.suppressions)),
    }
    described = (await world.client.get("/openapi.json")).json()["paths"]
    gets = [path for path, operations in described.items() if "get" in operations]
    # A stream ends with its batch; its HEAD is tried where it is.
    paths = [path.format(**ids) for path in gets if not path.endswith("/events")]
    return [*paths, "/openapi.json", "/docs", "/docs/swagger-ui.css"]


async def test_head_has_the_headers_of_the_get_and_no_body(world: World) -> None:
    paths = await _paths(world)
    for path in paths:
        get, head = await world.client.get(path), await world.client.head(path)

        assert (head.status_code, head.content) == (get.status_code, b""), path
        assert _lasting(head, path) == _lasting(get, path)

    assert {"/healthz", "/readyz", "/metrics", "/api/v1/campaigns/"} <= set(paths)


def _lasting(answer: httpx.Response, path: str) -> dict[str, str]:
    """What does not change from one answer to the next, as the length of the metrics does."""
    return {**answer.headers, "content-length": ""} if path == "/metrics" else dict(answer.headers)


@pytest.mark.process
async def test_head_over_the_wire_ends_with_its_headers(world: World) -> None:
    batch = await world.create_batch((await world.create_campaign())["campaign_id"], ["+14155550104"])
    export = f"/api/v1/batches/{batch['batch_id']}/export.csv"
    async with served(world.app) as port:
        lists, files = await asyncio.to_thread(_heads, port, ["/api/v1/batches/", export])

    assert [lists.status, files.status] == [200, 200]
    assert (lists.headers["X-Total-Count"], files.headers["Content-Type"]) == ("1", "text/csv; charset=utf-8")


def _heads(port: int, paths: Sequence[str]) -> list[http.client.HTTPResponse]:
    """Ask one after the other over one connection: a stray byte of a body would spoil the next answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    answers = []
    for path in paths:
        connection.request("HEAD", path, headers={"Authorization": f"Bearer {SECRET}"})
        answers.append(connection.getresponse())
        answers[-1].read()
    connection.close()
    return answers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/nowhere", 404, id="no such path"),
        pytest.param("/webhooks/call-status", 405, id="no GET either"),
        pytest.param("/api/v1/campaigns/?limit=0", 422, id="wrong parameter"),
        pytest.param("/api/v1/batches/btc_none", 404, id="no such batch"),
    ],
)
async def test_head_is_refused_as_its_get_is(world: World, path: str, status: int) -> None:
    head, get = await world.client.head(path), await world.client.get(path)

    assert (head.status_code, head.content) == (status, b"")
    assert head.headers == get.headers


async def test_head_asks_for_a_token_as_its_get_does(world: World) -> None:
    head = await world.client.head("/api/v1/batches/", headers={"Authorization": ""})

    assert (head.status_code, head.headers["www-authenticate"]) == (401, "Bearer")


async def test_wrong_method_names_head_beside_get(world: World) -> None:
    answer = await world.client.delete("/api/v1/campaigns/")

    assert answer.headers["allow"] == "GET, HEAD, POST"


class _CountingStore(fakes.FakeExportStore):
    stretches = 0

    async def contacts_between(
        self, batch_id: BatchId, after: int, last: int
    ) -> Sequence[tuple[Contact, CallRecord | None]]:
        self.stretches += 1
        await asyncio.sleep(0.01)
        return await super().contacts_between(batch_id, after, last)


@pytest.mark.process
async def test_head_of_an_export_does_not_read_the_batch(world: World) -> None:
    numbers = [f"+1415555{number:04}" for number in range(1000, 2000)]
    batch = await world.create_batch((await world.create_campaign())["campaign_id"], numbers)
    store = _CountingStore(world.tables)
    install(world.app, replace(world.parts, export=store))
    async with served(world.app) as port:
        [answer] = await asyncio.to_thread(_heads, port, [f"/api/v1/batches/{batch['batch_id']}/export.csv"])
        await asyncio.sleep(0.3)

    assert answer.status == 200
    assert store.stretches <= 1


async def test_description_does_not_list_what_every_get_has(world: World) -> None:
    paths = (await world.client.get("/openapi.json")).json()["paths"]

    assert not [path for path, operations in paths.items() if "head" in operations]
