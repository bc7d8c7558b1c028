"""What Jambonz' answers to look-ups and hang-ups are taken for."""

import asyncio
import gc
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from domain.call import CallStatus, EventSource, StatusEvent
from domain.errors import ProviderUnavailable
from domain.telephony import HangUpResult
from telephony.jambonz.client import JambonzProvider
from telephony.provider_http_client import UNANSWERED
from tests.telephony.jambonz_server import (
    ACCOUNT_SID,
    API_KEY,
    APPLICATION_SID,
    BARE_ERROR,
    BASE_URL,
    CALL_SID,
    FETCH_FAILED,
    NOT_FOUND,
    NOW,
    TOO_MANY,
    UNAUTHORIZED,
    WRONG_STATE,
    JambonzServer,
    a_detail_record,
    a_provider,
    a_record,
    options,
)
from tests.telephony.rotary_replies import failing
from tests.telephony.world import a_search

ENDED = datetime(2026, 3, 2, 11, 3, 31, tzinfo=UTC)


async def looked_up(server: JambonzServer, **changes: object) -> StatusEvent | None:
    async with a_provider(server, **changes) as provider:
        return await provider.get_call(CALL_SID)


async def found_to(provider: JambonzProvider, number: str = "+14155550199") -> Sequence[str | None]:
    events = await provider.find_calls(a_search(number))
    return [event.provider_call_id for event in events]


@pytest.mark.parametrize(
    ("record", "event"),
    [
        pytest.param(
            a_record("early-media", 183),
            StatusEvent(status=CallStatus.RINGING, happened_at=NOW, sip_status=183),
            id="ringing",
        ),
        pytest.param(
            a_record("completed", 200, duration=47, call_termination_by="caller"),
            StatusEvent(
                status=CallStatus.COMPLETED,
                happened_at=NOW,
                sip_status=200,
                duration_seconds=47,
                hangup_by="callee",
            ),
            id="completed",
        ),
        pytest.param(
            a_record("busy", 603, sip_reason="Decline"),
            StatusEvent(status=CallStatus.BUSY, happened_at=NOW, sip_status=603, hangup_reason="Decline"),
            id="declined",
        ),
    ],
)
async def test_a_call_is_looked_up_in_our_words(record: dict[str, object], event: StatusEvent) -> None:
    server = JambonzServer(records=[record])
    seen = await looked_up(server)
    assert str(server.requests[0].url) == f"{BASE_URL}/v1/Accounts/{ACCOUNT_SID}/Calls/{CALL_SID}"
    assert seen is not None
    assert (seen.source, seen.provider_call_id) == (EventSource.POLL, CALL_SID)
    fields = ("status", "happened_at", "sip_status", "duration_seconds", "hangup_by", "hangup_reason")
    assert [getattr(seen, name) for name in fields] == [getattr(event, name) for name in fields]


@pytest.mark.parametrize(
    ("row", "status", "duration"),
    [
        pytest.param({}, CallStatus.COMPLETED, 31, id="answered"),
        pytest.param({"duration": 0}, CallStatus.COMPLETED, 0, id="answered and gone"),
        *(
            pytest.param({"answered": False, "sip_status": sip_status}, status, None, id=str(sip_status))
            for sip_status, status in (
                (486, CallStatus.BUSY),
                (600, CallStatus.BUSY),
                (603, CallStatus.BUSY),
                (487, CallStatus.NO_ANSWER),
                (404, CallStatus.FAILED),
                (480, CallStatus.FAILED),
                (503, CallStatus.FAILED),
            )
        ),
    ],
)
async def test_how_a_forgotten_call_ended_is_read_from_its_detail_record(
    row: dict[str, object], status: CallStatus, duration: int | None
) -> None:
    record = a_detail_record(**row)
    server = JambonzServer(detail_records=[record])
    assert await looked_up(server) == StatusEvent(
        status=status,
        happened_at=ENDED,
        source=EventSource.POLL,
        provider_call_id=CALL_SID,
        sip_status=200 if status is CallStatus.COMPLETED else int(str(record["sip_status"])),
        duration_seconds=duration,
    )
    assert dict(server.requests[1].url.params) == {
        "page": "1",
        "count": "25",
        "days": "2",
        "filter": CALL_SID,
    }


async def test_of_several_detail_records_the_answered_one_is_the_call() -> None:
    failed = {"answered": False, "sip_status": 503}
    later = a_detail_record(**failed, terminated_at="2026-03-02T11:40:00.000Z")
    server = JambonzServer(detail_records=[a_detail_record(**failed), a_detail_record(), later])
    event = await looked_up(server)
    assert event is not None
    assert (event.status, event.happened_at) == (CallStatus.COMPLETED, ENDED)


async def test_of_several_unanswered_ones_the_last_is_the_call() -> None:
    first = a_detail_record(answered=False, sip_status=503)
    last = a_detail_record(answered=False, sip_status=486, terminated_at="2026-03-02T11:03:40.000Z")
    event = await looked_up(JambonzServer(detail_records=[last, first]))
    assert event is not None
    assert event.status is CallStatus.BUSY


async def test_an_end_is_never_later_than_now() -> None:
    event = await looked_up(
        JambonzServer(detail_records=[a_detail_record(terminated_at="2026-03-02T12:00:09Z")])
    )
    assert event is not None
    assert event.happened_at == NOW


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="no record"),
        pytest.param([a_detail_record(terminated_at=None)], id="not over"),
        pytest.param([a_detail_record(terminated_at="1970-01-01T00:00:00.000Z")], id="end never written"),
        pytest.param([a_detail_record(terminated_at="soon")], id="no time"),
        pytest.param([a_detail_record(terminated_at=1772449411000)], id="end of a wrong type"),
    ],
)
async def test_a_call_of_which_nothing_is_told_is_not_known(rows: list[dict[str, object]]) -> None:
    assert await looked_up(JambonzServer(detail_records=rows)) is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(BARE_ERROR, id="500"),
        pytest.param(NOT_FOUND, id="404"),
        pytest.param(PlainTextResponse("ok"), id="a text"),
        pytest.param(JSONResponse([]), id="a list"),
        pytest.param(JSONResponse({"data": 7}), id="no rows"),
        pytest.param(JSONResponse({"data": [7, None]}), id="rows of numbers"),
        pytest.param(
            JSONResponse({"data": [a_detail_record(call_sid="another", to=CALL_SID)]}), id="another call"
        ),
    ],
)
async def test_without_detail_records_a_forgotten_call_is_not_known(answer: Response) -> None:
    assert await looked_up(JambonzServer(answers={"GET RecentCalls": [answer]})) is None


async def test_a_throttled_question_for_the_detail_record_is_asked_again_later() -> None:
    with pytest.raises(ProviderUnavailable):
        await looked_up(JambonzServer(answers={"GET RecentCalls": [TOO_MANY]}))


UNREADABLE = [
    pytest.param(UNAUTHORIZED, id="401"),
    pytest.param(JSONResponse({"msg": "insufficient permissions"}, 403), id="403"),
    pytest.param(TOO_MANY, id="429"),
    pytest.param(BARE_ERROR, id="500"),
    pytest.param(Response("<html>", 503, media_type="text/html"), id="503"),
    pytest.param(Response(status_code=302, headers={"Location": "/x"}), id="302"),
    pytest.param(Response(status_code=204), id="204"),
    pytest.param(PlainTextResponse("<html>"), id="a page"),
    pytest.param(JSONResponse(7), id="a number"),
]


@pytest.mark.parametrize(
    "answer",
    [
        *UNREADABLE,
        pytest.param(JSONResponse([a_record()]), id="a list"),
        pytest.param(JSONResponse({"call_sid": CALL_SID}), id="no status"),
        pytest.param(JSONResponse(a_record("gone")), id="unknown status"),
        pytest.param(JSONResponse({**a_record(), "call_status": 7}), id="status of a wrong type"),
        pytest.param(JSONResponse(a_record(parent_call_sid="another")), id="a leg"),
    ],
)
async def test_a_look_up_that_cannot_be_read_is_no_answer(answer: Response) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        await looked_up(JambonzServer(answers={f"GET {CALL_SID}": [answer]}))
    assert API_KEY not in repr(caught.value)


@pytest.mark.parametrize("answer", [*UNREADABLE, pytest.param(NOT_FOUND, id="404 proves nothing")])
async def test_a_search_that_cannot_be_read_is_no_answer(answer: Response) -> None:
    async with a_provider(JambonzServer(answers={"GET Calls": [answer]})) as provider:
        with pytest.raises(ProviderUnavailable):
            await found_to(provider)


async def test_a_provider_that_does_not_answer_is_unavailable() -> None:
    async with a_provider(httpx.MockTransport(failing(httpx.ReadTimeout("x")))) as provider:
        with pytest.raises(ProviderUnavailable):
            await provider.get_call(CALL_SID)
        with pytest.raises(ProviderUnavailable):
            await found_to(provider)
        assert await provider.hang_up(CALL_SID) is HangUpResult.UNREACHABLE
        assert await provider.check_health() is not None


async def test_a_search_finds_the_outbound_calls_to_the_number_only() -> None:
    server = JambonzServer(
        records=[
            a_record(call_sid="CA-1"),
            a_record(call_sid="CA-2", to="14155550199"),
            a_record(call_sid="CA-3", to="+14155550198"),
            a_record(call_sid="CA-4", direction="inbound"),
            a_record("completed", 200, call_sid="CA-5"),
            a_record("gone", call_sid="CA-6"),
            a_record(call_sid="CA-7", parent_call_sid="CA-1"),
            {**a_record(call_sid="CA-8"), "call_status": 7},
            {**a_record(call_sid="CA-10"), "sip_status": "x"},
            a_record(call_sid="CA-9", to=None),
        ],
        detail_records=[a_detail_record(call_sid="CA-5", attempted_at=NOW.isoformat())],
    )
    async with a_provider(server) as provider:
        found = await provider.find_calls(a_search("+14155550199"))
    assert [(event.provider_call_id, event.status) for event in found] == [
        ("CA-1", CallStatus.RINGING),
        ("CA-2", CallStatus.RINGING),
        ("CA-5", CallStatus.COMPLETED),
        ("CA-10", CallStatus.RINGING),
    ]
    assert {(event.source, event.happened_at) for event in found} == {(EventSource.POLL, NOW)}
    assert dict(server.requests[0].url.params) == {"direction": "outbound"}


async def test_an_odd_row_does_not_hide_the_call() -> None:
    rows: list[object] = [7, None, [], {}, a_record()]
    async with a_provider(JambonzServer(answers={"GET Calls": [JSONResponse(rows)]})) as provider:
        assert await found_to(provider) == [CALL_SID]


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_one_listing_serves_all_who_ask_at_once() -> None:
    server = JambonzServer(records=[a_record(call_sid="CA-1"), a_record(call_sid="CA-2", to="+14155550100")])
    async with a_provider(server) as provider:
        numbers = ["+14155550199", "+14155550100", "+14155550101"] * 10
        found = await asyncio.gather(*[found_to(provider, number) for number in numbers])
    assert found == [["CA-1"], ["CA-2"], []] * 10
    assert server.asked == ["GET Calls"]


async def test_who_comes_while_a_listing_is_under_way_waits_for_the_next() -> None:
    server = JambonzServer()
    server.gate.clear()
    async with a_provider(server) as provider:
        early = asyncio.create_task(found_to(provider))
        await settled()
        server.records.append(a_record())
        late = [asyncio.create_task(found_to(provider)) for _ in range(5)]
        await settled()
        assert server.asked == ["GET Calls"]
        server.gate.set()
        assert await early == []
        assert await asyncio.gather(*late) == [[CALL_SID]] * 5
    assert server.asked == ["GET Calls"] * 2


async def test_a_later_question_gets_a_listing_of_its_own() -> None:
    server = JambonzServer()
    async with a_provider(server) as provider:
        assert await found_to(provider) == []
        server.records.append(a_record())
        assert await found_to(provider) == [CALL_SID]


async def test_who_gives_up_takes_the_listing_from_nobody() -> None:
    server = JambonzServer(records=[a_record()])
    server.gate.clear()
    async with a_provider(server) as provider:
        tasks = [asyncio.create_task(found_to(provider)) for _ in range(2)]
        await settled()
        tasks[0].cancel()
        server.gate.set()
        assert await tasks[1] == [CALL_SID]
        assert tasks[0].cancelled()


async def test_a_listing_that_fails_fails_all_who_waited_and_nobody_else() -> None:
    server = JambonzServer(records=[a_record()], answers={"GET Calls": [BARE_ERROR]})
    async with a_provider(server) as provider:
        results = await asyncio.gather(*[found_to(provider) for _ in range(3)], return_exceptions=True)
        assert [type(each) for each in results] == [ProviderUnavailable] * 3
        assert await found_to(provider) == [CALL_SID]


async def test_a_failure_nobody_waits_for_any_more_is_no_news() -> None:
    loop, news = asyncio.get_running_loop(), list[str]()
    server = JambonzServer(answers={"GET Calls": [JSONResponse(7)]})
    loop.set_exception_handler(lambda _, context: news.append(str(context["message"])))
    try:
        async with a_provider(server) as provider:
            waiting = asyncio.create_task(found_to(provider))
            await asyncio.sleep(0)
            waiting.cancel()
            await settled()
            assert await found_to(provider) == []
            del waiting
            gc.collect()
    finally:
        loop.set_exception_handler(None)
    assert (server.asked, news) == (["GET Calls"] * 2, [])


async def test_a_provider_that_is_closed_lets_everybody_go() -> None:
    server = JambonzServer()
    server.gate.clear()
    async with a_provider(server) as provider:
        waiting = [asyncio.create_task(found_to(provider))]
        await settled()
        waiting.append(asyncio.create_task(found_to(provider)))
        await settled()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in results] == [ProviderUnavailable] * 2


PUT, GET = f"PUT {CALL_SID}", f"GET {CALL_SID}"
ACCEPTED = Response(status_code=202)


@pytest.mark.parametrize(
    ("answers", "asked", "result"),
    [
        pytest.param({PUT: [ACCEPTED]}, [PUT], HangUpResult.ACCEPTED, id="ringing"),
        pytest.param({PUT: [WRONG_STATE, ACCEPTED]}, [PUT, PUT], HangUpResult.ACCEPTED, id="answered"),
        pytest.param({PUT: [NOT_FOUND]}, [PUT], HangUpResult.GONE, id="not known"),
        pytest.param({PUT: [WRONG_STATE, NOT_FOUND]}, [PUT, PUT], HangUpResult.GONE, id="forgotten between"),
        pytest.param(
            {PUT: [WRONG_STATE] * 2, GET: [JSONResponse(a_record("completed", 200))]},
            [PUT, PUT, GET],
            HangUpResult.GONE,
            id="over",
        ),
        pytest.param(
            {PUT: [WRONG_STATE] * 2, GET: [NOT_FOUND]},
            [PUT, PUT, GET],
            HangUpResult.GONE,
            id="over, forgotten",
        ),
        pytest.param(
            {PUT: [WRONG_STATE] * 2, GET: [JSONResponse(a_record("trying", 100))]},
            [PUT, PUT, GET],
            HangUpResult.WRONG_STATE,
            id="neither rings nor talks yet",
        ),
        pytest.param(
            {PUT: [WRONG_STATE] * 2, GET: [JSONResponse(a_record("gone"))]},
            [PUT, PUT, GET],
            HangUpResult.UNREACHABLE,
            id="cannot be read",
        ),
        pytest.param(
            {PUT: [WRONG_STATE] * 2, GET: [BARE_ERROR]},
            [PUT, PUT, GET],
            HangUpResult.UNREACHABLE,
            id="look-up fails",
        ),
        pytest.param({PUT: [FETCH_FAILED]}, [PUT], HangUpResult.UNREACHABLE, id="500"),
        pytest.param(
            {PUT: [WRONG_STATE, FETCH_FAILED]}, [PUT, PUT], HangUpResult.UNREACHABLE, id="500 at last"
        ),
        pytest.param({PUT: [UNAUTHORIZED]}, [PUT], HangUpResult.UNREACHABLE, id="401"),
        pytest.param({PUT: [TOO_MANY]}, [PUT], HangUpResult.UNREACHABLE, id="429"),
    ],
)
async def test_a_hang_up_comes_to(
    answers: dict[str, list[Response]], asked: list[str], result: HangUpResult
) -> None:
    server = JambonzServer(answers={name: list(each) for name, each in answers.items()})
    async with a_provider(server) as provider:
        assert await provider.hang_up(CALL_SID) is result
    assert server.asked == asked
    words = [json.loads(each.content)["call_status"] for each in server.requests if each.method == "PUT"]
    assert words == ["no-answer", "completed"][: len(words)]


async def test_hang_ups_go_through_while_dials_use_up_the_rate() -> None:
    server = JambonzServer(records=[a_record()])
    async with a_provider(server, options(requests_per_second=0.2)) as provider:
        assert await provider.acquire() == timedelta()
        assert await provider.acquire() > timedelta()
        assert await provider.hang_up(CALL_SID) is HangUpResult.ACCEPTED
        with pytest.raises(ProviderUnavailable):
            await provider.get_call(CALL_SID)
    assert server.asked == [PUT]


async def test_an_id_cannot_lead_to_another_address() -> None:
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return httpx.Response(200, json=a_record())

    async with a_provider(httpx.MockTransport(reply)) as provider:
        await provider.get_call("a/b?c=1")
    assert asked == [f"/api/v1/Accounts/{ACCOUNT_SID}/Calls/a%2Fb%3Fc%3D1"]


ASKED, DIALLED = "GET CallCount", "POST Calls"
BOTH = [ASKED, DIALLED]
INTERNAL = "provider answered 500: Internal Server Error"
A_PAGE = Response("<h1>Internal Server Error</h1>", 500, media_type="text/html")


def said(status: int) -> Response:
    return Response(status_code=status)


@pytest.mark.parametrize(
    ("answers", "trouble", "asked"),
    [
        pytest.param({}, None, BOTH, id="it counts and can dial"),
        pytest.param({ASKED: [UNAUTHORIZED]}, "provider answered 401: Unauthorized", [ASKED], id="401"),
        pytest.param({ASKED: [TOO_MANY]}, UNANSWERED, [ASKED], id="429"),
        pytest.param({ASKED: [BARE_ERROR]}, INTERNAL, [ASKED], id="500"),
        pytest.param({ASKED: [Response(status_code=302)]}, "provider answered 302", [ASKED], id="302"),
        pytest.param({ASKED: [PlainTextResponse("<html>")]}, UNANSWERED, [ASKED], id="a page"),
        pytest.param({ASKED: [JSONResponse([])]}, UNANSWERED, [ASKED], id="a list"),
        pytest.param(
            {DIALLED: [FETCH_FAILED]},
            "provider answered 500: fetch failed",
            BOTH,
            id="no dialler",
        ),
        pytest.param({DIALLED: [A_PAGE]}, None, BOTH, id="500, whoever says so"),
        pytest.param({DIALLED: [TOO_MANY]}, UNANSWERED, BOTH, id="429 to the dial"),
        *(
            pytest.param(
                {DIALLED: [said(status)]},
                f"provider answered {status}",
                BOTH,
                id=str(status),
            )
            for status in (502, 503, 504)
        ),
        *(
            pytest.param({DIALLED: [said(status)]}, None, BOTH, id=f"{status} to the dial")
            for status in (400, 401, 403, 404, 480)
        ),
    ],
)
async def test_health_check_says_what_would_make_a_dial_unclear(
    answers: dict[str, list[Response]], trouble: str | None, asked: list[str]
) -> None:
    server = JambonzServer(answers={name: list(each) for name, each in answers.items()})
    async with a_provider(server) as provider:
        assert await provider.check_health() == trouble
    assert server.asked == asked
    assert server.records == []


async def test_health_check_asks_for_a_call_that_rings_nobody() -> None:
    server = JambonzServer()
    async with a_provider(server) as provider:
        await provider.check_health()
    assert server.bodies == [
        {
            "from": "apollo",
            "to": {"type": "sip", "sipUri": "sip:nobody@nowhere.invalid"},
            "timeout": "none",
            "application_sid": APPLICATION_SID,
        }
    ]
