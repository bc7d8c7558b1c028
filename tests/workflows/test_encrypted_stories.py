"""With payloads encrypted, workflows run as ever, operators act as ever, and histories are unreadable."""

import asyncio
import json
import subprocess
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from sys import executable

import pytest
from temporalio.worker import Replayer

from domain.batch import BatchStatus
from domain.contact import ContactStatus
from domain.identity import BatchId
from temporal.client import data_converter
from tests.workflows.world import ANSWERED, BUSY, QUICK, SILENCE, World, a_real_server, a_world, until
from workflows import names
from workflows.batch.workflow import BatchWorkflow
from workflows.contact.workflow import ContactWorkflow
from workflows.interceptors import OneArgumentInterceptor
from workflows.sandbox import sandboxed

pytestmark = pytest.mark.server

KEYS = [b"k" * 32]


@pytest.fixture
async def sealed() -> AsyncIterator[World]:
    async with a_world(await a_real_server(converter=data_converter(KEYS))) as opened:
        yield opened


async def temporal(world: World, verb: str, *words: str) -> str:
    """Run `temporal workflow VERB …` as an operator does, who has no key; return what it prints."""
    command = [str(Path(executable).with_name("temporal")), "workflow", verb]
    address = world.client.service_client.config.target_host
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, "--address", address, *words],
        capture_output=True,
        check=True,
        text=True,
        timeout=20,
    )
    return done.stdout


def encodings_in(node: object) -> list[str]:
    """Return the encoding of every payload in a history's JSON but those of search attributes."""
    if isinstance(node, list):
        return [each for part in node for each in encodings_in(part)]
    if not isinstance(node, dict):
        return []
    if "metadata" in node and "encoding" in node["metadata"]:
        return [b64decode(node["metadata"]["encoding"]).decode()]
    if node.get("markerName") == "core_local_activity":
        # Beside the result stands the library's own book-keeping: number, type and times of the activity.
        return encodings_in(node["details"]["result"])
    if node.get("markerName") == "core_patch":
        return []  # the patch's name, written by the library
    return [each for name, part in node.items() if name != "searchAttributes" for each in encodings_in(part)]


async def test_batch_runs_to_its_end_and_no_payload_of_it_is_readable(sealed: World) -> None:
    sealed.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    batch_id = await sealed.a_batch(2, concurrency_limit=1, rules=QUICK)

    batch = await sealed.start(batch_id)
    await batch.result()

    stories = [sealed.contact_story(each) for each in sealed.contacts(batch_id)]
    histories = [await batch.fetch_history(), *[await each.fetch_history() for each in stories]]
    found = [each for history in histories for each in encodings_in(json.loads(history.to_json()))]
    assert len(found) > 20
    assert set(found) == {"binary/encrypted"}
    assert {each.status for each in sealed.contacts(batch_id)} == {ContactStatus.COMPLETED}


async def test_encrypted_history_replays_with_its_key(sealed: World) -> None:
    batch_id = await sealed.a_batch(1)
    batch = await sealed.start(batch_id)
    await batch.result()

    replayer = Replayer(
        workflows=[BatchWorkflow, ContactWorkflow],
        data_converter=data_converter([b"n" * 32, *KEYS]),
        interceptors=[OneArgumentInterceptor()],
        workflow_runner=sandboxed(),
    )

    await replayer.replay_workflow(await batch.fetch_history())


async def test_plain_signal_of_an_operator_is_understood(sealed: World) -> None:
    sealed.telephone.script = lambda _request, _call: SILENCE
    batch_id = await sealed.a_batch(3, concurrency_limit=1)
    await sealed.start(batch_id)
    await until(lambda: len(sealed.telephone.requests) == 1)

    await temporal(sealed, "signal", *of(batch_id), "--name", "pause", "--input", '{"reason": "lunch"}')
    await until(lambda: sealed.tables.batches[batch_id].status is BatchStatus.PAUSED)
    await temporal(sealed, "signal", *of(batch_id), "--name", "resume")
    await until(lambda: sealed.tables.batches[batch_id].status is BatchStatus.IN_PROGRESS)
    await temporal(sealed, "cancel", *of(batch_id))
    await until(lambda: sealed.tables.batches[batch_id].status is BatchStatus.CANCELLED)


async def test_operator_without_a_key_gets_an_answer_that_is_encrypted(sealed: World) -> None:
    sealed.telephone.script = lambda _request, _call: SILENCE
    batch_id = await sealed.a_batch(1)
    handle = await sealed.start(batch_id)
    await until(lambda: len(sealed.telephone.requests) == 1)

    async with asyncio.timeout(10):
        while (answer := await handle.query(names.COUNTERS))["live"] == 0:  # noqa: ASYNC110 - a server's news
            await asyncio.sleep(0.1)  # counted anew within seconds
    shown = await temporal(sealed, "query", *of(batch_id), "--name", names.COUNTERS, "-o", "json")

    [payload] = json.loads(shown)["queryResult"]
    assert "live" not in json.dumps(payload)
    assert (answer["pending"], answer["live"]) == (0, 1)


def of(batch_id: BatchId) -> tuple[str, str]:
    return "-w", names.batch_workflow_id(batch_id)


def test_payloads_are_found_wherever_they_hide() -> None:
    plain = {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "MQ=="}
    node = {"a": [{"input": {"payloads": [plain]}}], "searchAttributes": {"indexedFields": {"x": plain}}}

    assert encodings_in(node) == ["json/plain"]
