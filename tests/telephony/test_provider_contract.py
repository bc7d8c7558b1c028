"""What every provider must do for the rest of Apollo, over its real wire.

A further adapter joins with one entry in `PROVIDERS`: how to open it against a simulator.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from domain.call import CallStatus, EventSource, has_ended
from domain.errors import ProviderUnavailable
from domain.identity import ExecutionId
from domain.ports import TelephonyProvider
from domain.telephony import Accepted, Ambiguous, HangUpResult, Misconfigured, Throttled, Unavailable
from telephony.rotary.client import RotaryProvider, RotarySettings
from tests.telephony.stage import (
    CALLBACK_URL,
    LedgerRows,
    Mailbox,
    a_request,
    a_served_simulator,
    eventually,
)

OpenProvider = Callable[[str, timedelta], RotaryProvider]


def open_rotary(base_url: str, dial_timeout: timedelta) -> RotaryProvider:
    return RotaryProvider(
        RotarySettings(
            base_url=base_url,
            api_key="key",
            status_callback_url=CALLBACK_URL,
            dial_timeout=dial_timeout,
            lookup_is_proof=True,
            name="simulator",
        )
    )


PROVIDERS = [pytest.param(open_rotary, id="rotary")]


@dataclass(frozen=True)
class Line:
    """A provider, and what its far end saw."""

    provider: TelephonyProvider
    base_url: str
    mailbox: Mailbox

    async def ledger(self) -> LedgerRows:
        async with httpx.AsyncClient(base_url=self.base_url) as client:
            rows: LedgerRows = (await client.get("/ledger")).json()
            return rows

    async def dialled(self, number: str) -> str:
        result = await self.provider.place_call(a_request(number))
        assert isinstance(result, Accepted), result
        return result.provider_call_id

    async def has_ended(self, call_id: str) -> CallStatus:
        async def look() -> CallStatus | None:
            event = await self.provider.get_call(call_id)
            return event.status if event is not None and has_ended(event.status) else None

        return await eventually(look)


@pytest.mark.parametrize("open_provider", PROVIDERS)
class TestTelephonyProvider:
    """The promises behind the port."""

    @asynccontextmanager
    async def line(
        self, open_provider: OpenProvider, *, dial_timeout: float = 5, **changes: object
    ) -> AsyncIterator[Line]:
        async with (
            a_served_simulator(**changes) as (base_url, mailbox),
            open_provider(base_url, timedelta(seconds=dial_timeout)) as provider,
        ):
            yield Line(provider, base_url, mailbox)

    async def test_a_dial_rings_once_and_is_reported(self, open_provider: OpenProvider) -> None:
        async with self.line(open_provider) as line:
            call_id = await line.dialled("99")
            await line.mailbox.holds(3)
            ledger = await line.ledger()
        assert [row["call_sid"] for row in ledger["rings"]] == [call_id]
        assert {each.body["execution_id"] for each in line.mailbox.taken} == {"exec_1"}
        assert {each.body["provider_call_id"] for each in line.mailbox.taken} == {call_id}

    async def test_a_call_can_be_looked_up_by_its_own_id(self, open_provider: OpenProvider) -> None:
        async with self.line(open_provider) as line:
            call_id = await line.dialled("99")
            await line.has_ended(call_id)
            event = await line.provider.get_call(call_id)
        assert event is not None
        assert (event.status, event.source, event.provider_call_id) == (
            CallStatus.COMPLETED,
            EventSource.POLL,
            call_id,
        )
        assert (event.sip_status, event.duration_seconds, event.hangup_by) == (200, 0, "callee")
        assert datetime.now(UTC) - event.happened_at < timedelta(seconds=5)

    async def test_a_call_can_be_looked_up_by_the_execution(self, open_provider: OpenProvider) -> None:
        async with self.line(open_provider) as line:
            call_id = await line.dialled("99")
            found = await line.provider.find_calls(ExecutionId("exec_1"), "+14155550199")
        assert [event.provider_call_id for event in found] == [call_id]

    @pytest.mark.parametrize(
        ("number", "status"),
        [
            ("01", CallStatus.BUSY),
            ("02", CallStatus.NO_ANSWER),
            ("03", CallStatus.FAILED),
            ("05", CallStatus.COMPLETED),
        ],
    )
    async def test_every_ending_is_found_by_asking(
        self, open_provider: OpenProvider, number: str, status: CallStatus
    ) -> None:
        async with self.line(open_provider) as line:
            assert await line.has_ended(await line.dialled(number)) is status

    async def test_a_wish_to_be_called_again_is_found_by_asking(self, open_provider: OpenProvider) -> None:
        async with self.line(open_provider) as line:
            call_id = await line.dialled("11")
            await line.has_ended(call_id)
            event = await line.provider.get_call(call_id)
        assert event is not None
        assert event.follow_up_at is not None
        assert event.follow_up_at - event.happened_at > timedelta(seconds=59)

    async def test_nobody_knows_a_call_that_was_never_placed(self, open_provider: OpenProvider) -> None:
        async with self.line(open_provider) as line:
            assert await line.provider.get_call("none") is None
            assert await line.provider.find_calls(ExecutionId("exec_1"), "+14155550199") == []

    async def test_a_throttled_dial_rang_nobody_and_may_be_asked_again(
        self, open_provider: OpenProvider
    ) -> None:
        async with self.line(open_provider) as line:
            first = await line.provider.place_call(a_request("09"))
            rings_before = (await line.ledger())["rings"]
            await line.dialled("09")
            ledger = await line.ledger()
        assert (first, rings_before) == (Throttled(timedelta(seconds=1)), [])
        assert len(ledger["rings"]) == 1

    async def test_a_dial_without_an_answer_is_ambiguous_and_found_by_the_execution(
        self, open_provider: OpenProvider
    ) -> None:
        async with self.line(open_provider, dial_timeout=0.1, hold_seconds=30) as line:
            result = await line.provider.place_call(a_request("08"))
            found = await line.provider.find_calls(ExecutionId("exec_1"), "+14155550108")
            ledger = await line.ledger()
        assert result == Ambiguous("no answer to the dial: ReadTimeout")
        assert [event.provider_call_id for event in found] == [ledger["rings"][0]["call_sid"]]
        assert len(ledger["rings"]) == 1

    async def test_a_dial_answered_with_an_error_is_ambiguous_and_not_found(
        self, open_provider: OpenProvider
    ) -> None:
        async with self.line(open_provider) as line:
            result = await line.provider.place_call(a_request("10"))
            found = await line.provider.find_calls(ExecutionId("exec_1"), "+14155550110")
        assert (result, found) == (Ambiguous("provider answered 500"), [])

    async def test_the_same_dial_again_finds_the_call_and_rings_nobody(
        self, open_provider: OpenProvider
    ) -> None:
        async with self.line(open_provider) as line:
            call_id = await line.dialled("99")
            again = await line.provider.place_call(a_request("99"))
            ledger = await line.ledger()
        assert again == Accepted(call_id)
        assert len(ledger["rings"]) == 1

    async def test_a_wrong_key_is_a_matter_for_a_person(self, open_provider: OpenProvider) -> None:
        async with self.line(open_provider, api_key="another") as line:
            result = await line.provider.place_call(a_request("99"))
            ledger = await line.ledger()
        assert (result, ledger["create_requests"]) == (Misconfigured("provider answered 401"), [])

    async def test_a_provider_that_is_down_was_not_asked(self, open_provider: OpenProvider) -> None:
        async with self.line(open_provider) as line:
            base_url = line.base_url
        async with open_provider(base_url, timedelta(seconds=1)) as provider:
            assert await provider.place_call(a_request()) == Unavailable("provider not reached: ConnectError")
            assert await provider.hang_up("none") is HangUpResult.UNREACHABLE
            with pytest.raises(ProviderUnavailable):
                await provider.get_call("none")
            with pytest.raises(ProviderUnavailable):
                await provider.find_calls(ExecutionId("exec_1"), "+14155550199")

    async def test_a_ringing_call_is_hung_up_unanswered(self, open_provider: OpenProvider) -> None:
        async with self.line(open_provider, ring_seconds=30) as line:
            call_id = await line.dialled("99")
            assert await line.provider.hang_up(call_id) is HangUpResult.ACCEPTED
            assert await line.has_ended(call_id) is CallStatus.NO_ANSWER
            assert await line.provider.hang_up(call_id) is HangUpResult.WRONG_STATE

    async def test_an_answered_call_is_hung_up_by_us(self, open_provider: OpenProvider) -> None:
        async with self.line(open_provider, talk_seconds=30) as line:
            call_id = await line.dialled("99")
            await line.mailbox.holds(2)
            assert await line.provider.hang_up(call_id) is HangUpResult.ACCEPTED
            await line.has_ended(call_id)
            event = await line.provider.get_call(call_id)
        assert event is not None
        assert (event.status, event.hangup_by) == (CallStatus.COMPLETED, "assistant")

    async def test_an_unknown_call_is_gone(self, open_provider: OpenProvider) -> None:
        async with self.line(open_provider) as line:
            assert await line.provider.hang_up("none") is HangUpResult.GONE

    async def test_many_dials_at_once_ring_once_each(self, open_provider: OpenProvider) -> None:
        async with self.line(open_provider) as line:
            requests = [a_request("99", f"exec_{number}") for number in range(50)]
            results = await asyncio.gather(*[line.provider.place_call(each) for each in requests])
            await line.mailbox.holds(150)
            ledger = await line.ledger()
        call_ids = [result.provider_call_id for result in results if isinstance(result, Accepted)]
        assert len(set(call_ids)) == 50
        assert {row["call_sid"] for row in ledger["rings"]} == set(call_ids)

    async def test_it_says_who_it_is(self, open_provider: OpenProvider) -> None:
        async with self.line(open_provider) as line:
            assert (line.provider.name, line.provider.lookup_is_proof) == ("simulator", True)
