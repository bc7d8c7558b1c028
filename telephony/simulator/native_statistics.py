"""Jambonz' figures of an account: how many calls live, and the detail records of those that ended."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from domain.call import CallStatus, has_ended
from telephony.simulator.call import SimulatedCall
from telephony.simulator.call_memory import CallMemory
from telephony.simulator.http import has_key, json_answer
from telephony.simulator.ledger import Ledger
from telephony.simulator.settings import SimulatorOptions

_PAGE_LENGTHS = range(25, 501)


class NativeStatistics:
    """Counts live calls, and keeps the detail records of ended calls whose record was dropped."""

    def __init__(self, calls: CallMemory, ledger: Ledger, settings: SimulatorOptions) -> None:
        self._calls = calls
        self._ledger = ledger
        self._settings = settings

    async def call_count(self, request: Request) -> Response:
        """Return how many calls of the account live now."""
        if not has_key(request, self._settings):
            return PlainTextResponse("Unauthorized", 401)
        live = sum(_is_of(call, request) and not has_ended(call.status) for call in self._calls)
        return json_answer({"inbound": 0, "outbound": live})

    async def recent_calls(self, request: Request) -> Response:
        """Return a page of the calls that ended, newest first; `filter` is a call's id or part of a number.

        The simulator lives for less than any number of `days`.
        """
        if not has_key(request, self._settings):
            return PlainTextResponse("Unauthorized", 401)
        page, count = _number_in(request, "page"), _number_in(request, "count")
        if page < 1 or count not in _PAGE_LENGTHS:
            wrong = "page" if page < 1 else "count"
            return json_answer({"msg": f'missing or invalid "{wrong}" query arg'}, 400)
        wanted = request.query_params.get("filter", "")
        rows = [
            _detail_record(call)
            for call in self._ledger.rings
            if _is_of(call, request) and call.ended_at is not None and _matches(call, wanted)
        ]
        shown = rows[::-1][(page - 1) * count : page * count]
        return json_answer({"total": len(rows), "page_size": str(count), "page": str(page), "data": shown})


def _number_in(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def _is_of(call: SimulatedCall, request: Request) -> bool:
    account_sid: str = request.path_params["account_sid"]
    return call.request.account_sid == account_sid


def _matches(call: SimulatedCall, wanted: str) -> bool:
    return wanted == call.call_sid or wanted in call.request.from_number or wanted in call.request.to_number


def _detail_record(call: SimulatedCall) -> Mapping[str, object]:
    return {
        "call_sid": call.call_sid,
        "direction": "outbound",
        "from": call.request.from_number,
        "to": call.request.to_number,
        "answered": call.status is CallStatus.COMPLETED,
        "sip_status": call.moments[-1].sip_status,
        "duration": call.duration_seconds or 0,
        "attempted_at": call.created_at.isoformat(),
        "answered_at": call.answered_at.isoformat() if call.answered_at else None,
        "terminated_at": call.ended_at.isoformat() if call.ended_at else None,
        "trunk": "simulator",
    }
