"""Others call the same people from the same account: what they placed is never taken for ours."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from domain.errors import ProviderUnavailable
from domain.telephony import CLOCK_TOLERANCE
from tests.telephony import rotary_replies
from tests.telephony.jambonz_server import (
    BARE_ERROR,
    NOW,
    TOO_MANY,
    JambonzServer,
    a_detail_record,
    a_provider,
    a_record,
)
from tests.telephony.world import a_search

ASKED_AT = NOW - timedelta(seconds=40)
OURS, ANOTHERS = {"attempt_id": "exec_1"}, {"attempt_id": "exec_other"}


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def a_row(began_at: datetime | None, **fields: object) -> dict[str, object]:
    return a_detail_record(attempted_at=None if began_at is None else began_at.isoformat(), **fields)


async def found(server: JambonzServer, **changes: object) -> Sequence[str | None]:
    async with a_provider(server, **changes) as provider:
        calls = await provider.find_calls(a_search(asked_at=ASKED_AT))
    return [call.provider_call_id for call in calls]


@pytest.mark.parametrize(
    ("fields", "is_ours"),
    [
        pytest.param({}, True, id="caller and application are ours"),
        pytest.param({"from": "+14155550181"}, True, id="caller, with a plus"),
        pytest.param({"from": "14155550100"}, False, id="another caller"),
        pytest.param({"from": None}, False, id="no caller"),
        pytest.param({"from": "anonymous"}, False, id="caller without a number"),
        pytest.param({"application_sid": "a" * 36}, False, id="another application"),
        pytest.param({"application_sid": None}, False, id="no application"),
        pytest.param({"customerData": OURS}, True, id="our own tag"),
        pytest.param({"customerData": ANOTHERS}, False, id="another attempt's tag"),
        pytest.param({"tag": ANOTHERS}, False, id="another attempt's tag, by its other name"),
        pytest.param({"customerData": {"lead": 7}}, True, id="a tag that names no attempt"),
    ],
)
async def test_live_call_is_ours_only_when_it_was_placed_as_ours_are(
    fields: dict[str, object], is_ours: bool
) -> None:
    assert bool(await found(JambonzServer(records=[a_record() | fields]))) is is_ours


async def test_call_without_an_application_is_ours_where_we_run_none() -> None:
    server = JambonzServer(
        records=[a_record(call_sid="CA-1"), a_record(call_sid="CA-2", application_sid=None)]
    )

    hook = {"application_sid": None, "call_hook": "https://agent.test/call"}
    assert await found(server, **hook) == ["CA-2"]


@pytest.mark.parametrize(
    ("rows", "is_ours"),
    [
        pytest.param([a_row(ASKED_AT + seconds(1))], True, id="began after we asked"),
        pytest.param([a_row(ASKED_AT - CLOCK_TOLERANCE)], True, id="clocks may differ so much"),
        pytest.param([a_row(ASKED_AT - CLOCK_TOLERANCE - seconds(1))], False, id="and no more"),
        pytest.param([a_row(ASKED_AT - timedelta(hours=3))], False, id="hours ago"),
        pytest.param(
            [a_row(ASKED_AT - timedelta(hours=3)), a_row(ASKED_AT + seconds(1))],
            False,
            id="a redial of an old call",
        ),
        pytest.param([], False, id="no record of it yet"),
        pytest.param([a_row(None)], False, id="a record without a time"),
        pytest.param([a_row(ASKED_AT, call_sid="CA-2")], False, id="a record of another call"),
    ],
)
async def test_call_that_is_over_is_ours_only_when_it_began_after_we_asked(
    rows: list[dict[str, object]], is_ours: bool
) -> None:
    server = JambonzServer(records=[a_record("completed", 200)], detail_records=rows)

    assert bool(await found(server)) is is_ours
    assert server.asked == ["GET Calls", "GET RecentCalls"]
    assert dict(server.requests[1].url.params) == {
        "page": "1",
        "count": "100",
        "days": "2",
        "filter": "14155550199",
    }


async def test_records_that_cannot_be_read_leave_only_calls_that_live() -> None:
    ended, live = a_record("completed", 200, call_sid="CA-1"), a_record(call_sid="CA-2")
    server = JambonzServer(records=[ended, live], answers={"GET RecentCalls": [BARE_ERROR]})

    assert await found(server) == ["CA-2"]


async def test_records_that_were_not_asked_for_are_asked_for_later() -> None:
    server = JambonzServer(records=[a_record("completed", 200)], answers={"GET RecentCalls": [TOO_MANY]})

    with pytest.raises(ProviderUnavailable):
        await found(server)


async def test_records_are_not_asked_for_where_no_call_is_over() -> None:
    server = JambonzServer(records=[a_record(), a_record("completed", 200, **{"from": "14155550100"})])

    assert len(await found(server)) == 1
    assert server.asked == ["GET Calls"]


A_NAMELESS_CALL = {
    "call_sid": "CA-1",
    "from": "+14155550181",
    "to": "+14155550199",
    "call_status": "completed",
    "timestamp": ASKED_AT.isoformat(),
}


@pytest.mark.parametrize(
    ("changes", "is_ours"),
    [
        pytest.param({}, True, id="between our numbers, after we asked"),
        pytest.param({"from": "14155550181"}, True, id="caller without a plus"),
        pytest.param({"from": "+14155550100"}, False, id="another caller"),
        pytest.param({"from": None}, True, id="no caller listed"),
        pytest.param({"to": "14155550199"}, True, id="callee without a plus"),
        pytest.param({"to": "+14155550100"}, False, id="another callee"),
        pytest.param({"timestamp": None}, True, id="no time listed"),
        pytest.param(
            {"timestamp": (ASKED_AT - CLOCK_TOLERANCE).isoformat()}, True, id="clocks may differ so much"
        ),
        pytest.param(
            {"timestamp": (ASKED_AT - CLOCK_TOLERANCE - seconds(1)).isoformat()}, False, id="and no more"
        ),
        pytest.param({"execution_id": "exec_other"}, False, id="another attempt"),
        pytest.param(
            {"execution_id": "exec_1", "from": "+14155550100", "timestamp": "2026-01-01T00:00:00Z"},
            True,
            id="our own id, whatever else is told",
        ),
    ],
)
async def test_neutral_call_is_ours_by_its_id_or_by_numbers_and_time(
    changes: dict[str, object], is_ours: bool
) -> None:
    answer = rotary_replies.answering(200, json=[{**A_NAMELESS_CALL, **changes}])
    async with rotary_replies.a_provider(answer) as provider:
        calls = await provider.find_calls(a_search(asked_at=ASKED_AT))

    assert bool(calls) is is_ours
