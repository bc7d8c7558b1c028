"""A provider that agrees with the neutral contract in spirit only: a simulator behind other words.

Other paths, another way to end a call, another header for the key, one more header, ids elsewhere, and other
words for every status.
"""

import json
import re
from datetime import timedelta
from urllib.parse import parse_qs

from pydantic import HttpUrl, SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.call import CallStatus
from telephony.provider_settings import ProviderOptions
from telephony.rotary.client import RotaryProvider
from telephony.rotary.settings import RotarySettings
from tests.telephony.world import CALLBACK_URL

OTHER_WORDS = {
    "queued": "Waiting",
    "ringing": "Ring Tone",
    "in_progress": "conversation",
    "completed": "DONE",
    "busy": "engaged",
    "no_answer": "un-answered",
    "failed": "broken_line",
}
OTHER_CONTRACT = RotarySettings(
    api_key=SecretStr("key"),
    create_path="/v2/outbound/{execution_id}",
    get_path="/v2/legs?ref={call_id}",
    find_path="/v2/search/{execution_id}",
    hang_up_path="/v2/legs/{call_id}/end",
    hang_up_method="POST",
    hang_up_body='{"reason":"wanted"}',
    auth_header="X-Api-Key",
    auth_value="Key={api_key}",
    extra_headers={"X-Tenant": SecretStr("north")},
    call_id_paths="uuid, result.leg.uuid",
    status_map={word.upper(): CallStatus(status) for status, word in OTHER_WORDS.items()},
    lookup_is_proof=True,
)


def open_other_rotary(base_url: str, dial_timeout: timedelta) -> RotaryProvider:
    return RotaryProvider(
        OTHER_CONTRACT.model_copy(update={"base_url": HttpUrl(base_url)}),
        ProviderOptions(name="rotary", status_callback_url=CALLBACK_URL, dial_timeout=dial_timeout),
    )


class SpokenOtherwise:
    """Translates what OTHER_CONTRACT says for a simulator, and its answers back; not the ledger."""

    def __init__(self, simulator: ASGIApp) -> None:
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(("/v2/", "/calls")):
            await self._simulator(scope, receive, send)
            return
        asked = _translated(scope)
        if asked is None:
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        is_dial = scope["path"].startswith("/v2/outbound/")
        await self._simulator(asked, receive, _Rewriting(send, is_dial=is_dial))


class _Rewriting:
    """Holds an answer back until all of it is there."""

    def __init__(self, send: Send, *, is_dial: bool) -> None:
        self._send = send
        self._is_dial = is_dial
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = _rewritten(self._body, is_dial=self._is_dial)
        kept = [each for each in self._start["headers"] if each[0] != b"content-length"]
        headers = [*kept, (b"content-length", str(len(body)).encode())]
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _translated(scope: Scope) -> Scope | None:
    route = _route(scope["method"], scope["path"], scope["query_string"].decode())
    if route is None:
        return None
    method, path, query = route
    given = dict(scope["headers"])
    headers = [each for each in scope["headers"] if each[0] not in (b"authorization", b"x-api-key")]
    key = given.get(b"x-api-key", b"")
    if key.startswith(b"Key=") and given.get(b"x-tenant") == b"north":
        headers.append((b"authorization", b"Bearer " + key.removeprefix(b"Key=")))
    return {**scope, "method": method, "path": path, "raw_path": path.encode(), "query_string": query} | {
        "headers": headers
    }


def _route(method: str, path: str, query: str) -> tuple[str, str, bytes] | None:
    if method == "POST" and re.fullmatch(r"/v2/outbound/exec_\w+", path):
        return "POST", "/calls", b""
    if method == "GET" and path == "/v2/legs":
        return "GET", f"/calls/{parse_qs(query)['ref'][0]}", b""
    if method == "GET" and (found := re.fullmatch(r"/v2/search/(\w+)", path)):
        return "GET", "/calls", f"execution_id={found[1]}".encode()
    if method == "POST" and (found := re.fullmatch(r"/v2/legs/([^/]+)/end", path)):
        return "DELETE", f"/calls/{found[1]}", b""
    return None


def _rewritten(body: bytes, *, is_dial: bool) -> bytes:
    answer = json.loads(body)
    if not isinstance(answer, dict):
        return body
    if "calls" in answer:
        return json.dumps([_otherwise(call) for call in answer["calls"]]).encode()
    renamed = _otherwise(answer)
    return json.dumps({"result": {"leg": renamed}} if is_dial else renamed).encode()


def _otherwise(call: dict[str, str]) -> dict[str, str]:
    names = {"call_sid": "uuid"}
    renamed = {names.get(name, name): value for name, value in call.items()}
    if "call_status" in renamed:
        renamed["call_status"] = OTHER_WORDS[renamed["call_status"]]
    return renamed
