"""Batches whose calls are SIP calls: every ending is one that a phone on the far end chose."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from console.api_client import JsonObject
from settings import ProviderName
from tests.e2e.scenes import a_batch, a_campaign
from tests.e2e.world import World, a_plan, a_world
from tests.sip.loop import NUMBER, SECRET, PhoneLoop, a_phone_loop, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(120)]

ANSWERS, BUSY, NEVER_ANSWERS, HARD_TO_REACH, UNAVAILABLE, DECLINES, TALKS_ON, TALKS_ON_TOO = (
    f"+14155550{ending}" for ending in ("155", "101", "102", "103", "180", "106", "157", "257")
)
"""What a phone does is told by its last two digits, in `people.xml`."""
RING_SECONDS = 5
SILENCE_SECONDS = 60
"""Until Apollo would ask by itself: within it, whatever is known came by callback."""

Ending = tuple[object, object, object]
ENDINGS: dict[str, tuple[str, list[Ending]]] = {
    # contact status; of each call: status, SIP status, why or by whom it ended
    ANSWERS: ("completed", [("completed", 200, "callee")]),
    BUSY: ("max_retries_reached", [("busy", 486, "Busy Here")] * 2),
    NEVER_ANSWERS: ("max_retries_reached", [("no_answer", None, "ring timeout")] * 2),
    UNAVAILABLE: ("max_retries_reached", [("failed", 480, "Temporarily Unavailable")] * 2),
    DECLINES: ("max_retries_reached", [("busy", 603, "Decline")] * 2),
}


@pytest.fixture
def loop() -> Iterator[PhoneLoop]:
    with a_phone_loop() as running:
        yield running


@pytest.fixture
def world(loop: PhoneLoop) -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="apollo-e2e-")).resolve()
    try:
        plan = a_plan(folder)
        told = {
            "APOLLO_ROTARY_BASE_URL": loop.base_url,
            "APOLLO_WEBHOOK_SECRET": SECRET,
            "APOLLO_RING_TIMEOUT_SECONDS": str(RING_SECONDS),
            "APOLLO_WEBHOOK_SILENCE_SECONDS": str(SILENCE_SECONDS),
            "APOLLO_DIAL_TIMEOUT_SECONDS": "5",
        }
        settings = plan.settings.model_copy(update={"provider": ProviderName.ROTARY})
        with a_world(replace(plan, settings=settings, environment={**plan.environment, **told})) as opened:
            yield opened
    finally:
        shutil.rmtree(folder)


def order(execution_id: str, number: str, *, max_seconds: int = 60) -> JsonObject:
    return {
        "execution_id": execution_id,
        "from": NUMBER,
        "to": number,
        "ring_timeout_seconds": 60,
        "max_duration_seconds": max_seconds,
        "status_callback_url": "http://127.0.0.1:9/nobody",
    }


def place(client: httpx.Client, wanted: JsonObject) -> str:
    answer = client.post("/calls", json=wanted)
    assert answer.status_code == 201
    return f"/calls/{answer.json()['call_sid']}"


def story(contact: JsonObject) -> tuple[object, list[Ending]]:
    records = contact["call_records"]
    assert isinstance(records, list)
    return contact["status"], [
        (each["call_status"], each["sip_status"], each["hangup_reason"] or each["hangup_by"])
        for each in records
    ]


def test_batch_of_five_people_ends_as_their_phones_answered_with_one_invite_per_attempt(
    world: World, loop: PhoneLoop
) -> None:
    started = time.monotonic()
    batch_id = world.call_everybody(list(ENDINGS), limit=5)
    world.wait_for_end(batch_id)

    assert time.monotonic() - started < SILENCE_SECONDS
    contacts = world.contacts(batch_id)
    assert {each["phone_number"]: story(each) for each in contacts} == ENDINGS
    attempts = {number: len(calls) for number, (_, calls) in ENDINGS.items()}
    assert loop.far_end.requests("INVITE") == attempts
    assert loop.far_end.requests("CANCEL") == {NEVER_ANSWERS: 2}
    assert loop.far_end.requests("BYE") == {}
    assert loop.far_end.callers() == {NUMBER}
    assert loop.far_end.complaints() == ""


def test_cancelled_batch_takes_back_who_does_not_ring_yet_lets_who_rings_ring_out_and_dials_nobody(
    world: World, loop: PhoneLoop
) -> None:
    people = [NEVER_ANSWERS, HARD_TO_REACH, ANSWERS]
    campaign_id = a_campaign(world, retry_policy={"max_retries": 1, "cooldown_minutes": 0.02})
    batch_id = a_batch(world, campaign_id, people, concurrency_limit=2)
    world.wait_for(lambda: world.counters(batch_id)[0]["in_flight"] == 1, 20)
    world.wait_for(lambda: loop.far_end.requests("INVITE").total() == 2, 2)

    world.api.act("batches", batch_id, "cancel")
    world.wait_for(lambda: world.running_workflows(f"BatchId='{batch_id}'") == 0, 20)
    world.wait_for(lambda: loop.far_end.requests("CANCEL").total() == 2, 5)

    assert {each["phone_number"]: story(each) for each in world.contacts(batch_id)} == {
        NEVER_ANSWERS: ("no_answer", [("no_answer", None, "ring timeout")]),
        HARD_TO_REACH: ("skipped", [("no_answer", None, "cancelled")]),
        ANSWERS: ("skipped", []),
    }
    assert loop.far_end.requests("INVITE") == {NEVER_ANSWERS: 1, HARD_TO_REACH: 1}
    assert loop.far_end.complaints() == ""


def test_hang_up_cancels_a_ringing_phone_and_says_bye_to_an_answered_one(loop: PhoneLoop) -> None:
    with httpx.Client(base_url=loop.base_url, trust_env=False) as client:
        ringing = place(client, order("exec_1", NEVER_ANSWERS))
        talking = place(client, order("exec_2", TALKS_ON))
        limited = place(client, order("exec_3", TALKS_ON_TOO, max_seconds=1))
        wait_for(lambda: client.get(ringing).json()["call_status"] == "ringing")
        wait_for(lambda: client.get(talking).json()["call_status"] == "answered")

        answers = [client.delete(each).status_code for each in (ringing, talking)]
        wait_for(lambda: client.get(ringing).json()["call_status"] == "canceled")
        for call in (talking, limited):
            wait_for(lambda call=call: client.get(call).json()["call_status"] == "completed")  # type: ignore[misc]

        assert answers == [202, 202]
        assert client.delete(talking).status_code == 409
    wait_for(lambda: loop.far_end.requests("ACK").total() == 3)
    assert loop.far_end.requests("CANCEL") == {NEVER_ANSWERS: 1}
    assert loop.far_end.requests("BYE") == {TALKS_ON: 1, TALKS_ON_TOO: 1}
    assert loop.far_end.complaints() == ""


def test_known_execution_id_rings_nobody_again(loop: PhoneLoop) -> None:
    with httpx.Client(base_url=loop.base_url, trust_env=False) as client:
        placed = place(client, order("exec_1", BUSY))
        wait_for(lambda: client.get(placed).json()["call_status"] == "busy")

        repeated = client.post("/calls", json=order("exec_1", BUSY))
        found = client.get("/calls", params={"execution_id": "exec_1"}).json()["calls"]

    assert repeated.status_code == 409
    assert [(each["call_status"], each["sip_status"]) for each in found] == [("busy", 486)]
    assert loop.far_end.requests("INVITE") == {BUSY: 1}
