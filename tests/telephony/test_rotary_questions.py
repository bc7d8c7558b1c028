"""What the client of the neutral contract makes of the answers to look-ups and hang-ups."""

from datetime import UTC, datetime

import httpx
import pytest

from domain.call import CallStatus, EventSource, StatusEvent
from domain.errors import ProviderUnavailable
from domain.telephony import HangUpResult
from tests.telephony.rotary_replies import A_CALL, Reply, a_provider, answering, failing
from tests.telephony.world import a_search


async def test_a_call_is_looked_up_in_our_words() -> None:
    body = {
        "call_sid": "CA/1",
        "call_status": "Completed",
        "timestamp": "2026-03-02T11:59:30Z",
        "sip_status": 200,
        "duration_seconds": 28.7,
        "hangup_by": "callee",
        "summary": "fine",
        "surprise": 1,
    }
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.raw_path.decode()}")
        return httpx.Response(200, json=body)

    async with a_provider(reply) as provider:
        event = await provider.get_call("CA/1")
    assert asked == ["GET /api/calls/CA%2F1"]
    assert event == StatusEvent(
        status=CallStatus.COMPLETED,
        happened_at=datetime(2026, 3, 2, 11, 59, 30, tzinfo=UTC),
        source=EventSource.POLL,
        provider_call_id="CA/1",
        sip_status=200,
        duration_seconds=28,
        hangup_by="callee",
        summary="fine",
    )


async def test_a_call_that_is_not_known_there_is_none() -> None:
    async with a_provider(answering(404)) as provider:
        assert await provider.get_call("CA-1") is None


UNREADABLE = [
    pytest.param(answering(500), id="500"),
    pytest.param(answering(503), id="503"),
    pytest.param(answering(401), id="401"),
    pytest.param(answering(429), id="429"),
    pytest.param(answering(302, headers={"Location": "/x"}), id="302"),
    pytest.param(answering(204), id="204"),
    pytest.param(answering(200, text="<html>"), id="a page"),
    pytest.param(answering(200, json=7), id="a number"),
    pytest.param(answering(200, json=[7]), id="a list of numbers"),
    pytest.param(answering(200, json={"calls": {}}), id="calls is no list"),
    pytest.param(failing(httpx.ConnectError("x")), id="ConnectError"),
    pytest.param(failing(httpx.ReadTimeout("x")), id="ReadTimeout"),
    pytest.param(failing(httpx.RemoteProtocolError("x")), id="RemoteProtocolError"),
]


@pytest.mark.parametrize(
    "reply",
    [
        *UNREADABLE,
        pytest.param(answering(200, json={"call_status": "ringing"}), id="no call id"),
        pytest.param(answering(200, json={"call_sid": "CA-1"}), id="no status"),
        pytest.param(answering(200, json={**A_CALL, "call_status": "gone"}), id="unknown status"),
        pytest.param(answering(200, json={**A_CALL, "call_status": 7}), id="status of a wrong type"),
    ],
)
async def test_a_look_up_that_cannot_be_read_is_no_answer(reply: Reply) -> None:
    async with a_provider(reply) as provider:
        with pytest.raises(ProviderUnavailable):
            await provider.get_call("CA-1")


@pytest.mark.parametrize(
    "reply",
    [
        *UNREADABLE,
        pytest.param(answering(404), id="404 proves nothing"),
        pytest.param(answering(200, json=[{**A_CALL, "call_status": "gone"}]), id="unknown status"),
    ],
)
async def test_a_search_that_cannot_be_read_is_no_answer(reply: Reply) -> None:
    async with a_provider(reply) as provider:
        with pytest.raises(ProviderUnavailable):
            await provider.find_calls(a_search("+14155550199"))


@pytest.mark.parametrize(
    ("answer", "call_ids"),
    [
        pytest.param([], [], id="none"),
        pytest.param([A_CALL], ["CA-1"], id="a bare list"),
        pytest.param({"calls": [A_CALL, {**A_CALL, "call_sid": "CA-2"}]}, ["CA-1", "CA-2"], id="several"),
        pytest.param({"calls": [{**A_CALL, "execution_id": "exec_2"}]}, [], id="of another attempt"),
        pytest.param(
            [{"call_sid": "CA-1", "to": "+14155550199", "call_status": "ringing"}],
            ["CA-1"],
            id="by the number",
        ),
        pytest.param(
            [{"call_sid": "CA-1", "to": "+14155550100", "call_status": "ringing"}], [], id="another number"
        ),
        pytest.param([{"call_sid": "CA-1", "call_status": "ringing"}], [], id="of nobody"),
    ],
)
async def test_a_search_finds_the_attempts_calls_only(answer: object, call_ids: list[str]) -> None:
    async with a_provider(answering(200, json=answer)) as provider:
        found = await provider.find_calls(a_search("+14155550199"))
    assert [event.provider_call_id for event in found] == call_ids


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        pytest.param(answering(200), HangUpResult.ACCEPTED, id="200"),
        pytest.param(answering(202), HangUpResult.ACCEPTED, id="202"),
        pytest.param(answering(204), HangUpResult.ACCEPTED, id="204"),
        pytest.param(answering(404), HangUpResult.GONE, id="404"),
        pytest.param(answering(410), HangUpResult.GONE, id="410"),
        pytest.param(answering(409), HangUpResult.WRONG_STATE, id="409"),
        pytest.param(answering(422), HangUpResult.WRONG_STATE, id="422"),
        pytest.param(answering(401), HangUpResult.UNREACHABLE, id="401"),
        pytest.param(answering(500), HangUpResult.UNREACHABLE, id="500"),
        pytest.param(failing(httpx.ReadTimeout("x")), HangUpResult.UNREACHABLE, id="ReadTimeout"),
    ],
)
async def test_an_answer_to_a_hang_up_means(reply: Reply, result: HangUpResult) -> None:
    async with a_provider(reply) as provider:
        assert await provider.hang_up("CA-1") is result
