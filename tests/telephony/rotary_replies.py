"""A client of the neutral contract, and the replies it may get, without a socket."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx

from telephony.provider_settings import ProviderOptions
from telephony.rotary.client import RotaryProvider
from telephony.rotary.settings import RotarySettings

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BASE_URL = "http://rotary.test/api"
OPTIONS = ProviderOptions(name="rotary", status_callback_url="http://apollo.test/webhooks/call-status")

Reply = Callable[[httpx.Request], httpx.Response]
SlowReply = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


@asynccontextmanager
async def a_provider(
    reply: Reply | SlowReply, options: ProviderOptions = OPTIONS, /, **changes: object
) -> AsyncIterator[RotaryProvider]:
    settings = RotarySettings.model_validate({"base_url": BASE_URL, "api_key": "rotary-key", **changes})
    transport = httpx.MockTransport(reply)
    async with RotaryProvider(settings, options, transport=transport, now=lambda: NOW) as provider:
        yield provider


def answering(status: int, **parts: object) -> Reply:
    return lambda _: httpx.Response(status, **parts)  # type: ignore[arg-type]  # by name


def failing(error: Exception) -> Reply:
    def reply(_: httpx.Request) -> httpx.Response:
        raise error

    return reply


A_CALL = {"call_sid": "CA-1", "execution_id": "exec_1", "call_status": "ringing"}
