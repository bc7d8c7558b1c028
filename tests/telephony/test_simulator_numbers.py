"""Each magic number of the public contract, on the wire of the neutral contract."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.telephony.world import (
    AN_INSTANT,
    CALLBACK_URL,
    Mailbox,
    a_create_body,
    a_served_simulator,
    a_simulator,
)

ORDINARY_CALL = ["ringing", "in_progress", "completed"]


async def statuses_of(number: str, *, count: int) -> list[object]:
    async with a_simulator() as world:
        await world.placed(number)
        await world.mailbox.holds(count)
        await world.ledger_at_rest()
        return list(world.mailbox.statuses)


@pytest.mark.parametrize(
    ("number", "statuses"),
    [
        pytest.param("99", ORDINARY_CALL, id="any other is answered"),
        pytest.param("00", ORDINARY_CALL, id="00 too"),
        pytest.param("01", ["busy"], id="01 busy"),
        pytest.param("02", ["ringing", "no_answer"], id="02 rings, no answer"),
        pytest.param("03", ["failed"], id="03 failed"),
        pytest.param("05", ["ringing", "in_progress"], id="05 final webhook lost"),
        pytest.param(
            "06", [each for each in ORDINARY_CALL for _ in range(3)], id="06 everything three times"
        ),
        pytest.param("07", ["completed", "in_progress", "ringing"], id="07 completed before ringing"),
        pytest.param("12", ORDINARY_CALL, id="12 is otherwise ordinary"),
    ],
)
async def test_webhooks_of_a_number_come_in_this_order(number: str, statuses: list[object]) -> None:
    assert await statuses_of(number, count=len(statuses)) == statuses


@pytest.mark.parametrize(
    ("number", "moment", "ending"),
    [
        pytest.param(
            "01", 2, {"call_status": "busy", "sip_status": 486, "hangup_reason": "Busy Here"}, id="busy"
        ),
        pytest.param(
            "02",
            3,
            {"call_status": "no_answer", "sip_status": 487, "hangup_reason": "Request Terminated"},
            id="no answer",
        ),
        pytest.param(
            "03",
            2,
            {"call_status": "failed", "sip_status": 503, "hangup_reason": "Service Unavailable"},
            id="failed",
        ),
        pytest.param(
            "99",
            4,
            {"call_status": "completed", "sip_status": 200, "duration_seconds": 0, "hangup_by": "callee"},
            id="answered",
        ),
    ],
)
async def test_an_ending_tells_how_it_came(number: str, moment: int, ending: dict[str, object]) -> None:
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    async with a_simulator(clock=lambda: now) as world:
        call_sid = await world.placed(number)
        await world.ledger_at_rest()
        # The moment before the phone rings has no webhook; a busy or failed call has no other but its last.
        last = (await world.mailbox.holds(moment - 1))[-1]
    assert last.url == CALLBACK_URL
    assert last.body == {
        "event_id": f"{call_sid}:{moment}",
        "execution_id": "exec_1",
        "provider_call_id": call_sid,
        "timestamp": now.isoformat(),
        **ending,
    }


async def test_04_is_busy_on_the_contacts_first_attempt_only() -> None:
    async with a_simulator() as world:
        first = await world.placed("04", execution_id="exec_1", contact_id="con_1")
        second = await world.placed("04", execution_id="exec_2", contact_id="con_1")
        other = await world.placed("04", execution_id="exec_3", contact_id="con_2")
        await world.ledger_at_rest()
        statuses = [(await world.look_up(call))["call_status"] for call in (first, second, other)]
    assert statuses == ["busy", "completed", "busy"]


async def test_04_goes_by_the_number_when_no_contact_is_named() -> None:
    async with a_simulator() as world:
        first = await world.placed("04", execution_id="exec_1", contact_id=None)
        second = await world.placed("04", execution_id="exec_2", contact_id=None)
        await world.ledger_at_rest()
        statuses = [(await world.look_up(call))["call_status"] for call in (first, second)]
    assert statuses == ["busy", "completed"]


async def test_05_tells_its_ending_when_asked() -> None:
    async with a_simulator() as world:
        call = await world.stands_at(await world.placed("05"), "completed")
        assert (call["sip_status"], call["duration_seconds"], call["hangup_by"]) == (200, 0, "callee")
        await world.mailbox.holds(2)
    assert world.mailbox.statuses == ["ringing", "in_progress"]


async def test_06_repeats_a_webhook_byte_for_byte() -> None:
    async with a_simulator() as world:
        await world.placed("06")
        received = await world.mailbox.holds(9)
    bodies = [each.raw_body for each in received]
    assert [len(set(bodies[at : at + 3])) for at in (0, 3, 6)] == [1, 1, 1]
    assert len(set(bodies)) == 3


async def test_07_keeps_the_true_time_in_each_webhook() -> None:
    async with a_simulator(ring_seconds=AN_INSTANT, talk_seconds=AN_INSTANT) as world:
        await world.placed("07")
        completed, answered, ringing = await world.mailbox.holds(3)
    times = [str(each.body["timestamp"]) for each in (ringing, answered, completed)]
    assert times == sorted(times)
    assert len(set(times)) == 3


@pytest.mark.process
async def test_08_rings_while_the_create_call_goes_unanswered() -> None:
    async with (
        a_served_simulator(hold_seconds=30) as (base_url, mailbox),
        httpx.AsyncClient(base_url=base_url) as client,
    ):
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/calls", json=a_create_body("08"), timeout=0.2)
        await mailbox.holds(3)
        calls = (await client.get("/calls", params={"execution_id": "exec_1"})).json()["calls"]
        ledger = (await client.get("/ledger")).json()
    assert mailbox.statuses == ORDINARY_CALL
    assert [call["call_status"] for call in calls] == ["completed"]
    assert [row["answer"] for row in ledger["create_requests"]] == ["held"]
    assert len(ledger["rings"]) == 1


async def test_08_is_answered_late_when_the_client_stays() -> None:
    async with a_simulator(hold_seconds=AN_INSTANT) as world:
        started = asyncio.get_running_loop().time()
        call_sid = await world.placed("08")
        assert asyncio.get_running_loop().time() - started >= AN_INSTANT
        assert (await world.look_up(call_sid))["call_status"] == "completed"


async def test_09_throttles_the_first_create_call_of_each_execution() -> None:
    async with a_simulator() as world:
        first = await world.create("09", execution_id="exec_1")
        second = await world.create("09", execution_id="exec_1")
        other = await world.create("09", execution_id="exec_2")
        await world.mailbox.holds(3)
        ledger = await world.ledger()
    assert [each.status_code for each in (first, second, other)] == [429, 201, 429]
    assert first.headers["Retry-After"] == "1"
    assert [row["answer"] for row in ledger["create_requests"]] == [429, 201, 429]
    assert [row["execution_id"] for row in ledger["rings"]] == ["exec_1"]


async def test_10_fails_without_a_call_every_time() -> None:
    async with a_simulator() as world:
        codes = [(await world.create("10")).status_code for _ in range(2)]
        found = (await world.client.get("/calls", params={"execution_id": "exec_1"})).json()
        ledger = await world.ledger()
    assert (codes, found, ledger["rings"]) == ([500, 500], {"calls": []}, [])
    assert [row["answer"] for row in ledger["create_requests"]] == [500, 500]


@pytest.mark.parametrize("seconds", [60.0, 5.0])
async def test_11_asks_to_be_called_again_on_the_contacts_first_call_only(seconds: float) -> None:
    now = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    async with a_simulator(clock=lambda: now, follow_up_seconds=seconds) as world:
        await world.placed("11", execution_id="exec_1")
        first = (await world.mailbox.holds(3))[-1].body
        await world.placed("11", execution_id="exec_2")
        second = (await world.mailbox.holds(6))[-1].body
    assert first["call_status"] == second["call_status"] == "completed"
    assert first["follow_up_at"] == (now + timedelta(seconds=seconds)).isoformat()
    assert "follow_up_at" not in second


async def test_11_asks_only_with_the_ending() -> None:
    async with a_simulator() as world:
        await world.placed("11")
        received = await world.mailbox.holds(3)
    assert ["follow_up_at" in each.body for each in received] == [False, False, True]


async def test_12_delivers_the_first_webhook_before_the_create_call_is_answered() -> None:
    async with a_simulator(ring_seconds=5) as world:
        await world.placed("12")
        assert world.mailbox.statuses == ["ringing"]


async def test_12_does_not_wait_for_a_webhook_nobody_wants() -> None:
    async with a_simulator() as world:
        await world.placed("12", status_callback_url=None)
        await world.ledger_at_rest()
    assert world.mailbox.tried == []


async def test_ringing_and_talking_take_their_time() -> None:
    async with a_simulator(ring_seconds=AN_INSTANT, talk_seconds=2 * AN_INSTANT) as world:
        await world.placed("99")
        received = await world.mailbox.holds(3)
    ringing, answered, completed = (datetime.fromisoformat(str(each.body["timestamp"])) for each in received)
    assert (answered - ringing).total_seconds() >= 0.9 * AN_INSTANT
    assert (completed - answered).total_seconds() >= 0.9 * 2 * AN_INSTANT


async def test_a_phone_nobody_answers_rings_twice_as_long_by_default() -> None:
    async with a_simulator(ring_seconds=AN_INSTANT) as world:
        await world.placed("02")
        ringing, ended = await world.mailbox.holds(2)
    rang = datetime.fromisoformat(str(ended.body["timestamp"])) - datetime.fromisoformat(
        str(ringing.body["timestamp"])
    )
    assert rang.total_seconds() >= 0.9 * 2 * AN_INSTANT


async def test_nobody_rings_longer_than_the_caller_asked_for() -> None:
    async with a_simulator(ring_seconds=30) as world:
        await world.placed("99", ring_timeout_seconds=AN_INSTANT)
        await world.mailbox.holds(2)
    assert world.mailbox.statuses == ["ringing", "no_answer"]


async def test_nobody_talks_longer_than_the_caller_asked_for() -> None:
    async with a_simulator(talk_seconds=30) as world:
        await world.placed("99", max_duration_seconds=AN_INSTANT)
        await world.mailbox.holds(3)
    assert world.mailbox.statuses == ORDINARY_CALL


async def test_an_early_webhook_of_12_that_is_refused_does_not_hold_the_answer_for_long() -> None:
    async with a_simulator(mailbox=Mailbox(422)) as world:
        await world.placed("12")
        ledger = await world.ledger()
    assert ledger["webhooks"]["given_up"] == 1
