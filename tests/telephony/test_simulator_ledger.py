"""The ledger, and what the simulator remembers: the oracle for *a phone rings at most once*."""

from datetime import UTC, datetime

import pytest

from tests.telephony.world import World, a_simulator, webhooks

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


async def test_a_call_leaves_one_request_and_one_ring() -> None:
    async with a_simulator(clock=lambda: NOW) as world:
        call_sid = await world.placed("99")
        await world.mailbox.holds(3)
        ledger = await world.ledger()
    assert ledger == {
        "create_requests": [
            {
                "at": NOW.isoformat(),
                "execution_id": "exec_1",
                "batch_id": "btc_1",
                "contact_id": "con_1",
                "from": "+14155550181",
                "to": "+14155550199",
                "answer": 201,
            }
        ],
        "rings": [
            {
                "at": NOW.isoformat(),
                "execution_id": "exec_1",
                "to": "+14155550199",
                "from": "+14155550181",
                "call_sid": call_sid,
                "ended_at": NOW.isoformat(),
                "verbs": [],
                "webhook_fault": None,
            }
        ],
        "peak_live": 1,
        "live": 0,
        "webhooks": webhooks(sent=3),
    }


async def test_the_same_execution_twice_rings_once() -> None:
    async with a_simulator() as world:
        codes = [(await world.create("99")).status_code for _ in range(2)]
        ledger = await world.ledger_at_rest()
        again = await world.create("99")
        later = await world.ledger_at_rest()
    assert codes == [201, 409]
    assert again.status_code == 409
    assert [row["answer"] for row in later["create_requests"]] == [201, 409, 409]
    assert len(ledger["rings"]) == len(later["rings"]) == 1


async def test_execution_that_was_looked_up_in_vain_is_never_dialled_afterwards() -> None:
    """Who asked counts on it: a create call that was long under way may arrive after the look-up."""
    async with a_simulator() as world:
        looked_up = await world.client.get("/calls", params={"execution_id": "exec_1"})
        late = await world.create("99", execution_id="exec_1")
        ledger = await world.ledger_at_rest()
    assert looked_up.json() == {"calls": []}
    assert late.status_code == 409
    assert ledger["rings"] == []


async def test_without_dedupe_the_same_execution_twice_rings_twice() -> None:
    async with a_simulator(dedupe=False) as world:
        call_sids = [await world.placed("99") for _ in range(2)]
        ledger = await world.ledger_at_rest()
        found = (await world.client.get("/calls", params={"execution_id": "exec_1"})).json()["calls"]
    assert [row["call_sid"] for row in ledger["rings"]] == call_sids
    assert [call["call_sid"] for call in found] == call_sids


async def place(world: World, *execution_ids: str) -> list[str]:
    return [await world.placed("99", execution_id=each) for each in execution_ids]


async def test_the_peak_counts_calls_from_their_acceptance_to_their_end() -> None:
    async with a_simulator(ring_seconds=30) as world:
        first, *_ = await place(world, "exec_1", "exec_2", "exec_3")
        await world.client.delete(f"/calls/{first}")
        await place(world, "exec_4")
        ledger = await world.ledger()
    assert (ledger["live"], ledger["peak_live"]) == (3, 3)
    ended = [row["ended_at"] is not None for row in ledger["rings"]]
    assert ended == [True, False, False, False]


async def test_calls_one_after_the_other_never_overlap() -> None:
    async with a_simulator() as world:
        for number in range(5):
            await world.placed("99", execution_id=f"exec_{number}")
            await world.ledger_at_rest()
        ledger = await world.ledger()
    assert (ledger["peak_live"], len(ledger["rings"])) == (1, 5)


async def test_an_emptied_ledger_forgets_all_but_the_live_calls() -> None:
    async with a_simulator(ring_seconds=30) as world:
        first, second = await place(world, "exec_1", "exec_2")
        await world.mailbox.holds(2)
        await world.client.delete(f"/calls/{first}")
        await world.mailbox.holds(3)
        emptied = await world.client.delete("/ledger")
        ledger = await world.ledger()
        still_there = await world.look_up(second)
    assert emptied.status_code == 204
    assert ledger == {
        "create_requests": [],
        "rings": [],
        "peak_live": 1,
        "live": 1,
        "webhooks": webhooks(),
    }
    assert still_there["call_status"] == "ringing"


async def test_an_execution_stays_known_when_the_ledger_is_emptied() -> None:
    async with a_simulator() as world:
        await world.placed("99")
        await world.client.delete("/ledger")
        assert (await world.create("99")).status_code == 409


async def test_a_request_that_names_nobody_is_refused_and_not_written_down() -> None:
    async with a_simulator() as world:
        codes = [
            (await world.client.post("/calls", content=content)).status_code
            for content in (b"", b"{", b"[]", b"{}", b'{"execution_id":"exec_1","from":"+14155550181"}')
        ]
        ledger = await world.ledger()
    assert codes == [400] * 5
    assert ledger["create_requests"] == []


async def test_beyond_its_memory_the_oldest_ended_call_is_forgotten_and_a_live_one_kept() -> None:
    async with a_simulator(memory_limit=2, no_answer_seconds=30) as world:
        live = await world.placed("02", execution_id="exec_live")
        first = await world.placed("01", execution_id="exec_1")
        await world.stands_at(first, "busy")
        second = await world.placed("99", execution_id="exec_2")
        codes = {
            call: (await world.client.get(f"/calls/{call}")).status_code for call in (live, first, second)
        }
        ledger = await world.ledger()
        forgotten = (await world.client.get("/calls", params={"execution_id": "exec_1"})).json()
    assert codes == {live: 200, first: 404, second: 200}
    assert forgotten == {"calls": []}
    assert [row["execution_id"] for row in ledger["rings"]] == ["exec_1", "exec_2"]


async def test_beyond_its_memory_the_contact_seen_longest_ago_counts_as_new() -> None:
    async with a_simulator(memory_limit=2) as world:
        for number, contact in enumerate(["con_1", "con_2", "con_3", "con_1"]):
            await world.placed("04", execution_id=f"exec_{number}", contact_id=contact)
        await world.ledger_at_rest()
        received = await world.mailbox.holds(4)
    assert {each.body["call_status"] for each in received} == {"busy"}


@pytest.mark.parametrize(
    ("key", "code"), [("Bearer right", 200), ("Bearer wrong", 401), ("right", 401), ("", 401), (None, 401)]
)
async def test_a_simulator_with_a_key_opens_to_that_key_only(key: str | None, code: int) -> None:
    async with a_simulator(api_key="right") as world:
        headers = {} if key is None else {"Authorization": key}
        response = await world.client.get("/calls", params={"execution_id": "exec_1"}, headers=headers)
        member = await world.client.get("/calls/none", headers=headers)
    assert (response.status_code, member.status_code) == (code, 404 if code == 200 else 401)


async def test_health_needs_no_key() -> None:
    async with a_simulator(api_key="right") as world:
        response = await world.client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_a_list_needs_an_execution() -> None:
    async with a_simulator() as world:
        assert (await world.client.get("/calls")).status_code == 400
