"""What bodies may take together: bytes, time, places; and what nobody reads without a reason."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from api.http import body
from api.http.body import SMALL, BodyBytes
from api.http.uploads import Places
from telephony.signature import sign
from tests.api.world import OTHER_SECRET, World, a_batch_body, a_problem, bearer, build_world

MEGABYTE = 1024 * 1024
JSON = {"Content-Type": "application/json"}
WEBHOOK = "/webhooks/call-status"
REFUSED = a_problem(401, "unauthorized", "Unauthorized", "Invalid or missing signature")
EXHAUSTED = a_problem(503, "unavailable", "Service Unavailable", "Too many large request bodies at once")
TOO_SLOW = a_problem(408, "request-timeout", "Request Timeout", "Request body took too long to arrive")
RATE_LIMITED = a_problem(429, "rate-limited", "Too Many Requests", "Rate limit exceeded")


class Body:
    """A body that is sent a chunk at a time, and may stop until it is told to go on."""

    def __init__(self, content: bytes, *, chunk: int = 65536, stops_after: int | None = None) -> None:
        self.sent = 0
        self.has_stopped, self.goes_on = asyncio.Event(), asyncio.Event()
        self._content = content
        self._chunk = chunk
        self._stops_after = stops_after

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.sent < len(self._content):
            if self._stops_after is not None and self.sent >= self._stops_after:
                self.has_stopped.set()
                await self.goes_on.wait()
            chunk = self._content[self.sent : self.sent + self._chunk]
            self.sent += len(chunk)
            yield chunk


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"Jambonz-Signature": "v1=00"}, id="no time"),
        pytest.param({"Jambonz-Signature": "t=1785000000"}, id="no signature"),
        pytest.param({"Jambonz-Signature": "t=1785000000,v1=00"}, id="old"),
        pytest.param({"X-Apollo-Webhook-Token": "s2"}, id="other token"),
    ],
)
@pytest.mark.parametrize("path", [WEBHOOK, "/api/v1/webhooks/call-status"])
async def test_webhook_without_a_header_that_could_verify_is_not_read(
    path: str, headers: dict[str, str]
) -> None:
    world = await build_world(webhook_secrets=["s1"])
    unread = Body(b" " * MEGABYTE)

    answer = await world.client.post(path, content=unread, headers={**JSON, **headers})
    await world.client.aclose()

    assert (answer.status_code, answer.json(), unread.sent) == (401, REFUSED, 0)


async def test_webhook_signed_for_another_body_is_refused_after_it_is_read() -> None:
    world = await build_world(webhook_secrets=["s1"])
    at = int(world.clock().timestamp())
    header = {"Jambonz-Signature": sign("s1", at, b"another")}

    answer = await world.client.post(WEBHOOK, content=b"{}", headers={**JSON, **header})
    await world.client.aclose()

    assert (answer.status_code, answer.json()) == (401, REFUSED)


async def test_large_bodies_have_a_budget_and_small_ones_do_not_need_it(world: World) -> None:
    world.app.state.body_bytes = BodyBytes(2 * MEGABYTE)
    almost = MEGABYTE - 65536
    stuck = [Body(b" " * MEGABYTE, stops_after=almost) for _ in range(2)]
    waiting = [asyncio.create_task(world.client.post(WEBHOOK, content=each, headers=JSON)) for each in stuck]
    async with asyncio.timeout(10):
        while any(each.sent < almost for each in stuck):  # noqa: ASYNC110 - a generator tells nobody
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)

    refused = await world.client.post(WEBHOOK, content=b" " * MEGABYTE, headers=JSON)
    small = await world.client.post(WEBHOOK, content=b"{}".ljust(SMALL), headers=JSON)
    for each in stuck:
        each.goes_on.set()
    answers = await asyncio.gather(*waiting)
    after = await world.client.post(WEBHOOK, content=b" " * MEGABYTE, headers=JSON)

    assert (refused.status_code, refused.json(), refused.headers["retry-after"]) == (503, EXHAUSTED, "5")
    assert [each.status_code for each in (small, *answers, after)] == [422] * 4


@pytest.mark.parametrize(
    ("path", "chunk"),
    [
        pytest.param(WEBHOOK, 65536, id="webhook that stops"),
        pytest.param("/api/v1/campaigns", 65536, id="request that stops"),
        pytest.param("/api/v1/batches", 65536, id="upload that stops"),
        pytest.param("/api/v1/batches/btc_1/pause", 65536, id="ignored body that stops"),
    ],
)
async def test_body_that_stops_is_cut(
    world: World, monkeypatch: pytest.MonkeyPatch, path: str, chunk: int
) -> None:
    monkeypatch.setattr(body, "PATIENCE_SECONDS", 0.1)
    stuck = Body(b" " * MEGABYTE, chunk=chunk, stops_after=chunk)

    answer = await world.client.post(path, content=stuck, headers=JSON)

    assert (answer.status_code, answer.json(), answer.headers["connection"]) == (408, TOO_SLOW, "close")


async def test_body_that_trickles_is_cut_although_it_never_stops(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "PATIENCE_SECONDS", 0.2)

    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    answer = await world.client.post(WEBHOOK, content=drops(), headers=JSON)

    assert (answer.status_code, answer.json()) == (408, TOO_SLOW)


async def test_body_that_keeps_its_rate_may_take_longer_than_a_pause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "PATIENCE_SECONDS", 0.5)

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b" " * 65536
            await asyncio.sleep(0.1)

    answer = await world.client.post(WEBHOOK, content=stream(), headers=JSON)

    assert answer.status_code == 422


def a_large_upload(campaign_id: str) -> bytes:
    return json.dumps(a_batch_body(campaign_id)).encode().ljust(2 * MEGABYTE)


async def test_large_uploads_of_a_token_arrive_a_few_at_a_time_and_others_have_their_own(
    world: World,
) -> None:
    world.app.state.upload_places.receiving = Places(4, per_token=1, wait_seconds=0.2)
    campaign_id = (await world.create_campaign())["campaign_id"]
    content = a_large_upload(campaign_id)
    first = Body(content, stops_after=MEGABYTE)
    sized = {**JSON, "Content-Length": str(len(content))}

    async def send(upload: Body, **headers: str) -> httpx.Response:
        return await world.client.post("/api/v1/batches", content=upload, headers={**sized, **headers})

    receiving = asyncio.create_task(send(first))
    await first.has_stopped.wait()
    second, other = Body(content), Body(content)
    refused = await send(second)
    foreign = await send(other, **bearer(OTHER_SECRET))
    first.goes_on.set()

    assert (refused.status_code, refused.json(), second.sent) == (429, RATE_LIMITED, 0)
    assert refused.headers["retry-after"] == "10"
    assert (foreign.status_code, other.sent) == (
        404,
        len(content),
    )
    assert (await receiving).status_code == 201
    assert (await send(Body(content))).status_code == 201


async def test_upload_that_has_arrived_waits_for_its_place_in_memory_and_gives_up(world: World) -> None:
    places = world.app.state.upload_places
    places.reading = Places(1, per_token=1, wait_seconds=0.1)
    campaign_id = (await world.create_campaign())["campaign_id"]
    content = a_large_upload(campaign_id)
    await places.reading._all.acquire()

    refused = await world.client.post("/api/v1/batches", content=content, headers=JSON)
    small = await world.client.post("/api/v1/batches", json=a_batch_body(campaign_id))
    places.reading._all.release()
    taken = await world.client.post("/api/v1/batches", content=content, headers=JSON)

    assert [each.status_code for each in (refused, small, taken)] == [429, 201, 201]


async def test_large_file_of_a_form_takes_its_places_too(world: World) -> None:
    places = world.app.state.upload_places
    places.reading = Places(1, per_token=1, wait_seconds=0.1)
    campaign_id = (await world.create_campaign())["campaign_id"]
    lines = ["phone_number,note", *(f"+1415{5550100 + n},{'x' * 15000}" for n in range(100))]
    form = {
        "data": {"campaign_id": campaign_id},
        "files": {"file": ("people.csv", "\n".join(lines).encode(), "text/csv")},
    }
    await places.reading._all.acquire()
    refused = await world.client.post("/api/v1/batches/upload", **form)  # type: ignore[arg-type]
    places.reading._all.release()
    taken = await world.client.post("/api/v1/batches/upload", **form)  # type: ignore[arg-type]

    assert [each.status_code for each in (refused, taken)] == [429, 201]


async def test_place_to_arrive_is_free_while_an_upload_is_worked_on(world: World) -> None:
    places = world.app.state.upload_places
    places.receiving = Places(1, per_token=1, wait_seconds=0.5)
    campaign_id = (await world.create_campaign())["campaign_id"]
    content = a_large_upload(campaign_id)

    answers = await asyncio.gather(
        *(world.client.post("/api/v1/batches", content=content, headers=JSON) for _ in range(3))
    )
    async with asyncio.timeout(1):
        await places.receiving._all.acquire()
        await places.reading._all.acquire()
        await places.reading._all.acquire()

    assert [each.status_code for each in answers] == [201] * 3
    assert (places.receiving._mine, places.reading._mine) == ({}, {})
