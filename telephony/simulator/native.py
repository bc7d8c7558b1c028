"""Jambonz' contract: `/v1/Accounts/{account_sid}/Calls`."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from domain.call import CallStatus
from domain.disposition import AnsweredBy
from telephony.simulator.call import CreateCallRequest, Hook, Moment, SimulatedCall
from telephony.simulator.call_engine import CallEngine, CreateAnswer
from telephony.simulator.http import has_key, hold_answer, json_answer, limit_in, read_object
from telephony.simulator.scenario import SIP_REASON, Told
from telephony.simulator.settings import SimulatorOptions

_WORD_OF = {
    CallStatus.QUEUED: "trying",
    CallStatus.RINGING: "ringing",
    CallStatus.IN_PROGRESS: "in-progress",
    CallStatus.COMPLETED: "completed",
    CallStatus.BUSY: "busy",
    CallStatus.NO_ANSWER: "no-answer",
    CallStatus.FAILED: "failed",
}
_AMD_EVENT = {
    AnsweredBy.HUMAN: "amd_human_detected",
    AnsweredBy.MACHINE: "amd_machine_detected",
    AnsweredBy.FAX: "amd_tone_detected",  # it knows no faxes
    AnsweredBy.UNKNOWN: "amd_no_speech_detected",
}
_TERMINATED_BY = {"callee": "caller", "assistant": "jambonz"}
_HANGS_UP = {"completed": CallStatus.IN_PROGRESS, "no-answer": CallStatus.RINGING}
"""Which update ends a call in which state."""

_ADDRESS_OF = {"phone": "number", "sip": "sipUri"}
"""Where each kind of callee is named."""
_WHOLE_SECONDS = ("timeout", "timeLimit")


class NativeContract:
    """Create, look up, list, hang up, and drop the record."""

    def __init__(self, engine: CallEngine, settings: SimulatorOptions) -> None:
        self._engine = engine
        self._settings = settings

    async def collection(self, request: Request) -> Response:
        """`POST` asks for a call, `GET` lists the account's calls."""
        if not has_key(request, self._settings):
            return PlainTextResponse("Unauthorized", 401)
        if request.method == "POST":
            return await self._create(request)
        account_sid = request.path_params["account_sid"]
        calls = [call for call in self._engine.calls if call.request.account_sid == account_sid]
        snapshots = [snapshot_body(call) for call in calls]
        return json_answer([each for each in snapshots if _matches(each, request)])

    async def member(self, request: Request) -> Response:
        """`GET` tells where a call stands, `PUT` or `POST` ends it, `DELETE` only drops the record."""
        if not has_key(request, self._settings):
            return PlainTextResponse("Unauthorized", 401)
        call = self._engine.calls.get(request.path_params["call_sid"])
        if call is None or call.request.account_sid != request.path_params["account_sid"]:
            return Response(status_code=404)
        match request.method:
            case "GET":
                return json_answer(snapshot_body(call))
            case "DELETE":
                self._engine.calls.forget(call)
                return Response(status_code=204)
        return await self._update(call, request)

    async def _create(self, request: Request) -> Response:
        body = await read_object(request)
        create_call = (
            None if body is None else self._read_create_call(body, request.path_params["account_sid"])
        )
        if body is None or create_call is None:
            return json_answer({"msg": "from and to are required"}, 400)
        if not all(isinstance(body.get(name, 0), int) for name in _WHOLE_SECONDS):
            # Checked only by the server that places the calls, which gives no reason.
            return PlainTextResponse("Internal Server Error", 500)
        # Jambonz knows no idempotency: the same request twice is two calls.
        answer, call = self._engine.take(create_call, dedupe=False)
        if call is not None:
            await hold_answer(call, request, self._settings)
            return json_answer({"sid": call.call_sid, "callId": _call_id(call)}, answer)
        if answer is CreateAnswer.THROTTLED:
            return PlainTextResponse(
                "Too many requests, please try again later.", answer, {"Retry-After": "1"}
            )
        return json_answer({"msg": "fetch failed"}, answer)

    async def _update(self, call: SimulatedCall, request: Request) -> Response:
        word = (await read_object(request) or {}).get("call_status")
        needed = _HANGS_UP.get(word) if isinstance(word, str) else None
        if needed is None:
            return json_answer({"msg": "invalid call_status"}, 400)
        if (call.answered_at is not None) is not (needed is CallStatus.IN_PROGRESS):
            return Response("wrong state", 422, media_type="text/html")
        if not self._engine.hang_up(call):
            return Response("call is over", 422, media_type="text/html")
        return Response(status_code=202)

    def _read_create_call(self, body: Mapping[str, object], account_sid: str) -> CreateCallRequest | None:
        to = body.get("to")
        address = _ADDRESS_OF.get(str(to.get("type")), "number") if isinstance(to, Mapping) else ""
        to_number = to.get(address) if isinstance(to, Mapping) else None
        from_number = body.get("from")
        if not isinstance(to_number, str) or not isinstance(from_number, str):
            return None
        tag = body.get("tag")
        tag = tag if isinstance(tag, Mapping) else None
        return CreateCallRequest(
            form=event_body,
            tell=self._told,
            execution_id=_tagged(tag, "attempt_id"),
            from_number=from_number,
            to_number=to_number,
            batch_id=_tagged(tag, "batch_id"),
            contact_id=_tagged(tag, "contact_id"),
            status_hook=_read_hook(body.get("call_status_hook")),
            amd_hook=_amd_hook_of(body),
            call_hook=self._call_hook_of(body),
            ring_limit=limit_in(body, "timeout"),
            talk_limit=limit_in(body, "timeLimit"),
            account_sid=account_sid,
            application_sid=_text(body.get("application_sid")),
            tag=tag,
        )

    def _told(self, call: SimulatedCall, told: Told) -> tuple[Hook, Mapping[str, object]] | None:
        """Say who answered where Jambonz would; what came of the talk is the agent's to report."""
        if told.answered_by is not None:
            hook, moment = call.request.amd_hook, call.moments[-1]
            kind = _AMD_EVENT[told.answered_by]
            return None if hook is None else (hook, {**event_body(call, moment), "type": kind})
        address, execution_id = self._settings.agent_api_url, call.request.execution_id
        if address is None or execution_id is None:
            return None
        report: dict[str, object] = {"disposition": told.disposition}
        if call.follow_up_at is not None:
            report["follow_up_at"] = call.follow_up_at.isoformat()
        url = f"{address.rstrip('/')}/api/v1/executions/{execution_id}/disposition"
        return Hook(url, bearer=self._settings.agent_token), report

    def _call_hook_of(self, body: Mapping[str, object]) -> Hook | None:
        """Return the call hook; that of an application takes the place of the request's own."""
        application_sid = _text(body.get("application_sid"))
        if application_sid is None:
            return _read_hook(body.get("call_hook"))
        return _read_hook(self._settings.applications.get(application_sid))


def _amd_hook_of(body: Mapping[str, object]) -> Hook | None:
    amd = body.get("amd")
    return _read_hook(amd.get("actionHook")) if isinstance(amd, Mapping) else None


def _tagged(tag: Mapping[str, object] | None, name: str) -> str | None:
    return None if tag is None else _text(tag.get(name))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _read_hook(hook: object) -> Hook | None:
    if isinstance(hook, str):
        return Hook(hook)
    if not isinstance(hook, Mapping) or not isinstance(hook.get("url"), str):
        return None
    username, password = hook.get("username"), hook.get("password")
    if isinstance(username, str) and isinstance(password, str):
        return Hook(hook["url"], (username, password))
    return Hook(hook["url"])


def _matches(snapshot: Mapping[str, object], request: Request) -> bool:
    filters = {"direction": "direction", "from": "from", "to": "to", "callStatus": "call_status"}
    wanted = {field: request.query_params.get(name) for name, field in filters.items()}
    return all(value is None or snapshot[field] == value for field, value in wanted.items())


def event_body(call: SimulatedCall, moment: Moment) -> Mapping[str, object]:
    """Return Jambonz' webhook of a moment; it carries no event id and no event time."""
    body: dict[str, object] = {
        "call_sid": call.call_sid,
        "direction": "outbound",
        "from": call.request.from_number,
        "to": call.request.to_number,
        "call_id": _call_id(call),
        "sip_status": moment.sip_status,
        "sip_reason": SIP_REASON[moment.sip_status],
        "call_status": _WORD_OF[moment.status],
        "account_sid": call.request.account_sid,
        "trace_id": "0" * 32,
        "fs_sip_address": "192.0.2.10:5060",
    }
    if moment.status is CallStatus.COMPLETED:
        body["duration"] = call.duration_seconds
        body["call_termination_by"] = _TERMINATED_BY[call.hangup_by or "callee"]
    if call.request.application_sid is not None:
        body["application_sid"] = call.request.application_sid
    if call.request.tag is not None:
        body["customerData"] = call.request.tag
    return body


def snapshot_body(call: SimulatedCall) -> Mapping[str, object]:
    """Return Jambonz' record of a call: the last webhook without our tag."""
    moment = call.moments[-1] if call.moments else Moment(0, CallStatus.QUEUED, call.created_at, 100)
    body = dict(event_body(call, moment))
    body.pop("customerData", None)
    return body


def _call_id(call: SimulatedCall) -> str:
    """The SIP Call-ID, which no look-up takes."""
    return f"{call.call_sid}@simulator"
