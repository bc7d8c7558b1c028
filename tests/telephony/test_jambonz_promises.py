"""The promises of every provider that Jambonz can make, against a far end in its recorded shapes."""

from datetime import timedelta

import pytest

from domain.call import CallStatus
from domain.telephony import Accepted, HangUpResult, Misconfigured, Throttled
from tests.telephony.jambonz_server import (
    CALL_SID,
    TOO_MANY,
    JambonzServer,
    a_detail_record,
    a_provider,
    a_record,
)
from tests.telephony.world import a_request, a_search


async def test_a_call_can_be_looked_up_by_its_own_id() -> None:
    async with a_provider() as provider:
        assert await provider.place_call(a_request()) == Accepted(CALL_SID)
        event = await provider.get_call(CALL_SID)
    assert event is not None
    assert (event.status, event.provider_call_id) == (CallStatus.QUEUED, CALL_SID)


@pytest.mark.parametrize("strip_plus", [False, True])
async def test_a_call_is_found_by_its_number_however_that_went_out(strip_plus: bool) -> None:
    server = JambonzServer()
    async with a_provider(server, strip_plus=strip_plus) as provider:
        await provider.place_call(a_request("99"))
        found = await provider.find_calls(a_search("+14155550199"))
        elsewhere = await provider.find_calls(a_search("+14155550198"))
    assert [event.provider_call_id for event in found] == [CALL_SID]
    assert elsewhere == []


async def test_nobody_knows_a_call_that_was_never_placed() -> None:
    async with a_provider() as provider:
        assert await provider.get_call("none") is None
        assert await provider.find_calls(a_search("+14155550199")) == []
        assert await provider.hang_up("none") is HangUpResult.GONE


async def test_the_same_dial_again_rings_again() -> None:
    server = JambonzServer()
    async with a_provider(server) as provider:
        results = [await provider.place_call(a_request()) for _ in range(2)]
    assert results == [Accepted(str(record["call_sid"])) for record in server.records]
    assert len(server.records) == 2


async def test_a_throttled_dial_rang_nobody_and_may_be_asked_again() -> None:
    server = JambonzServer(answers={"POST Calls": [TOO_MANY]})
    async with a_provider(server) as provider:
        assert await provider.place_call(a_request()) == Throttled(timedelta(seconds=17))
        assert server.records == []
        assert await provider.place_call(a_request()) == Accepted(CALL_SID)


async def test_a_wrong_key_is_a_matter_for_a_person_and_shows_nothing() -> None:
    server = JambonzServer()
    async with a_provider(server, api_key="another-key") as provider:
        result = await provider.place_call(a_request())
        assert await provider.check_health() is not None
    assert (result, server.records) == (Misconfigured("provider answered 401: Unauthorized"), [])


@pytest.mark.parametrize(
    ("record", "ending"),
    [
        pytest.param(a_record("ringing", 180), CallStatus.NO_ANSWER, id="ringing"),
        pytest.param(a_record("in-progress", 200), CallStatus.COMPLETED, id="answered"),
    ],
)
async def test_a_live_call_is_hung_up_once(record: dict[str, object], ending: CallStatus) -> None:
    async with a_provider(JambonzServer(records=[record.copy()])) as provider:
        assert await provider.hang_up(CALL_SID) is HangUpResult.ACCEPTED
        event = await provider.get_call(CALL_SID)
        assert event is not None
        assert event.status is ending
        assert await provider.hang_up(CALL_SID) is HangUpResult.GONE


async def test_an_ending_is_known_after_the_call_was_forgotten() -> None:
    async with a_provider(JambonzServer(detail_records=[a_detail_record()])) as provider:
        event = await provider.get_call(CALL_SID)
    assert event is not None
    assert (event.status, event.duration_seconds) == (CallStatus.COMPLETED, 31)


async def test_it_is_well_while_it_answers() -> None:
    server = JambonzServer()
    async with a_provider(server) as provider:
        assert await provider.check_health() is None
    assert server.records == []
