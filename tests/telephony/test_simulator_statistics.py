"""The simulator's figures of an account in Jambonz' words: live calls, and detail records of ended ones."""

import httpx
import pytest

from tests.telephony.world import World, a_simulator

ACCOUNT = "/v1/Accounts/acc-1"
A_PAGE = {"page": 1, "count": 25, "days": 2}


async def placed(world: World, number: str = "99", account: str = ACCOUNT) -> str:
    body = {"from": "14155550181", "to": {"type": "phone", "number": f"141555501{number}"}}
    response = await world.client.post(f"{account}/Calls", json=body)
    assert response.status_code == 201, response.text
    sid: str = response.json()["sid"]
    return sid


async def recent(world: World, **query: object) -> httpx.Response:
    params = {name: str(value) for name, value in {**A_PAGE, **query}.items()}
    return await world.client.get(f"{ACCOUNT}/RecentCalls", params=params)


async def test_live_calls_of_the_account_are_counted() -> None:
    async with a_simulator(talk_seconds=30) as world:
        await placed(world)
        await placed(world)
        await placed(world, account="/v1/Accounts/acc-2")
        count = (await world.client.get(f"{ACCOUNT}/CallCount")).json()
    assert count == {"inbound": 0, "outbound": 2}


async def test_ended_calls_are_not_counted_and_have_a_detail_record() -> None:
    async with a_simulator() as world:
        sid = await placed(world)
        await world.ledger_at_rest()
        count = (await world.client.get(f"{ACCOUNT}/CallCount")).json()
        answer = (await recent(world, filter=sid)).json()
    [row] = answer.pop("data")
    assert count == {"inbound": 0, "outbound": 0}
    assert answer == {"total": 1, "page_size": "25", "page": "1"}
    assert row["attempted_at"] <= row["answered_at"] <= row["terminated_at"]
    told = {name: value for name, value in row.items() if not name.endswith("_at")}
    assert told == {
        "call_sid": sid,
        "direction": "outbound",
        "from": "14155550181",
        "to": "14155550199",
        "answered": True,
        "sip_status": 200,
        "duration": 0,
        "trunk": "simulator",
    }


@pytest.mark.parametrize(("number", "sip_status"), [("01", 486), ("02", 487), ("03", 503)])
async def test_an_unanswered_call_has_a_detail_record_too(number: str, sip_status: int) -> None:
    async with a_simulator() as world:
        await placed(world, number)
        await world.ledger_at_rest()
        [row] = (await recent(world)).json()["data"]
    assert (row["answered"], row["answered_at"], row["sip_status"], row["duration"]) == (
        False,
        None,
        sip_status,
        0,
    )


async def test_a_live_call_has_no_detail_record() -> None:
    async with a_simulator(talk_seconds=30) as world:
        await placed(world)
        assert (await recent(world)).json()["data"] == []


async def test_a_detail_record_outlives_the_record() -> None:
    async with a_simulator() as world:
        sid = await placed(world)
        await world.ledger_at_rest()
        await world.client.delete(f"{ACCOUNT}/Calls/{sid}")
        rows = (await recent(world, filter=sid)).json()["data"]
    assert [row["call_sid"] for row in rows] == [sid]


async def test_recent_calls_are_filtered_and_come_newest_first_in_pages() -> None:
    async with a_simulator() as world:
        sids = [await placed(world, f"{number}") for number in range(50, 80)]
        await world.ledger_at_rest()
        pages = [(await recent(world, page=page)).json() for page in (1, 2, 3)]
        by_number = (await recent(world, filter="5550151")).json()["data"]
    listed = [[row["call_sid"] for row in page["data"]] for page in pages]
    assert listed == [sids[:4:-1], sids[4::-1], []]
    assert {page["total"] for page in pages} == {30}
    assert [row["call_sid"] for row in by_number] == [sids[1]]


@pytest.mark.parametrize(
    ("query", "named"),
    [({"page": 0}, "page"), ({"page": "x"}, "page"), ({"count": 24}, "count"), ({"count": 501}, "count")],
)
async def test_a_page_there_cannot_be_is_refused(query: dict[str, object], named: str) -> None:
    async with a_simulator() as world:
        answer = await recent(world, **query)
    assert (answer.status_code, answer.json()) == (400, {"msg": f'missing or invalid "{named}" query arg'})


async def test_figures_are_told_to_those_with_the_key_only() -> None:
    async with a_simulator(api_key="right") as world:
        answers = [await world.client.get(f"{ACCOUNT}/CallCount"), await recent(world)]
    assert [(each.status_code, each.text) for each in answers] == [(401, "Unauthorized")] * 2
