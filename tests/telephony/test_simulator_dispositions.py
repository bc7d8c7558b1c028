"""Numbers whose calls tell who answered and what came of them, in both contracts."""

from collections.abc import Mapping, Sequence

import pytest

from tests.telephony.world import CALLBACK_URL, Received, a_simulator

CALLS = "/v1/Accounts/acc-1/Calls"
TOLD = ("call_status", "answered_by", "disposition")


def told(received: Sequence[Received]) -> list[tuple[object, ...]]:
    return [tuple(each.body.get(name) for name in TOLD) for each in received]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param(
            "13",
            [
                ("ringing", None, None),
                ("in_progress", None, None),
                ("in_progress", "machine", None),
                ("completed", "machine", None),
            ],
            id="13 machine",
        ),
        pytest.param(
            "14",
            [
                ("ringing", None, None),
                ("in_progress", None, None),
                ("in_progress", "fax", None),
                ("completed", "fax", None),
            ],
            id="14 fax",
        ),
        pytest.param(
            "15",
            [("ringing", None, None), ("in_progress", None, None), ("completed", "machine", None)],
            id="15 machine, told at the end",
        ),
        pytest.param(
            "18",
            [
                ("ringing", None, None),
                ("in_progress", None, None),
                ("in_progress", "machine", None),
                ("in_progress", "human", None),
                ("completed", "human", None),
            ],
            id="18 machine, then human",
        ),
        pytest.param(
            "19",
            [("ringing", None, None), ("in_progress", None, None), ("completed", None, "wrong_number")],
            id="19 wrong number",
        ),
        pytest.param(
            "22",
            [
                ("ringing", None, "refused"),
                ("in_progress", None, "refused"),
                ("completed", None, "refused"),
            ],
            id="22 before the answer",
        ),
    ],
)
async def test_neutral_webhooks_tell_it(number: str, expected: list[tuple[object, ...]]) -> None:
    async with a_simulator() as world:
        await world.placed(number)
        received = await world.mailbox.holds(len(expected))
        await world.ledger_at_rest()
        assert told(world.mailbox.taken) == expected
        assert len({each.body["event_id"] for each in received}) == len(expected)


async def test_callback_carries_its_time() -> None:
    async with a_simulator() as world:
        await world.placed("20")
        *_, ending = await world.mailbox.holds(3)
        assert (ending.body["disposition"], "follow_up_at" in ending.body) == ("callback", True)


def a_native_body(number: str) -> Mapping[str, object]:
    return {
        "from": "+14155550180",
        "to": {"type": "phone", "number": f"+141555501{number}"},
        "call_status_hook": CALLBACK_URL,
        "application_sid": "a" * 36,
        "amd": {"actionHook": "http://apollo.test/amd"},
        "tag": {"attempt_id": "exec_1"},
    }


@pytest.mark.parametrize(
    ("number", "kinds"),
    [
        pytest.param("13", ["amd_machine_detected"], id="13 machine"),
        pytest.param("14", ["amd_tone_detected"], id="14 fax"),
        pytest.param("15", ["amd_machine_detected"], id="15 machine, told at the end"),
        pytest.param("16", ["amd_human_detected"], id="16 human"),
        pytest.param("17", ["amd_no_speech_detected"], id="17 unknown"),
        pytest.param("18", ["amd_machine_detected", "amd_human_detected"], id="18 machine, then human"),
    ],
)
async def test_jambonz_tells_who_answered_by_its_events(number: str, kinds: list[str]) -> None:
    async with a_simulator() as world:
        answer = await world.client.post(CALLS, json=a_native_body(number))
        assert answer.status_code == 201
        received = await world.mailbox.holds(4 + len(kinds))
        events = [each for each in received if each.url == "http://apollo.test/amd"]
        assert [each.body["type"] for each in events] == kinds
        assert {each.body["call_status"] for each in events} == {"in-progress"}
        assert received[-1].body["call_status"] == "completed"


@pytest.mark.parametrize(
    ("number", "disposition"), [("19", "wrong_number"), ("20", "callback"), ("22", "refused")]
)
async def test_agent_of_jambonz_contract_reports_to_apollo(number: str, disposition: str) -> None:
    async with a_simulator(agent_api_url="http://apollo.test/", agent_token="gat_agent") as world:
        await world.client.post(CALLS, json=a_native_body(number))
        received = await world.mailbox.holds(5)
        [report] = [each for each in received if each.url.endswith("/disposition")]
        assert report.url == "http://apollo.test/api/v1/executions/exec_1/disposition"
        assert report.headers["Authorization"] == "Bearer gat_agent"
        assert report.body["disposition"] == disposition
        assert received[-1].body["call_status"] == "completed"
