"""How Jambonz is asked for a call: what goes out, what is never sent, and what no answer means."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from domain.telephony import Accepted, Ambiguous, CallRequest, DialResult, Refused, Throttled, Unavailable
from tests.telephony.jambonz_server import (
    ACCOUNT_SID,
    API_KEY,
    APPLICATION_SID,
    BASE_URL,
    CALL_SID,
    FETCH_FAILED,
    STATUS_URL,
    TOO_MANY,
    UNAUTHORIZED,
    JambonzServer,
    a_provider,
    options,
    settings,
)
from tests.telephony.rotary_replies import Reply, SlowReply, failing
from tests.telephony.world import a_request


async def dialled(request: CallRequest | None = None, **changes: object) -> JambonzServer:
    server = JambonzServer()
    async with a_provider(server, **changes) as provider:
        assert await provider.place_call(request or a_request()) == Accepted(CALL_SID)
    return server


async def dial(reply: Reply | SlowReply, **changes: object) -> DialResult:
    async with a_provider(httpx.MockTransport(reply), **changes) as provider:
        return await provider.place_call(a_request())


async def test_a_dial_says_everything_the_provider_and_the_application_must_know() -> None:
    server = await dialled()
    [request] = server.requests
    assert (request.method, str(request.url)) == (
        "POST",
        f"{BASE_URL}/v1/Accounts/{ACCOUNT_SID}/Calls",
    )
    assert request.headers["Authorization"] == f"Bearer {API_KEY}"
    assert request.headers["Content-Type"] == "application/json"
    assert server.bodies == [
        {
            "from": "+14155550181",
            "to": {"type": "phone", "number": "+14155550199"},
            "application_sid": APPLICATION_SID,
            "call_status_hook": {"url": f"{STATUS_URL}#rc=3&rp=all", "method": "POST"},
            "tag": {
                "attempt_id": "exec_1",
                "batch_id": "btc_1",
                "contact_id": "con_1",
                "campaign_id": "cmp_1",
                "organization_id": "org_1",
                "agent_id": "agent_1",
                "brief": '{"variables":{"first_name":"Ada"},"context":{"offer":"A"}}',
            },
            "timeout": 60,
            "timeLimit": 1800,
            "headers": {"X-Execution-Id": "exec_1"},
        }
    ]


async def test_without_an_application_the_call_hook_and_the_speech_are_sent() -> None:
    hook = "wss://agent.test/calls"
    server = await dialled(application_sid=None, call_hook=hook, speech_synthesis_voice="en-US-Neural2-A")
    [body] = server.bodies
    assert "application_sid" not in body
    assert {name: value for name, value in body.items() if "hook" in name or "speech" in name} == {
        "call_hook": {"url": hook, "method": "POST"},
        "call_status_hook": {"url": f"{STATUS_URL}#rc=3&rp=all", "method": "POST"},
        "speech_synthesis_vendor": "google",
        "speech_synthesis_language": "en-US",
        "speech_synthesis_voice": "en-US-Neural2-A",
        "speech_recognizer_vendor": "google",
        "speech_recognizer_language": "en-US",
    }


async def test_answering_machines_are_looked_for_where_a_hook_is_set() -> None:
    [body] = (await dialled(amd_hook="https://agent.test/amd")).bodies
    assert body["amd"] == {"actionHook": "https://agent.test/amd"}


async def test_a_call_goes_through_the_trunk_that_was_chosen() -> None:
    [body] = (await dialled(trunk="carrier-1")).bodies
    assert body["to"] == {"type": "phone", "number": "+14155550199", "trunk": "carrier-1"}


async def test_numbers_go_out_without_plus_where_the_carrier_wants_none() -> None:
    [body] = (await dialled(strip_plus=True)).bodies
    assert (body["from"], body["to"]) == ("14155550181", {"type": "phone", "number": "14155550199"})


async def test_the_status_hooks_own_fragment_is_kept() -> None:
    server, url = JambonzServer(), "https://apollo.test/hook#rc=1&rp=5xx"
    async with a_provider(server, options(status_callback_url=url)) as provider:
        await provider.place_call(a_request())
    [body] = server.bodies
    assert body["call_status_hook"] == {"url": url, "method": "POST"}


@pytest.mark.parametrize("base_url", [BASE_URL, f"{BASE_URL}/"])
async def test_the_version_is_asked_for_once(base_url: str) -> None:
    [request] = (await dialled(base_url=base_url)).requests
    assert str(request.url) == f"{BASE_URL}/v1/Accounts/{ACCOUNT_SID}/Calls"


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        pytest.param({"to_number": "14155550199"}, "to_number", id="to without plus"),
        pytest.param({"to_number": "+1415555019x"}, "to_number", id="to with a delivery"),
        pytest.param({"to_number": "+1" * 12}, "to_number", id="to too long"),
        pytest.param({"to_number": "+1415555\n199"}, "to_number", id="to with a line break"),
        pytest.param({"to_number": "+١٤١٥٥٥٥٠١٩٩"}, "to_number", id="to in other digits"),
        pytest.param({"to_number": ""}, "to_number", id="to empty"),
        pytest.param({"from_number": ""}, "from_number", id="from empty"),
        pytest.param({"from_number": "4" * 257}, "from_number", id="from too long"),
        pytest.param({"from_number": "Ada\r\nTo: x"}, "from_number", id="from with a header"),
        pytest.param({"from_number": "Zoë"}, "from_number", id="from beyond ASCII"),
        pytest.param({"execution_id": "exec 1"}, "attempt_id", id="id with a space"),
        pytest.param({"execution_id": "exec_é"}, "attempt_id", id="id beyond ASCII"),
        pytest.param({"execution_id": "e" * 256}, "attempt_id", id="id too long"),
        pytest.param({"batch_id": "https://x.test"}, "batch_id", id="id that is an address"),
        pytest.param({"contact_id": ""}, "contact_id", id="contact empty"),
        pytest.param({"campaign_id": "cmp\x00"}, "campaign_id", id="campaign with a null"),
        pytest.param({"ring_timeout": timedelta(seconds=20.5)}, "ring_timeout", id="half a second"),
        pytest.param({"ring_timeout": timedelta()}, "ring_timeout", id="no time to ring"),
        pytest.param({"max_duration": timedelta(seconds=-1)}, "max_duration", id="no time to talk"),
    ],
)
async def test_what_is_unfit_is_refused_before_anything_is_sent(
    changes: dict[str, object], names: str
) -> None:
    server = JambonzServer()
    request = replace(a_request(), **changes)  # type: ignore[arg-type]  # by name
    async with a_provider(server) as provider:
        result = await provider.place_call(request)
    assert isinstance(result, Refused)
    assert result.reason.startswith(f"{names}: must ")
    assert server.requests == []
    values = [value for value in changes.values() if isinstance(value, str) and value]
    assert not any(value in result.reason for value in values)


@pytest.mark.parametrize("key", ["kéy", "line\nbreak", " padded", "padded "])
async def test_a_key_no_header_can_carry_is_refused_at_once_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="no header can carry") as caught:
        async with a_provider(api_key=key):
            pass
    assert key.strip() not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param(
            {"application_sid": None},
            "APOLLO_JAMBONZ_APPLICATION_SID, APOLLO_JAMBONZ_CALL_HOOK: set exactly one of the two, "
            "or APOLLO_JAMBONZ_APPLICATIONS",
            id="neither application nor hook",
        ),
        pytest.param(
            {"call_hook": "https://u:secret@agent.test"},
            "APOLLO_JAMBONZ_APPLICATION_SID, APOLLO_JAMBONZ_CALL_HOOK: set exactly one of the two",
            id="application and hook",
        ),
        pytest.param({"api_key": ""}, "APOLLO_JAMBONZ_API_KEY: set it to a key of the account", id="no key"),
    ],
)
async def test_a_missing_setting_is_named_and_no_other_is_shown(
    changes: dict[str, object], line: str
) -> None:
    with pytest.raises(ValueError, match="APOLLO_") as caught:
        async with a_provider(**changes):
            pass
    assert str(caught.value) == line


def test_settings_show_no_secret() -> None:
    account = settings(
        application_sid=None,
        call_hook="https://u:hook-password@agent.test",
        amd_hook="https://u:amd-password@agent.test",
    )
    shown = repr((account, options(status_callback_url="https://u:status-password@apollo.test")))
    assert ACCOUNT_SID in shown
    assert "password" not in shown
    assert API_KEY not in shown


async def test_no_result_holds_a_key_or_a_number() -> None:
    for answer in (UNAUTHORIZED, TOO_MANY, FETCH_FAILED):
        async with a_provider(JambonzServer(answers={"POST Calls": [answer]})) as provider:
            shown = repr(await provider.place_call(a_request()))
        assert API_KEY not in shown
        assert "4155550" not in shown


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
        httpx.RemoteProtocolError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_may_have_arrived_may_have_been_dialled(error: Exception) -> None:
    assert await dial(failing(error)) == Ambiguous(f"no answer to the dial: {type(error).__name__}")


async def test_a_cancelled_dial_stays_cancelled() -> None:
    async def reply(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        raise AssertionError

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(dial(reply), 0.02)


async def test_a_throttled_dial_sends_everybody_away_for_as_long_as_jambonz_says() -> None:
    server = JambonzServer(answers={"POST Calls": [TOO_MANY]})
    async with a_provider(server, options(requests_per_second=1.9)) as provider:
        assert await provider.acquire() == timedelta()
        assert await provider.place_call(a_request()) == Throttled(timedelta(seconds=17))
        wait = await provider.acquire()
    assert timedelta(seconds=16) < wait <= timedelta(seconds=17)


async def test_turns_are_given_by_the_rate() -> None:
    async with a_provider(None, options(requests_per_second=0.1)) as provider:
        assert await provider.acquire() == timedelta()
        assert await provider.acquire() > timedelta(seconds=12)


async def test_it_says_who_it_is_and_proves_nothing_by_not_finding() -> None:
    async with a_provider() as provider:
        assert (provider.name, provider.lookup_is_proof) == ("jambonz", False)
