"""Following a batch over HTTP; only streams that end are read here, for a test waits for their ends."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import Message

from api.followers.routes import EventStream
from domain.identity import BatchId
from tests.api.test_early_answers import served
from tests.api.world import OTHER_SECRET, SECRET, Json, World, a_problem, bearer


async def a_cancelled_batch(world: World) -> Json:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"])
    (await world.client.post(f"/api/v1/batches/{batch['batch_id']}/cancel")).raise_for_status()
    return batch


def events_of(answer: httpx.Response) -> list[dict[str, str]]:
    """Return the fields of each event, in order."""
    return [
        dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        for block in answer.text.strip().split("\n\n")
    ]


async def follow(world: World, batch_id: str, **headers: str) -> httpx.Response:
    return await world.client.get(f"/api/v1/batches/{batch_id}/events", headers=headers)


async def test_batch_that_is_over_is_told_as_it_stands_and_the_stream_ends(world: World) -> None:
    batch = await a_cancelled_batch(world)

    answer = await follow(world, batch["batch_id"])
    shown = (await world.client.get(f"/api/v1/batches/{batch['batch_id']}")).json()

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    first, end = events_of(answer)
    assert (first["event"], end["event"]) == ("batch", "end")
    assert json.loads(first["data"]) == {**shown, "diagnosis": None, "tip": None}


async def test_who_comes_again_with_the_last_event_is_told_the_end_alone(world: World) -> None:
    batch = await a_cancelled_batch(world)
    first, _ = events_of(await follow(world, batch["batch_id"]))

    again = await follow(world, batch["batch_id"], **{"Last-Event-ID": first["id"]})

    assert [each["event"] for each in events_of(again)] == ["end"]


@pytest.mark.parametrize("batch_id", ["btc_none", "nonsense"])
async def test_unknown_batch_is_404_and_no_stream(world: World, batch_id: str) -> None:
    answer = await follow(world, batch_id)

    assert (answer.status_code, answer.json()) == (
        404,
        a_problem(404, "not-found", "Not Found", "Batch not found"),
    )


async def test_batch_of_another_organization_is_unknown(world: World) -> None:
    batch = await a_cancelled_batch(world)

    answer = await follow(world, batch["batch_id"], **bearer(OTHER_SECRET))

    assert answer.status_code == 404


async def test_head_of_a_stream_has_its_headers_and_opens_none(world: World) -> None:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"])

    head = await world.client.head(f"/api/v1/batches/{batch['batch_id']}/events")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/event-stream")
    assert world.tables.batches[BatchId(batch["batch_id"])].total_contacts == 2


@pytest.mark.process
async def test_changes_come_over_the_wire_while_the_batch_goes_on(world: World) -> None:
    campaign = await world.create_campaign()
    batch_id = (await world.create_batch(campaign["campaign_id"]))["batch_id"]
    async with served(world.app) as port, httpx.AsyncClient(headers=bearer(SECRET)) as client:
        url = f"http://127.0.0.1:{port}/api/v1/batches/{batch_id}"
        async with asyncio.timeout(20), client.stream("GET", f"{url}/events") as answer:
            lines = answer.aiter_lines()
            first = await _next_data(lines)
            (await client.post(f"{url}/pause")).raise_for_status()
            while "status" not in (change := await _next_data(lines)):
                pass

    assert (first["batch_id"], first["status"]) == (batch_id, "in_progress")
    assert (change["status"], change["paused_by"]) == ("paused", "batch")
    assert "batch_id" not in change


async def _next_data(lines: AsyncIterator[str]) -> Json:
    async for line in lines:
        if line.startswith("data: "):
            data: Json = json.loads(line.removeprefix("data: "))
            return data
    raise AssertionError("the stream has ended")


async def test_stream_that_is_cut_off_is_closed_whole() -> None:
    sent: list[Message] = []
    is_reported = asyncio.Event()

    async def told() -> AsyncIterator[bytes]:
        yield b"event: batch\n\n"
        await asyncio.Event().wait()

    async def leaves() -> Message:
        await is_reported.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if "body" in message:
            is_reported.set()

    await EventStream(told())({"type": "http", "method": "GET"}, leaves, send)

    assert [each.get("more_body") for each in sent] == [None, True, False]
