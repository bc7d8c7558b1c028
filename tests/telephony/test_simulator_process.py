"""The simulator as the stack runs it: a process of its own."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from telephony.signature import SIGNATURE_HEADER
from tests.telephony.world import a_create_body, eventually

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
START_SECONDS = 20.0


def a_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def a_process(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "telephony.simulator",
        *arguments,
        cwd=ROOT,
        env={**os.environ, **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def answers(base_url: str) -> None:
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(base_url=base_url) as client:
        while True:
            try:
                await client.get("/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.02)
            else:
                return


async def test_it_serves_signs_and_ends_promptly_in_the_middle_of_a_call() -> None:
    heads: list[bytes] = []
    taken = asyncio.Event()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        taken.set()

    port = a_free_port()
    base_url = f"http://127.0.0.1:{port}"
    arguments = ("--port", str(port), "--ring-seconds", "30", "--webhook-secret-from", "SECRETS")
    async with (
        await asyncio.start_server(receive, "127.0.0.1", 0) as hook,
        a_process(*arguments, SECRETS="one,two") as process,
    ):
        await answers(base_url)
        url = f"http://127.0.0.1:{hook.sockets[0].getsockname()[1]}/hook"
        async with httpx.AsyncClient(base_url=base_url) as client:
            response = await client.post("/calls", json=a_create_body("99", status_callback_url=url))
            await asyncio.wait_for(taken.wait(), 5)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(3):
                _, errors = await process.communicate()
    assert response.status_code == 201
    assert SIGNATURE_HEADER.encode() in heads[0]
    assert errors == b""


async def test_a_held_answer_does_not_hold_the_end() -> None:
    port = a_free_port()
    base_url = f"http://127.0.0.1:{port}"
    async with a_process("--port", str(port)) as process:
        await answers(base_url)
        async with httpx.AsyncClient(base_url=base_url) as client:
            held = asyncio.create_task(client.post("/calls", json=a_create_body("08"), timeout=30))

            async def look() -> bool | None:
                return bool((await client.get("/ledger")).json()["create_requests"]) or None

            await eventually(look)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(4):
                await process.communicate()
            await asyncio.gather(held, return_exceptions=True)
    assert process.returncode is not None


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--ring-seconds", "-1"), id="negative length"),
        pytest.param(("--talk-seconds", "nan"), id="no length"),
        pytest.param(("--webhook-secret-from", "NOT_SET_ANYWHERE"), id="no secret"),
        pytest.param(("--lost-share", "1.1"), id="no share"),
        pytest.param(("--lost-share", "0.6", "--late-share", "0.6"), id="more than all"),
        pytest.param(("--unknown",), id="unknown flag"),
    ],
)
async def test_a_wrong_argument_ends_it_with_one_line(arguments: tuple[str, ...]) -> None:
    async with a_process(*arguments) as process, asyncio.timeout(START_SECONDS):
        _, errors = await process.communicate()
    assert process.returncode not in (0, None)
    assert b"Traceback" not in errors
