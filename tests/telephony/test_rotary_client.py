"""What the client of the neutral contract makes of every answer to a dial, and of every silence."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from domain.telephony import (
    Accepted,
    Ambiguous,
    DialResult,
    Misconfigured,
    Refused,
    Throttled,
    Unavailable,
)
from telephony.request_rate import read_retry_after
from telephony.rotary.settings import RotarySettings
from tests.telephony.rotary_replies import (
    A_CALL,
    BASE_URL,
    NOW,
    OPTIONS,
    Reply,
    SlowReply,
    a_provider,
    answering,
    failing,
)
from tests.telephony.world import a_request


async def dial(reply: Reply | SlowReply) -> DialResult:
    async with a_provider(reply) as provider:
        return await provider.place_call(a_request())


async def test_a_dial_says_everything_the_provider_must_know() -> None:
    asked: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(201, json={"call_sid": "CA-1"})

    assert await dial(reply) == Accepted("CA-1")
    [request] = asked
    assert (request.method, str(request.url)) == ("POST", f"{BASE_URL}/calls")
    assert request.headers["Authorization"] == "Bearer rotary-key"
    assert request.headers["Idempotency-Key"] == "exec_1"
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.content) == {
        "execution_id": "exec_1",
        "organization_id": "org_1",
        "campaign_id": "cmp_1",
        "batch_id": "btc_1",
        "contact_id": "con_1",
        "agent_id": "agent_1",
        "from": "+14155550181",
        "to": "+14155550199",
        "ring_timeout_seconds": 60,
        "max_duration_seconds": 1800,
        "variables": {"first_name": "Ada"},
        "context": {"offer": "A"},
        "status_callback_url": "http://apollo.test/webhooks/call-status",
    }


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize(
    "body",
    [
        {"call_sid": "CA-1"},
        {"sid": "CA-1"},
        {"callSid": "CA-1"},
        {"call_id": "CA-1"},
        {"data": {"sid": "CA-1"}},
        {"call_sid": "CA-1", "sid": "other"},
        {"call_sid": None, "sid": "CA-1"},
    ],
)
async def test_a_call_id_is_found_under_any_of_its_names(status: int, body: dict[str, object]) -> None:
    assert await dial(answering(status, json=body)) == Accepted("CA-1")


@pytest.mark.parametrize(
    ("status", "parts", "result"),
    [
        pytest.param(429, {"headers": {"Retry-After": "7"}}, Throttled(timedelta(seconds=7)), id="429"),
        pytest.param(429, {}, Throttled(timedelta(seconds=1)), id="429 without Retry-After"),
        pytest.param(480, {}, Unavailable("provider answered 480"), id="480 no capacity"),
        pytest.param(
            400, {"json": {"msg": "+14155550199"}}, Misconfigured("provider answered 400"), id="400"
        ),
        pytest.param(422, {}, Refused("provider answered 422"), id="422"),
        *(
            pytest.param(status, {}, Misconfigured(f"provider answered {status}"), id=str(status))
            for status in (401, 403, 404, 405, 413, 415, 300, 304)
        ),
        *(
            pytest.param(
                status,
                {"headers": {"Location": "/api/elsewhere"}},
                Misconfigured(f"provider answered {status}"),
                id=f"{status} is not followed",
            )
            for status in (301, 302, 303, 307, 308)
        ),
        *(
            pytest.param(
                status,
                {"json": {"call_sid": "CA-1"}},
                Ambiguous(f"provider answered {status}"),
                id=str(status),
            )
            for status in (402, 406, 408, 410, 423, 425, 451, 500, 501, 502, 503, 504, 520)
        ),
        *(
            pytest.param(
                status,
                parts,
                Ambiguous(f"provider answered {status} without a call id"),
                id=f"{status} {name}",
            )
            for status, parts, name in (
                (200, {"json": {}}, "empty object"),
                (201, {"json": {"call_sid": 5}}, "id is a number"),
                (201, {"json": {"call_sid": ""}}, "id is empty"),
                (201, {"json": {"call_sid": "c" * 256}}, "id too long to be kept"),
                (201, {"json": {"call_sid": "c\x00"}}, "id cannot be kept"),
                (201, {"json": {"data": "CA-1"}}, "data is no object"),
                (201, {"json": ["CA-1"]}, "a list"),
                (202, {"text": "<html>"}, "a page"),
                (202, {"content": b"\xff\xfe\xff"}, "no text"),
                (204, {}, "no body"),
            )
        ),
    ],
)
async def test_an_answer_to_a_dial_means(status: int, parts: dict[str, object], result: DialResult) -> None:
    asked = 0

    def reply(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(status, **parts)  # type: ignore[arg-type]  # by name

    assert await dial(reply) == result
    assert asked == 1


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("x"),
        httpx.ConnectTimeout("x"),
        httpx.PoolTimeout("x"),
        httpx.UnsupportedProtocol("x"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_never_left_us_was_not_dialled(error: Exception) -> None:
    assert await dial(failing(error)) == Unavailable(f"provider not reached: {type(error).__name__}")


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("x"),
        httpx.ReadError("x"),
        httpx.WriteTimeout("x"),
        httpx.WriteError("x"),
        httpx.CloseError("x"),
        httpx.RemoteProtocolError("x"),
        httpx.LocalProtocolError("x"),
        httpx.ProxyError("x"),
        httpx.DecodingError("x"),
        httpx.TooManyRedirects("x"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_may_have_arrived_may_have_been_dialled(error: Exception) -> None:
    assert await dial(failing(error)) == Ambiguous(f"no answer to the dial: {type(error).__name__}")


async def test_an_answer_that_trickles_in_too_slowly_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    async def reply(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        raise AssertionError

    monkeypatch.setattr("telephony.provider_http_client.CONNECT_TIMEOUT", timedelta(seconds=0.02))
    async with a_provider(reply, replace(OPTIONS, dial_timeout=timedelta(seconds=0.02))) as provider:
        assert await provider.place_call(a_request()) == Ambiguous("no answer to the dial: TimeoutError")


async def test_a_cancelled_dial_stays_cancelled() -> None:
    async def reply(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        raise AssertionError

    async with a_provider(reply) as provider:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(provider.place_call(a_request()), 0.02)


def knowing_already(*calls: object, lookup: int = 200) -> Reply:
    def reply(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(409)
        assert request.url.params["execution_id"] == "exec_1"
        return httpx.Response(lookup, json={"calls": list(calls)})

    return reply


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        pytest.param(knowing_already(A_CALL), Accepted("CA-1"), id="found once"),
        pytest.param(
            knowing_already({**A_CALL, "call_status": "completed"}), Accepted("CA-1"), id="found, and over"
        ),
        pytest.param(
            knowing_already(), Ambiguous("dialled before, and the look-up found 0 calls"), id="not found"
        ),
        pytest.param(
            knowing_already(A_CALL, {**A_CALL, "call_sid": "CA-2"}),
            Ambiguous("dialled before, and the look-up found 2 calls"),
            id="found twice",
        ),
        pytest.param(
            knowing_already({**A_CALL, "execution_id": "exec_2"}),
            Ambiguous("dialled before, and the look-up found 0 calls"),
            id="a stranger's call",
        ),
        pytest.param(
            knowing_already(lookup=503),
            Ambiguous("dialled before, and the look-up failed"),
            id="look-up fails",
        ),
    ],
)
async def test_a_dial_the_provider_knows_already_is_looked_up(reply: Reply, result: DialResult) -> None:
    assert await dial(reply) == result


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param(None, 1, id="absent"),
        pytest.param("30", 30, id="seconds"),
        pytest.param(" 30 ", 30, id="spaces"),
        pytest.param("0", 1, id="never sooner than a second"),
        pytest.param("-5", 1, id="negative"),
        pytest.param("86400", 3600, id="never later than an hour"),
        pytest.param("9" * 5000, 3600, id="endless"),
        pytest.param("soon", 1, id="no number"),
        pytest.param("1.5", 1, id="no whole number"),
        pytest.param("Mon, 02 Mar 2026 12:00:20 GMT", 20, id="HTTP date"),
        pytest.param("Mon, 02 Mar 2026 12:00:20 -0000", 20, id="date without a zone is UTC"),
        pytest.param("Mon, 02 Mar 2026 11:59:00 GMT", 1, id="date in the past"),
        pytest.param("Mon, 32 Mar 2026 11:59:00 GMT", 1, id="no such date"),
    ],
)
def test_retry_after(header: str | None, seconds: int) -> None:
    assert read_retry_after(header, NOW) == timedelta(seconds=seconds)


async def test_without_a_key_none_is_sent() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        assert "Authorization" not in request.headers
        return httpx.Response(201, json={"call_sid": "CA-1"})

    async with a_provider(reply, api_key="") as provider:
        assert await provider.place_call(a_request()) == Accepted("CA-1")


@pytest.mark.parametrize("key", ["kéy", "line\nbreak", " padded", "padded "])
async def test_a_key_no_header_can_carry_is_refused_at_once_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="no header can carry") as caught:
        async with a_provider(answering(201), api_key=key):
            pass
    assert key.strip() not in str(caught.value)


def test_settings_do_not_show_the_key() -> None:
    assert "rotary-key" not in repr(RotarySettings.model_validate({"api_key": "rotary-key"}))


async def test_nothing_personal_is_in_a_reason() -> None:
    def reply(_: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"msg": "to +14155550199 (Ada) is wrong"})

    assert await dial(reply) == Misconfigured("provider answered 400: to … is wrong")
