"""The simulator in Jambonz' words."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from telephony.status_words import BUILT_IN_WORDS
from telephony.webhook import webhook_translator
from tests.telephony.world import CALLBACK_URL, World, a_simulator

CALLS = "/v1/Accounts/acc-1/Calls"


def a_body(number: str = "99", **fields: object) -> Mapping[str, object]:
    return {
        "from": "14155550181",
        "to": {"type": "phone", "number": f"141555501{number}"},
        "call_status_hook": CALLBACK_URL,
        "tag": {"attempt_id": "exec_1", "contact_id": "con_1"},
        "timeout": 60,
        "timeLimit": 1800,
        **fields,
    }


async def create(world: World, number: str = "99", **fields: object) -> httpx.Response:
    return await world.client.post(CALLS, json=a_body(number, **fields))


async def placed(world: World, number: str = "99", **fields: object) -> str:
    response = await create(world, number, **fields)
    assert response.status_code == 201, response.text
    assert sorted(response.json()) == ["callId", "sid"]
    sid: str = response.json()["sid"]
    return sid


@pytest.mark.parametrize(
    ("number", "statuses"),
    [
        pytest.param("99", ["trying", "ringing", "in-progress", "completed"], id="answered"),
        pytest.param("01", ["trying", "busy"], id="01"),
        pytest.param("02", ["trying", "ringing", "no-answer"], id="02"),
        pytest.param("03", ["trying", "failed"], id="03"),
        pytest.param("05", ["trying", "ringing", "in-progress"], id="05"),
        pytest.param("07", ["completed", "in-progress", "ringing", "trying"], id="07"),
        pytest.param("12", ["trying", "ringing", "in-progress", "completed"], id="12"),
    ],
)
async def test_webhooks_of_a_number_come_in_this_order(number: str, statuses: list[str]) -> None:
    async with a_simulator() as world:
        await placed(world, number)
        await world.mailbox.holds(len(statuses))
        await world.ledger_at_rest()
    assert world.mailbox.statuses == statuses


async def test_the_last_webhook_looks_like_jambonz() -> None:
    async with a_simulator() as world:
        sid = await placed(world)
        last = (await world.mailbox.holds(4))[-1].body
    assert last == {
        "call_sid": sid,
        "direction": "outbound",
        "from": "14155550181",
        "to": "14155550199",
        "call_id": last["call_id"],
        "sip_status": 200,
        "sip_reason": "OK",
        "call_status": "completed",
        "account_sid": "acc-1",
        "trace_id": "0" * 32,
        "fs_sip_address": "192.0.2.10:5060",
        "duration": 0,
        "call_termination_by": "caller",
        "customerData": {"attempt_id": "exec_1", "contact_id": "con_1"},
    }


async def test_our_own_translation_reads_what_it_sends() -> None:
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    async with a_simulator() as world:
        await placed(world)
        translate = webhook_translator(BUILT_IN_WORDS)
        reports = [translate(each.body, now) for each in await world.mailbox.holds(4)]
    events = [report.event for report in reports if report.event is not None]
    assert [event.status.value for event in events] == ["queued", "ringing", "in_progress", "completed"]
    assert {report.execution_id for report in reports} == {"exec_1"}
    assert events[-1].hangup_by == "callee"


async def test_jambonz_knows_no_idempotency() -> None:
    async with a_simulator() as world:
        sids = {await placed(world) for _ in range(2)}
        ledger = await world.ledger_at_rest()
    assert len(sids) == len(ledger["rings"]) == 2


@pytest.mark.parametrize(
    ("hook", "authorization"),
    [
        pytest.param(CALLBACK_URL, None, id="text"),
        pytest.param({"url": CALLBACK_URL, "method": "POST"}, None, id="object"),
        pytest.param(
            {"url": CALLBACK_URL, "username": "u", "password": "p"},
            "Basic " + base64.b64encode(b"u:p").decode(),
            id="object with basic auth",
        ),
    ],
)
async def test_a_status_hook_comes_in_three_shapes(hook: object, authorization: str | None) -> None:
    async with a_simulator() as world:
        await placed(world, call_status_hook=hook)
        received = (await world.mailbox.holds(4))[0]
    assert (received.url, received.headers.get("Authorization")) == (CALLBACK_URL, authorization)


@pytest.mark.parametrize("hook", [None, {}, {"url": 5}, 7])
async def test_without_a_status_hook_there_is_silence(hook: object) -> None:
    async with a_simulator() as world:
        await placed(world, call_status_hook=hook)
        await world.ledger_at_rest()
    assert world.mailbox.tried == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"from": "1"},
        {"from": "1", "to": "14155550199"},
        {"from": 1, "to": {"number": "1"}},
        {"from": "1", "to": {"type": "user", "name": "x"}},
    ],
)
async def test_from_and_to_are_required(body: object) -> None:
    async with a_simulator() as world:
        response = await world.client.post(CALLS, json=body)
    assert (response.status_code, response.json()) == (400, {"msg": "from and to are required"})


@pytest.mark.parametrize("changes", [{"timeout": "none"}, {"timeLimit": 2.5}, {"timeout": None}])
async def test_native_limit_that_is_no_whole_number_is_refused_without_a_reason(
    changes: dict[str, object],
) -> None:
    async with a_simulator() as world:
        callee = {"type": "sip", "sipUri": "sip:nobody@nowhere.invalid"}
        response = await world.client.post(CALLS, json={"from": "apollo", "to": callee, **changes})
        ledger = await world.ledger()
    assert (response.status_code, response.text) == (500, "Internal Server Error")
    assert (ledger["create_requests"], ledger["rings"]) == ([], [])


async def test_throttled_and_broken_answers() -> None:
    async with a_simulator() as world:
        throttled, accepted, broken = [await create(world, number) for number in ("09", "09", "10")]
    assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "1")
    assert accepted.status_code == 201
    assert (broken.status_code, broken.json()) == (500, {"msg": "fetch failed"})


async def test_the_tags_contact_decides_what_a_first_call_is() -> None:
    async with a_simulator() as world:
        await placed(world, "04", tag={"attempt_id": "exec_1", "contact_id": "con_1"})
        await placed(world, "04", tag={"attempt_id": "exec_2", "contact_id": "con_1"})
        received = await world.mailbox.holds(6)
    endings = [each.body["call_status"] for each in received if each.body["sip_status"] not in (100, 180)]
    assert sorted(map(str, endings)) == ["busy", "completed", "in-progress"]


async def test_a_look_up_is_the_last_webhook_without_the_tag() -> None:
    async with a_simulator() as world:
        sid = await placed(world)
        last = (await world.mailbox.holds(4))[-1].body
        call = (await world.client.get(f"{CALLS}/{sid}")).json()
    assert call == {name: value for name, value in last.items() if name != "customerData"}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 2),
        ({"direction": "outbound"}, 2),
        ({"direction": "inbound"}, 0),
        ({"to": "14155550199"}, 1),
        ({"to": "+14155550199"}, 0),
        ({"from": "14155550181", "to": "14155550101", "callStatus": "busy"}, 1),
        ({"callStatus": "ringing"}, 0),
    ],
)
async def test_a_list_matches_exactly(query: dict[str, str], count: int) -> None:
    async with a_simulator() as world:
        await placed(world, "99")
        await placed(world, "01")
        await world.ledger_at_rest()
        listed = (await world.client.get(CALLS, params=query)).json()
    assert len(listed) == count


async def test_another_account_sees_nothing() -> None:
    async with a_simulator() as world:
        sid = await placed(world)
        listed = await world.client.get("/v1/Accounts/acc-2/Calls")
        found = await world.client.get(f"/v1/Accounts/acc-2/Calls/{sid}")
    assert (listed.json(), found.status_code) == ([], 404)


@pytest.mark.parametrize(
    ("tempo", "word", "code", "ending"),
    [
        pytest.param({"ring_seconds": 30.0}, "no-answer", 202, "no-answer", id="ringing"),
        pytest.param({"ring_seconds": 30.0}, "completed", 422, "ringing", id="ringing, wrong word"),
        pytest.param({"talk_seconds": 30.0}, "completed", 202, "completed", id="answered"),
        pytest.param({"talk_seconds": 30.0}, "no-answer", 422, "in-progress", id="answered, wrong word"),
        pytest.param({}, "completed", 422, "completed", id="over"),
        pytest.param({"ring_seconds": 30.0}, "busy", 400, "ringing", id="no such update"),
        pytest.param({"ring_seconds": 30.0}, None, 400, "ringing", id="no update"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_hang_up_must_fit_the_state(
    method: str, tempo: dict[str, Any], word: str | None, code: int, ending: str
) -> None:
    async with a_simulator(**tempo) as world:
        sid = await placed(world)
        await world.mailbox.holds(2 if "ring_seconds" in tempo else 3 if tempo else 4)
        answer = await world.client.request(method, f"{CALLS}/{sid}", json={"call_status": word})
        call = (await world.client.get(f"{CALLS}/{sid}")).json()
    assert (answer.status_code, call["call_status"]) == (code, ending)


async def test_our_hang_up_is_told_as_such() -> None:
    async with a_simulator(talk_seconds=30) as world:
        sid = await placed(world)
        await world.mailbox.holds(3)
        await world.client.put(f"{CALLS}/{sid}", json={"call_status": "completed"})
        last = (await world.mailbox.holds(4))[-1].body
    assert (last["call_status"], last["call_termination_by"]) == ("completed", "jambonz")


async def test_delete_drops_the_record_and_the_phone_rings_on() -> None:
    async with a_simulator(ring_seconds=30) as world:
        sid = await placed(world)
        codes = [(await world.client.delete(f"{CALLS}/{sid}")).status_code for _ in range(2)]
        ledger = await world.ledger()
    assert (codes, ledger["live"]) == ([204, 404], 1)


async def test_a_key_is_asked_for() -> None:
    async with a_simulator(api_key="right") as world:
        codes = [(await world.client.get(path)).status_code for path in (CALLS, f"{CALLS}/none")]
    assert codes == [401, 401]
