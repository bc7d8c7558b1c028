"""What Jambonz' answer to a create call is taken for, code by code and body by body."""

from datetime import timedelta

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from domain.telephony import (
    Accepted,
    Ambiguous,
    DialResult,
    Misconfigured,
    Throttled,
    Unavailable,
)
from telephony.jambonz.answers import read_dial_answer
from tests.telephony.jambonz_server import (
    BARE_ERROR,
    CALL_SID,
    FETCH_FAILED,
    NOW,
    TOO_MANY,
    JambonzServer,
    a_provider,
)
from tests.telephony.world import a_request


def said(response: Response) -> httpx.Response:
    return httpx.Response(response.status_code, headers=response.headers.raw, content=bytes(response.body))


def an_error(status: int) -> Response:
    return JSONResponse({"msg": "to +14155550199 is wrong"}, status)


def told(status: int) -> str:
    """What is told of such an error."""
    return f"provider answered {status}: to … is wrong"


NO_CALL_ID = "provider answered 201 without a call id"

ANSWERS = [
    pytest.param(JSONResponse({"sid": CALL_SID, "callId": "x@y"}, 201), Accepted(CALL_SID), id="201"),
    pytest.param(JSONResponse({"callId": "x@y"}, 201), Ambiguous(NO_CALL_ID), id="201 without sid"),
    pytest.param(JSONResponse({"sid": ""}, 201), Ambiguous(NO_CALL_ID), id="201, sid is empty"),
    pytest.param(JSONResponse({"sid": 7}, 201), Ambiguous(NO_CALL_ID), id="201, sid is a number"),
    pytest.param(JSONResponse({"sid": "c" * 256}, 201), Ambiguous(NO_CALL_ID), id="201, sid too long"),
    pytest.param(JSONResponse({"sid": "c\x00"}, 201), Ambiguous(NO_CALL_ID), id="201, sid cannot be kept"),
    pytest.param(JSONResponse([CALL_SID], 201), Ambiguous(NO_CALL_ID), id="201, a list"),
    pytest.param(PlainTextResponse("Created", 201), Ambiguous(NO_CALL_ID), id="201, a text"),
    pytest.param(Response(b"\xff\xfe", 201), Ambiguous(NO_CALL_ID), id="201, no text"),
    *(
        pytest.param(
            JSONResponse({"sid": CALL_SID}, status), Ambiguous(f"provider answered {status}"), id=str(status)
        )
        for status in (200, 202, 203)
    ),
    pytest.param(Response(status_code=204), Ambiguous("provider answered 204"), id="204"),
    pytest.param(an_error(400), Misconfigured(told(400)), id="400"),
    pytest.param(
        PlainTextResponse("Unauthorized", 401),
        Misconfigured("provider answered 401: Unauthorized"),
        id="401 text",
    ),
    pytest.param(
        JSONResponse({"msg": "insufficient permissions"}, 403),
        Misconfigured("provider answered 403: insufficient permissions"),
        id="403",
    ),
    *(
        pytest.param(an_error(status), Misconfigured(told(status)), id=str(status))
        for status in (404, 405, 413, 415)
    ),
    *(
        pytest.param(
            Response(status_code=status, headers={"Location": "/api/v1/elsewhere"}),
            Misconfigured(f"provider answered {status}"),
            id=f"{status} is not followed",
        )
        for status in (300, 301, 302, 303, 304, 307, 308)
    ),
    pytest.param(TOO_MANY, Throttled(timedelta(seconds=17)), id="429"),
    pytest.param(PlainTextResponse("", 429), Throttled(timedelta(seconds=1)), id="429, no Retry-After"),
    pytest.param(
        JSONResponse({"msg": "no available feature servers at this time"}, 480),
        Unavailable("provider answered 480: no available feature servers at this time"),
        id="480",
    ),
    pytest.param(BARE_ERROR, Ambiguous("provider answered 500: Internal Server Error"), id="500 bare"),
    pytest.param(FETCH_FAILED, Ambiguous("provider answered 500: fetch failed"), id="500 fetch failed"),
    pytest.param(
        Response("<html>", 502, media_type="text/html"), Ambiguous("provider answered 502"), id="502"
    ),
    *(
        pytest.param(an_error(status), Ambiguous(told(status)), id=str(status))
        for status in (402, 406, 408, 409, 410, 418, 422, 423, 425, 451, 501, 503, 504, 520, 599)
    ),
]


@pytest.mark.parametrize(("answer", "result"), ANSWERS)
def test_an_answer_to_a_dial_means(answer: Response, result: DialResult) -> None:
    assert read_dial_answer(said(answer), NOW, unfit=frozenset(), refused_on_500=False) == result


@pytest.mark.parametrize(("answer", "result"), ANSWERS)
async def test_whatever_the_answer_a_dial_is_sent_once(answer: Response, result: DialResult) -> None:
    server = JambonzServer(answers={"POST Calls": [answer]})
    async with a_provider(server) as provider:
        assert await provider.place_call(a_request()) == result
    assert server.asked == ["POST Calls"]


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        pytest.param(BARE_ERROR, Misconfigured("provider answered 500: Internal Server Error"), id="bare"),
        pytest.param(FETCH_FAILED, Ambiguous("provider answered 500: fetch failed"), id="fetch failed"),
        pytest.param(
            PlainTextResponse("Internal Server Error\n", 500),
            Ambiguous("provider answered 500: Internal Server Error"),
            id="longer",
        ),
        pytest.param(
            Response("<h1>Internal Server Error</h1>", 500, media_type="text/html"),
            Ambiguous("provider answered 500"),
            id="a page",
        ),
        pytest.param(
            PlainTextResponse("Internal Server Error", 502),
            Ambiguous("provider answered 502: Internal Server Error"),
            id="502",
        ),
    ],
)
def test_only_the_exact_bare_error_can_be_vouched_for(answer: Response, result: DialResult) -> None:
    assert read_dial_answer(said(answer), NOW, unfit=frozenset(), refused_on_500=True) == result
