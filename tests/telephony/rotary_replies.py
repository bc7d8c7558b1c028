"""A client of the neutral contract, and the replies it may get, without a socket."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx

from telephony.rotary.client import RotaryProvider, RotarySettings

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BASE_URL = "http://rotary.test/api"

Reply = Callable[[httpx.Request], httpx.Response]
SlowReply = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


@asynccontextmanager
async def a_provider(reply: Reply | SlowReply, **changes: object) -> AsyncIterator[RotaryProvider]:
    fields: dict[str, object] = {
        "base_url": BASE_URL,
        "api_key": "rotary-key",
        "status_callback_url": "http://apollo.test/webhooks/call-status",
        **changes,
    }
    settings = RotarySettings(**fields)  # type: ignore[arg-type]  # by name
    async with RotaryProvider(settings, transport=httpx.MockTransport(reply), now=lambda: NOW) as provider:
        yield provider


def answering(status: int, **parts: object) -> Reply:
    return lambda _: httpx.Response(status, **parts)  # type: ignore[arg-type]  # by name


def failing(error: Exception) -> Reply:
    def reply(_: httpx.Request) -> httpx.Response:
        raise error

    return reply


A_CALL = {"call_sid": "CA-1", "execution_id": "exec_1", "call_status": "ringing"}
