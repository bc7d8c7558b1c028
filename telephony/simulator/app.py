"""The simulator's HTTP service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from telephony.clock import Clock, utc_now
from telephony.simulator.call_engine import CallEngine
from telephony.simulator.http import json_answer
from telephony.simulator.ledger import Ledger
from telephony.simulator.native import NativeContract
from telephony.simulator.native_statistics import NativeStatistics
from telephony.simulator.neutral import NeutralContract
from telephony.simulator.settings import SimulatorOptions
from telephony.simulator.webhook_client import Deliver, WebhookHttpClient
from telephony.simulator.webhook_sender import WebhookSender

_ACCOUNT = "/v1/Accounts/{account_sid}"
_ACCOUNT_CALLS = _ACCOUNT + "/Calls"


def create_simulator(
    settings: SimulatorOptions,
    *,
    clock: Clock = utc_now,
    deliver: Deliver | None = None,
) -> FastAPI:
    """Return a simulator that remembers nothing of any other; its lifespan ends its calls and deliveries.

    `deliver` posts the webhooks; None posts them over HTTP.
    """
    closing = AsyncExitStack()
    if deliver is None:
        deliver = client = WebhookHttpClient(settings.concurrent_webhooks)
        closing.push_async_callback(client.aclose)
    ledger = Ledger(settings.memory_limit)
    sender = WebhookSender(settings, clock=clock, counts=lambda: ledger.webhooks, deliver=deliver)
    closing.push_async_callback(sender.aclose)
    engine = CallEngine(settings, clock=clock, ledger=ledger, sender=sender)
    closing.push_async_callback(engine.aclose)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with closing:
            yield

    app = FastAPI(title="Apollo telephony simulator", lifespan=lifespan, openapi_url=None)
    _add_contracts(app, engine, settings)
    _add_statistics(app, engine, ledger, settings)
    _add_ledger(app, ledger)
    return app


def _add_contracts(app: FastAPI, engine: CallEngine, settings: SimulatorOptions) -> None:
    # Plain routes: declared parameters cost several times as much, and a load test pays for every call.
    neutral = NeutralContract(engine, settings)
    app.add_route("/calls", neutral.collection, ["GET", "POST"])
    app.add_route("/calls/{call_sid}", neutral.member, ["GET", "DELETE"])
    native = NativeContract(engine, settings)
    app.add_route(_ACCOUNT_CALLS, native.collection, ["GET", "POST"])
    app.add_route(_ACCOUNT_CALLS + "/{call_sid}", native.member, ["GET", "PUT", "POST", "DELETE"])


def _add_statistics(app: FastAPI, engine: CallEngine, ledger: Ledger, settings: SimulatorOptions) -> None:
    statistics = NativeStatistics(engine.calls, ledger, settings)
    app.add_route(_ACCOUNT + "/CallCount", statistics.call_count, ["GET"])
    app.add_route(_ACCOUNT + "/RecentCalls", statistics.recent_calls, ["GET"])


def _add_ledger(app: FastAPI, ledger: Ledger) -> None:
    async def show_or_clear(request: Request) -> Response:
        if request.method == "DELETE":
            ledger.clear()
            return Response(status_code=204)
        return json_answer(ledger.as_json())

    async def healthz(_: Request) -> Response:
        return json_answer({"status": "ok"})

    app.add_route("/ledger", show_or_clear, ["GET", "DELETE"])
    app.add_route("/healthz", healthz, ["GET"])
