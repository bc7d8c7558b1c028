"""A provider that deviates from the neutral contract: what can be set, and what is refused at once."""

import json
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from domain.call import CallStatus
from domain.errors import ProviderUnavailable
from domain.telephony import Accepted, Ambiguous, DialResult, HangUpResult
from settings import read_settings
from telephony.provider_http_client import UNANSWERED
from telephony.rotary.settings import RotarySettings
from tests.telephony.rotary_replies import NOW, Reply, a_provider, answering, failing
from tests.telephony.world import a_request, a_search

A_CALL = {"call_sid": "CA-1", "execution_id": "exec_1", "call_status": "ringing"}


def a_contract(**settings: object) -> dict[str, object]:
    return settings


def remembering(asked: list[httpx.Request], body: object) -> Reply:
    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=body)

    return reply


async def test_every_request_goes_where_its_path_leads() -> None:
    contract = a_contract(
        create_path="/v2/{execution_id}/dial",
        get_path="/v2/leg?id={call_id}&full=1",
        find_path="/v2/by/{execution_id}",
        hang_up_path="/v2/leg/{call_id}/end",
        hang_up_method="PUT",
    )
    asked: list[httpx.Request] = []
    async with a_provider(remembering(asked, A_CALL), **contract) as provider:
        await provider.place_call(a_request())
        await provider.get_call("CA-1")
        with pytest.raises(ProviderUnavailable):  # one call is no list
            await provider.find_calls(a_search("+14155550199"))
        await provider.hang_up("CA-1")

    assert [f"{each.method} {each.url.raw_path.decode()}" for each in asked] == [
        "POST /api/v2/exec_1/dial",
        "GET /api/v2/leg?id=CA-1&full=1",
        "GET /api/v2/by/exec_1",
        "PUT /api/v2/leg/CA-1/end",
    ]


@pytest.mark.parametrize(
    ("call_id", "path"),
    [
        pytest.param("a/b", "/api/calls/a%2Fb", id="slash"),
        pytest.param("a?b=c&d", "/api/calls/a%3Fb%3Dc%26d", id="query"),
        pytest.param("a#b", "/api/calls/a%23b", id="fragment"),
        pytest.param("{call_id}", "/api/calls/%7Bcall_id%7D", id="placeholder"),
        pytest.param("a+b c", "/api/calls/a%2Bb%20c", id="plus and space"),
        pytest.param("é", "/api/calls/%C3%A9", id="beyond ASCII"),
        pytest.param("..", "/api/calls/%2E%2E", id="the folder above"),
    ],
)
async def test_no_id_leads_elsewhere(call_id: str, path: str) -> None:
    asked: list[httpx.Request] = []
    async with a_provider(remembering(asked, A_CALL)) as provider:
        await provider.hang_up(call_id)

    assert [each.url.raw_path.decode() for each in asked] == [path]


@pytest.mark.parametrize(
    ("body", "sent", "content_type"),
    [
        pytest.param(None, b"", None, id="none by default"),
        pytest.param(
            '{"call_status":"completed"}', b'{"call_status":"completed"}', "application/json", id="JSON"
        ),
    ],
)
async def test_a_hang_up_carries_the_body_it_was_given(
    body: str | None, sent: bytes, content_type: str | None
) -> None:
    asked: list[httpx.Request] = []
    contract = a_contract(hang_up_method="POST", hang_up_body=body)
    async with a_provider(remembering(asked, {}), **contract) as provider:
        assert await provider.hang_up("CA-1") is HangUpResult.ACCEPTED

    assert [(each.content, each.headers.get("Content-Type")) for each in asked] == [(sent, content_type)]


@pytest.mark.parametrize(
    ("contract", "headers"),
    [
        pytest.param(a_contract(), {"Authorization": "Bearer rotary-key"}, id="neutral"),
        pytest.param(
            a_contract(auth_header="authorization"), {"Authorization": "Bearer rotary-key"}, id="its case"
        ),
        pytest.param(
            a_contract(auth_value="Token {api_key}"), {"Authorization": "Token rotary-key"}, id="another form"
        ),
        pytest.param(a_contract(auth_header="X-Api-Key"), {"X-Api-Key": "rotary-key"}, id="another header"),
        pytest.param(
            a_contract(auth_header="X-Api-Key", auth_value="key={api_key}"),
            {"X-Api-Key": "key=rotary-key"},
            id="both",
        ),
        pytest.param(
            a_contract(extra_headers={"X-Tenant": "north", "Accept": "text/json"}),
            {"Authorization": "Bearer rotary-key", "X-Tenant": "north", "Accept": "text/json"},
            id="more of them",
        ),
    ],
)
async def test_every_request_carries_the_headers_it_was_given(
    contract: dict[str, object], headers: dict[str, str]
) -> None:
    asked: list[httpx.Request] = []
    async with a_provider(remembering(asked, A_CALL), **contract) as provider:
        await provider.place_call(a_request())
        await provider.get_call("CA-1")
        await provider.hang_up("CA-1")

    names = {"Authorization", "X-Api-Key", "X-Tenant", *headers}
    shown = [{name: each.headers[name] for name in names if name in each.headers} for each in asked]
    assert shown == [headers] * 3


async def test_without_a_key_only_the_extra_headers_are_sent() -> None:
    asked: list[httpx.Request] = []
    contract = a_contract(auth_header="X-Api-Key", extra_headers={"Authorization": "Basic dTpw"})
    async with a_provider(remembering(asked, A_CALL), **contract, api_key="") as provider:
        await provider.get_call("CA-1")

    assert [(each.headers["Authorization"], "X-Api-Key" in each.headers) for each in asked] == [
        ("Basic dTpw", False)
    ]


@pytest.mark.parametrize(
    ("paths", "answer", "result"),
    [
        pytest.param(("uuid",), {"uuid": "U-1", "sid": "CA-1"}, Accepted("U-1"), id="a name of its own"),
        pytest.param(
            ("result.leg.uuid",), {"result": {"leg": {"uuid": "U-1"}}}, Accepted("U-1"), id="within objects"
        ),
        pytest.param(("uuid", "sid"), {"sid": "CA-1"}, Accepted("CA-1"), id="the second path"),
        pytest.param(("sid", "uuid"), {"uuid": "U-1", "sid": "CA-1"}, Accepted("CA-1"), id="first hit wins"),
        pytest.param(
            ("uuid",),
            {"call_sid": "CA-1"},
            Ambiguous("provider answered 200 without a call id"),
            id="only where it was told to look",
        ),
        pytest.param(
            ("leg.uuid",),
            {"leg": "U-1"},
            Ambiguous("provider answered 200 without a call id"),
            id="no object on the way",
        ),
    ],
)
async def test_a_call_id_is_found_where_its_paths_lead(
    paths: Sequence[str], answer: object, result: DialResult
) -> None:
    contract = a_contract(call_id_paths=",".join(paths))
    async with a_provider(answering(200, json=answer), **contract) as provider:
        assert await provider.place_call(a_request()) == result


async def test_a_look_up_understands_the_operators_words() -> None:
    contract = a_contract(status_map={"un-answered": "no_answer"})
    body = {"call_sid": "CA-1", "call_status": "Unanswered"}
    async with a_provider(answering(200, json=body), **contract) as provider:
        event = await provider.get_call("CA-1")

    assert event is not None
    assert (event.status, event.happened_at) == (CallStatus.NO_ANSWER, NOW)


@pytest.mark.parametrize(
    ("reply", "trouble"),
    [
        *(pytest.param(answering(status), None, id=str(status)) for status in (200, 204, 400, 404, 422)),
        *(
            pytest.param(answering(status), f"provider answered {status}", id=str(status))
            for status in (401, 403, 500, 503)
        ),
        pytest.param(answering(429), UNANSWERED, id="429"),
        pytest.param(failing(httpx.ConnectError("x")), UNANSWERED, id="ConnectError"),
        pytest.param(failing(httpx.ReadTimeout("x")), UNANSWERED, id="ReadTimeout"),
    ],
)
async def test_a_provider_is_well_while_it_would_talk_to_us(reply: Reply, trouble: str | None) -> None:
    async with a_provider(reply) as provider:
        assert await provider.check_health() == trouble


async def test_asking_whether_it_is_well_looks_for_an_attempt_nobody_made() -> None:
    asked: list[httpx.Request] = []
    async with a_provider(remembering(asked, []), find_path="/by/{execution_id}") as provider:
        assert await provider.check_health() is None

    assert [f"{each.method} {each.url.path}" for each in asked] == ["GET /api/by/exec_none"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"create_path": "calls"}, "APOLLO_ROTARY_CREATE_PATH: must start with /", id="no slash"),
        pytest.param(
            {"create_path": "/calls/{call_id}"},
            "APOLLO_ROTARY_CREATE_PATH: {call_id} is no placeholder here; only {execution_id} is",
            id="an id that is not known yet",
        ),
        pytest.param(
            {"create_path": "/calls#here"},
            "APOLLO_ROTARY_CREATE_PATH: must be ASCII without spaces, # and \\",
            id="a fragment",
        ),
        pytest.param(
            {"get_path": "/calls"}, "APOLLO_ROTARY_GET_PATH: must hold {call_id}", id="no placeholder"
        ),
        pytest.param(
            {"get_path": "/calls/{call_id"},
            "APOLLO_ROTARY_GET_PATH: has a brace without its partner",
            id="half a placeholder",
        ),
        pytest.param(
            {"get_path": "/calls/{{call_id}}"},
            "APOLLO_ROTARY_GET_PATH: has a brace without its partner",
            id="doubled braces",
        ),
        pytest.param(
            {"find_path": "/calls?execution_id={id}"},
            "APOLLO_ROTARY_FIND_PATH: {id} is no placeholder here; only {execution_id} is",
            id="unknown placeholder",
        ),
        pytest.param(
            {"hang_up_path": "/c/{call_id} /end"},
            "APOLLO_ROTARY_HANG_UP_PATH: must be ASCII without spaces, # and \\",
            id="a space",
        ),
        pytest.param({"hang_up_body": "{end}"}, "APOLLO_ROTARY_HANG_UP_BODY: must be JSON", id="no JSON"),
        pytest.param(
            {"auth_header": "X Key"},
            "APOLLO_ROTARY_AUTH_HEADER: must be the name of a header that is free",
            id="no header's name",
        ),
        pytest.param(
            {"auth_header": "content-type"},
            "APOLLO_ROTARY_AUTH_HEADER: must be the name of a header that is free",
            id="a header of ours",
        ),
        pytest.param(
            {"auth_value": "Bearer"},
            "APOLLO_ROTARY_AUTH_VALUE: must be printable ASCII with {api_key} in it",
            id="no place for the key",
        ),
        pytest.param(
            {"extra_headers": {"Idempotency-Key": "x"}},
            "APOLLO_ROTARY_EXTRA_HEADERS: a name is no header's, or belongs to another",
            id="replaces a header of ours",
        ),
        pytest.param(
            {"extra_headers": {"authorization": "x"}},
            "APOLLO_ROTARY_EXTRA_HEADERS: a name is no header's, or belongs to another",
            id="replaces the key",
        ),
        pytest.param(
            {"extra_headers": {"X-A": "s3cret\n"}},
            "APOLLO_ROTARY_EXTRA_HEADERS: no header can carry the value of X-A",
            id="a value that cannot travel",
        ),
        *(
            pytest.param(
                {"call_id_paths": paths},
                "APOLLO_ROTARY_CALL_ID_PATHS: must name fields, such as call_sid,data.sid",
                id=f"paths {paths}",
            )
            for paths in (",", "sid,,uuid", "sid,data.")
        ),
    ],
)
def test_what_would_fail_with_every_call_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    monkeypatch.chdir(tmp_path)  # where no .env is
    for name, value in changes.items():
        text = value if isinstance(value, str) else json.dumps(value)
        monkeypatch.setenv(f"APOLLO_ROTARY_{name.upper()}", text)

    with pytest.raises(SystemExit) as caught:
        read_settings()

    assert caught.value.code == message


def test_extra_headers_are_not_shown() -> None:
    assert "s3cret" not in repr(RotarySettings.model_validate({"extra_headers": {"X-A": "s3cret"}}))
