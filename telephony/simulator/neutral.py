"""The neutral contract: `/calls`."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from domain.call import CallStatus, has_ended
from telephony.simulator.call import CreateCallRequest, Hook, Moment, SimulatedCall
from telephony.simulator.call_engine import CallEngine, CreateAnswer
from telephony.simulator.http import has_key, hold_answer, json_answer, limit_in, read_object
from telephony.simulator.scenario import SIP_REASON, Told, When
from telephony.simulator.settings import SimulatorOptions


class NeutralContract:
    """Create, look up and hang up."""

    def __init__(self, engine: CallEngine, settings: SimulatorOptions) -> None:
        self._engine = engine
        self._settings = settings

    async def collection(self, request: Request) -> Response:
        """`POST /calls` asks for a call, `GET /calls?execution_id=` lists an attempt's calls."""
        if not has_key(request, self._settings):
            return json_answer({"error": "unauthorized"}, 401)
        if request.method == "POST":
            return await self._create(request)
        execution_id = request.query_params.get("execution_id")
        if execution_id is None:
            return json_answer({"error": "execution_id is required"}, 400)
        calls = self._engine.look_up(execution_id)
        return json_answer({"calls": [_snapshot(call) for call in calls]})

    async def member(self, request: Request) -> Response:
        """`GET /calls/{call_sid}` tells where a call stands, `DELETE` ends it."""
        if not has_key(request, self._settings):
            return json_answer({"error": "unauthorized"}, 401)
        call = self._engine.calls.get(request.path_params["call_sid"])
        if call is None:
            return json_answer({"error": "call not found"}, 404)
        if request.method == "GET":
            return json_answer(_snapshot(call))
        if self._engine.hang_up(call):
            return json_answer({"call_sid": call.call_sid}, 202)
        return json_answer({"error": "call is over"}, 409)

    async def _create(self, request: Request) -> Response:
        body = await read_object(request)
        create_call = None if body is None else _read_create_call(body)
        if create_call is None:
            return json_answer({"error": "execution_id, from and to are required"}, 400)
        answer, call = self._engine.take(create_call, dedupe=self._settings.dedupe)
        if call is not None:
            await hold_answer(call, request, self._settings)
            return json_answer({"call_sid": call.call_sid}, answer)
        match answer:
            case CreateAnswer.THROTTLED:
                return json_answer({"error": "too many requests"}, answer, {"Retry-After": "1"})
            case CreateAnswer.KNOWN:
                return json_answer({"error": "execution_id is known already"}, answer)
        return json_answer({"error": "no call was placed"}, answer)


def _read_create_call(body: Mapping[str, object]) -> CreateCallRequest | None:
    execution_id, from_number, to_number = _text(body, "execution_id"), _text(body, "from"), _text(body, "to")
    if execution_id is None or from_number is None or to_number is None:
        return None
    url = _text(body, "status_callback_url")
    return CreateCallRequest(
        form=event_body,
        tell=_told,
        execution_id=execution_id,
        from_number=from_number,
        to_number=to_number,
        batch_id=_text(body, "batch_id"),
        contact_id=_text(body, "contact_id"),
        status_hook=None if url is None else Hook(url),
        ring_limit=limit_in(body, "ring_timeout_seconds"),
        talk_limit=limit_in(body, "max_duration_seconds"),
    )


def _text(body: Mapping[str, object], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) and value else None


def event_body(call: SimulatedCall, moment: Moment) -> Mapping[str, object] | None:
    """Return the neutral webhook of a moment; there is none before the phone rings."""
    if moment.status is CallStatus.QUEUED:
        return None
    return {
        "event_id": f"{call.call_sid}:{moment.number}",
        "execution_id": call.request.execution_id,
        "provider_call_id": call.call_sid,
        **_standing(call, moment),
    }


def _told(call: SimulatedCall, told: Told) -> tuple[Hook, Mapping[str, object]] | None:
    """Repeat where the call stands, with what is new; the webhooks of other moments tell it themselves."""
    hook, body = call.request.status_hook, event_body(call, call.moments[-1])
    if hook is None or body is None or told.when not in (When.ANSWER, When.AFTERWARDS):
        return None
    return hook, {**body, "event_id": f"{body['event_id']}:{told.answered_by or told.disposition}"}


def _snapshot(call: SimulatedCall) -> Mapping[str, object]:
    moment = call.moments[-1] if call.moments else Moment(0, CallStatus.QUEUED, call.created_at, 100)
    return {
        "call_sid": call.call_sid,
        "execution_id": call.request.execution_id,
        "from": call.request.from_number,
        "to": call.request.to_number,
        **_standing(call, moment),
    }


def _standing(call: SimulatedCall, moment: Moment) -> Mapping[str, object]:
    standing: dict[str, object] = {
        "call_status": moment.status,
        "timestamp": moment.at.isoformat(),
        "sip_status": moment.sip_status,
    }
    told = {"answered_by": call.answered_by, "disposition": call.disposition}
    standing |= {name: value for name, value in told.items() if value is not None}
    if has_ended(moment.status):
        standing |= _ending(call, moment)
    return standing


def _ending(call: SimulatedCall, moment: Moment) -> Mapping[str, object]:
    known = {
        "hangup_reason": None if moment.sip_status == 200 else SIP_REASON[moment.sip_status],
        "duration_seconds": call.duration_seconds,
        "hangup_by": call.hangup_by,
        "follow_up_at": call.follow_up_at.isoformat() if call.follow_up_at else None,
    }
    return {name: value for name, value in known.items() if value is not None}
