"""The HTTP that both contracts share: authentication, JSON in and out, and answers that are held back."""

import asyncio
import hmac
import json
from collections.abc import Mapping
from contextlib import suppress
from math import inf

from starlette.requests import Request
from starlette.responses import Response

from telephony.simulator.call import SimulatedCall
from telephony.simulator.scenario import CreateBehaviour
from telephony.simulator.settings import SimulatorOptions

FIRST_WEBHOOK_LIMIT_SECONDS = 5.0
"""How long a create call waits for the first webhook of its call."""


def json_answer(body: object, status_code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    content = json.dumps(body, separators=(",", ":"))
    return Response(content, status_code, headers, "application/json")


async def read_object(request: Request) -> Mapping[str, object] | None:
    """Return the request's JSON object, None when its body is none."""
    try:
        body = json.loads(await request.body())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def limit_in(body: Mapping[str, object], name: str) -> float:
    """Return a limit in seconds, endless where the body names none."""
    value = body.get(name)
    return value if isinstance(value, int | float) else inf


def has_key(request: Request, settings: SimulatorOptions) -> bool:
    """Tell whether the request carries the simulator's key, if there is one."""
    if settings.api_key is None:
        return True
    given = request.headers.get("Authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {settings.api_key}".encode())


async def hold_answer(call: SimulatedCall, request: Request, settings: SimulatorOptions) -> None:
    """Return when the create call may be answered."""
    match call.scenario.create:
        case CreateBehaviour.HELD:
            await _until_gone(request, settings.hold_seconds)
        case CreateBehaviour.AFTER_FIRST_WEBHOOK if call.request.status_hook is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_WEBHOOK_LIMIT_SECONDS):
                    await call.outbox.first_settled()


async def _until_gone(request: Request, seconds: float) -> None:
    """Return when the client hangs up, at the latest after `seconds`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
