"""A small Jambonz without a socket: it answers in the recorded shapes, with invented values.

Errors of its own are plain text or `{"msg": …}`, a hang-up in the wrong state is a page, and nothing but the
detail records tells a time.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from telephony.jambonz.client import JambonzProvider
from telephony.jambonz.settings import JambonzSettings
from telephony.provider_settings import ProviderOptions

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BASE_URL = "https://jambonz.test/api"
ACCOUNT_SID = "acc0beef-7e57-4e57-8e57-7e577e577e57"
APPLICATION_SID = "a99c0ffe-1234-4e57-8e57-7e577e577e57"
API_KEY = "key-for-tests-5150"
CALL_SID = "ca11ab1e-5ca1-4b1e-9a11-0ddba11c0ffe"
STATUS_URL = "https://apollo.test/webhooks/call-status?v=1"

UNAUTHORIZED = PlainTextResponse("Unauthorized", 401)
TOO_MANY = PlainTextResponse(
    "Too many requests, please try again later.",
    429,
    {"Retry-After": "17", "RateLimit-Limit": "600", "RateLimit-Remaining": "0", "RateLimit-Reset": "17"},
)
BARE_ERROR = PlainTextResponse("Internal Server Error", 500)
FETCH_FAILED = JSONResponse({"msg": "fetch failed"}, 500)
WRONG_STATE = Response("<pre>Unprocessable Entity</pre>", 422, media_type="text/html")
NOT_FOUND = PlainTextResponse("Not Found", 404)


def a_record(call_status: str = "ringing", sip_status: int = 180, **fields: object) -> dict[str, object]:
    """Return what is kept of one outbound call: its last webhook without our tag."""
    return {
        "service_url": "http://198.51.100.23:3000",
        "call_sid": CALL_SID,
        "direction": "outbound",
        "from": "14155550181",
        "to": "+14155550199",
        "application_sid": APPLICATION_SID,
        "call_id": "9f4e77b2@sip.example",
        "sbc_callid": "b2b-60d1@sbc.example",
        "sip_status": sip_status,
        "sip_reason": "Trying" if sip_status < 200 else "OK",
        "call_status": call_status,
        "account_sid": ACCOUNT_SID,
        "trace_id": "5eed5eed5eed5eed5eed5eed5eed5eed",
        "fs_sip_address": "198.51.100.23:5060",
        **fields,
    }


def a_detail_record(**fields: object) -> dict[str, object]:
    """Return one row of the recent calls: an answered call of 31 seconds."""
    return {
        "account_sid": ACCOUNT_SID,
        "answered": True,
        "answered_at": "2026-03-02T11:03:00.000Z",
        "attempted_at": "2026-03-02T11:02:51.120Z",
        "call_sid": CALL_SID,
        "direction": "outbound",
        "duration": 31,
        "from": "13125550176",
        "host": "198.51.100.7",
        "remote_host": "203.0.113.9",
        "sip_callid": "b2b-60d1@sbc.example",
        "sip_status": 200,
        "terminated_at": "2026-03-02T11:03:31.000Z",
        "termination_reason": "called party hungup",
        "to": "+14155550199",
        "trunk": "test-carrier",
        **fields,
    }


@dataclass
class JambonzServer:
    """One account; `answers` by method and last part of the path win over what it would say by itself."""

    records: list[dict[str, object]] = field(default_factory=list)
    detail_records: list[dict[str, object]] = field(default_factory=list)
    answers: dict[str, list[Response]] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Lists wait for it; open at first."""

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def asked(self) -> list[str]:
        """Return what was asked: method and the path below the account, or below the call."""
        return [f"{each.method} {each.url.path.rpartition('/')[2]}" for each in self.requests]

    @property
    def bodies(self) -> list[dict[str, object]]:
        """Return the JSON bodies that came."""
        return [json.loads(each.content) for each in self.requests if each.content]

    def app(self) -> Starlette:
        """Return the service."""
        account = "/api/v1/Accounts/{account_sid}"
        return Starlette(
            routes=[
                Route(account + "/Calls", self._collection, methods=["GET", "POST"]),
                Route(account + "/Calls/{call_sid}", self._member, methods=["GET", "PUT"]),
                Route(account + "/RecentCalls", self._recent_calls),
                Route(account + "/CallCount", self._call_count),
            ]
        )

    async def _collection(self, request: Request) -> Response:
        refusal = await self._note(request)
        if refusal is not None:
            return refusal
        if request.method == "POST":
            return self._place(await request.json())
        as_of_now = [each for each in self.records if _fits(each, request)]
        await self.gate.wait()
        return JSONResponse(as_of_now)

    def _place(self, body: dict[str, Any]) -> Response:
        if not isinstance(body["timeout"], int):
            return BARE_ERROR
        sid = CALL_SID if not self.records else f"{CALL_SID[:-1]}{len(self.records)}"
        self.records.append(a_record("trying", 100, call_sid=sid, to=body["to"]["number"]))
        return JSONResponse({"sid": sid, "callId": "9f4e77b2@sip.example"}, 201)

    async def _member(self, request: Request) -> Response:
        refusal = await self._note(request)
        if refusal is not None:
            return refusal
        call = next(
            (each for each in self.records if each["call_sid"] == request.path_params["call_sid"]), None
        )
        if call is None:
            return NOT_FOUND
        if request.method == "GET":
            return JSONResponse(call)
        word = (await request.json()).get("call_status")
        needed = {"completed": "in-progress", "no-answer": "ringing"}.get(word)
        if needed is None:
            return JSONResponse({"msg": f"invalid call_status {word}"}, 400)
        if call["call_status"] != needed:
            return WRONG_STATE
        call |= {"call_status": word, "sip_status": 200 if word == "completed" else 487}
        return Response(status_code=202)

    async def _recent_calls(self, request: Request) -> Response:
        refusal = await self._note(request)
        if refusal is not None:
            return refusal
        wanted = request.query_params["filter"]
        rows = [
            each for each in self.detail_records if wanted == each["call_sid"] or wanted in str(each["to"])
        ]
        return JSONResponse({"total": len(rows), "page_size": "25", "page": "1", "data": rows})

    async def _call_count(self, request: Request) -> Response:
        return await self._note(request) or JSONResponse({"inbound": 0, "outbound": len(self.records)})

    async def _note(self, request: Request) -> Response | None:
        content = await request.body()
        self.requests.append(
            httpx.Request(request.method, str(request.url), headers=request.headers.raw, content=content)
        )
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return UNAUTHORIZED
        scripted = self.answers.get(self.asked[-1])
        return scripted.pop(0) if scripted else None


def _fits(record: Mapping[str, object], request: Request) -> bool:
    direction = request.query_params.get("direction")
    return direction is None or record["direction"] == direction


def settings(**changes: object) -> JambonzSettings:
    """Return an account that runs an application."""
    fields: dict[str, object] = {
        "base_url": BASE_URL,
        "account_sid": ACCOUNT_SID,
        "api_key": API_KEY,
        "application_sid": APPLICATION_SID,
        **changes,
    }
    return JambonzSettings.model_validate(fields)


def options(**changes: object) -> ProviderOptions:
    """Return what a client is opened with, without a rate."""
    fields: dict[str, object] = {"name": "jambonz", "status_callback_url": STATUS_URL, **changes}
    return ProviderOptions(**fields)  # type: ignore[arg-type]  # by name


@asynccontextmanager
async def a_provider(
    far_end: JambonzServer | httpx.AsyncBaseTransport | None = None,
    opened_with: ProviderOptions | None = None,
    /,
    **changes: object,
) -> AsyncIterator[JambonzProvider]:
    """Open a provider on a server, or on whatever else answers."""
    far_end = far_end or JambonzServer()
    transport = httpx.ASGITransport(far_end.app()) if isinstance(far_end, JambonzServer) else far_end
    account = settings(**changes)
    opened_with = opened_with or options()
    async with JambonzProvider(account, opened_with, transport=transport, now=lambda: NOW) as provider:
        yield provider
