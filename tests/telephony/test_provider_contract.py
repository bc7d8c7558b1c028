"""What every provider must do for the rest of Apollo, over its real wire.

A further adapter joins with one entry in `PROVIDERS`: how to open it against a simulator, and where its
contract can promise less than the neutral one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.types import ASGIApp

from domain.call import CallStatus, EventSource, has_ended
from domain.errors import ProviderUnavailable
from domain.ports import TelephonyProvider
from domain.telephony import Accepted, Ambiguous, HangUpResult, Misconfigured, Throttled, Unavailable
from telephony.jambonz.client import JambonzProvider
from telephony.jambonz.settings import JambonzSettings
from telephony.provider_settings import ProviderOptions
from telephony.rotary.client import RotaryProvider
from telephony.rotary.settings import RotarySettings
from telephony.status_words import BUILT_IN_WORDS
from telephony.webhook import webhook_translator
from tests.telephony.rotary_server import SpokenOtherwise, open_other_rotary
from tests.telephony.world import (
    CALLBACK_URL,
    LedgerRows,
    Mailbox,
    a_request,
    a_search,
    a_served_simulator,
    eventually,
)

pytestmark = pytest.mark.process

OpenProvider = Callable[[str, timedelta], RotaryProvider | JambonzProvider]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """How to open a provider against a simulator, and what its contract allows it to promise."""

    open: OpenProvider
    behind: Callable[[ASGIApp], ASGIApp] = lambda simulator: simulator
    """Translates for the simulator."""
    name: str = "simulator"
    lookup_is_proof: bool = True
    is_searched_by_number: bool = False
    """A search finds every call to the number, whichever attempt it belongs to."""
    knows_a_repeated_dial: bool = True
    tells_wishes_to_be_called_again: bool = True
    hanging_up_again: HangUpResult = HangUpResult.WRONG_STATE
    """What comes of ending a call that is over."""


def open_rotary(base_url: str, dial_timeout: timedelta) -> RotaryProvider:
    return RotaryProvider(
        RotarySettings.model_validate({"base_url": base_url, "api_key": "key", "lookup_is_proof": True}),
        ProviderOptions(name="simulator", status_callback_url=CALLBACK_URL, dial_timeout=dial_timeout),
    )


def open_jambonz(base_url: str, dial_timeout: timedelta) -> JambonzProvider:
    account = {"account_sid": "acc-1", "api_key": "key", "application_sid": "a" * 36}
    return JambonzProvider(
        JambonzSettings.model_validate({"base_url": base_url, **account}),
        ProviderOptions(name="jambonz", status_callback_url=CALLBACK_URL, dial_timeout=dial_timeout),
    )


PROVIDERS = [
    pytest.param(Candidate(open=open_rotary), id="rotary"),
    pytest.param(
        Candidate(open=open_other_rotary, behind=SpokenOtherwise, name="rotary"),
        id="rotary, spoken otherwise",
    ),
    pytest.param(
        Candidate(
            open=open_jambonz,
            name="jambonz",
            lookup_is_proof=False,
            is_searched_by_number=True,
            knows_a_repeated_dial=False,
            tells_wishes_to_be_called_again=False,
            hanging_up_again=HangUpResult.GONE,
        ),
        id="jambonz",
    ),
]


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

    async def is_answered(self, call_id: str) -> None:
        async def look() -> bool | None:
            event = await self.provider.get_call(call_id)
            return (event is not None and event.status is CallStatus.IN_PROGRESS) or None

        await eventually(look)

    async def has_ended(self, call_id: str) -> CallStatus:
        async def look() -> CallStatus | None:
            event = await self.provider.get_call(call_id)
            return event.status if event is not None and has_ended(event.status) else None

        return await eventually(look)


@pytest.mark.parametrize("candidate", PROVIDERS)
class TestTelephonyProvider:
    """The promises behind the port."""

    @asynccontextmanager
    async def line(
        self, candidate: Candidate, *, dial_timeout: float = 5, **changes: object
    ) -> AsyncIterator[Line]:
        async with (
            a_served_simulator(behind=candidate.behind, **changes) as (base_url, mailbox),
            candidate.open(base_url, timedelta(seconds=dial_timeout)) as provider,
        ):
            yield Line(provider, base_url, mailbox)

    async def test_a_dial_rings_once_and_is_reported(self, candidate: Candidate) -> None:
        async with self.line(candidate) as line:
            call_id = await line.dialled("99")
            await line.mailbox.holds(3)
            ledger = await line.ledger()
        assert [row["call_sid"] for row in ledger["rings"]] == [call_id]
        translate = webhook_translator(BUILT_IN_WORDS)
        reports = [translate(each.body, datetime.now(UTC)) for each in line.mailbox.taken]
        assert {(each.execution_id, each.provider_call_id) for each in reports} == {("exec_1", call_id)}

    async def test_a_call_can_be_looked_up_by_its_own_id(self, candidate: Candidate) -> None:
        async with self.line(candidate) as line:
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

    async def test_a_call_can_be_looked_up_by_the_execution(self, candidate: Candidate) -> None:
        async with self.line(candidate) as line:
            call_id = await line.dialled("99")
            found = await line.provider.find_calls(a_search("+14155550199"))
        assert [event.provider_call_id for event in found] == [call_id]

    async def test_a_search_for_another_attempt_finds_strangers_only_by_the_number(
        self, candidate: Candidate
    ) -> None:
        async with self.line(candidate) as line:
            call_id = await line.dialled("99")
            found = await line.provider.find_calls(a_search("+14155550199", "exec_2"))
        assert [event.provider_call_id for event in found] == (
            [call_id] if candidate.is_searched_by_number else []
        )

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
        self, candidate: Candidate, number: str, status: CallStatus
    ) -> None:
        async with self.line(candidate) as line:
            assert await line.has_ended(await line.dialled(number)) is status

    async def test_a_wish_to_be_called_again_is_found_by_asking_where_it_is_told(
        self, candidate: Candidate
    ) -> None:
        async with self.line(candidate) as line:
            call_id = await line.dialled("11")
            await line.has_ended(call_id)
            event = await line.provider.get_call(call_id)
        assert event is not None
        if candidate.tells_wishes_to_be_called_again:
            assert event.follow_up_at is not None
            assert event.follow_up_at - event.happened_at > timedelta(seconds=59)
        else:
            assert event.follow_up_at is None

    async def test_nobody_knows_a_call_that_was_never_placed(self, candidate: Candidate) -> None:
        async with self.line(candidate) as line:
            assert await line.provider.get_call("none") is None
            assert await line.provider.find_calls(a_search("+14155550199")) == []

    async def test_a_throttled_dial_rang_nobody_and_may_be_asked_again(self, candidate: Candidate) -> None:
        async with self.line(candidate) as line:
            first = await line.provider.place_call(a_request("09"))
            rings_before = (await line.ledger())["rings"]
            await line.dialled("09")
            ledger = await line.ledger()
        assert (first, rings_before) == (Throttled(timedelta(seconds=1)), [])
        assert len(ledger["rings"]) == 1

    async def test_a_dial_without_an_answer_is_ambiguous_and_found_by_the_execution(
        self, candidate: Candidate
    ) -> None:
        async with self.line(candidate, dial_timeout=0.1, hold_seconds=30) as line:
            result = await line.provider.place_call(a_request("08"))
            found = await line.provider.find_calls(a_search("+14155550108"))
            ledger = await line.ledger()
        assert result == Ambiguous("no answer to the dial: ReadTimeout")
        assert [event.provider_call_id for event in found] == [ledger["rings"][0]["call_sid"]]
        assert len(ledger["rings"]) == 1

    async def test_a_dial_answered_with_an_error_is_ambiguous_and_not_found(
        self, candidate: Candidate
    ) -> None:
        async with self.line(candidate) as line:
            result = await line.provider.place_call(a_request("10"))
            found = await line.provider.find_calls(a_search("+14155550110"))
        assert isinstance(result, Ambiguous)
        assert result.reason.startswith("provider answered 500")
        assert found == []

    async def test_the_same_dial_again_rings_nobody_where_the_provider_knows_it(
        self, candidate: Candidate
    ) -> None:
        async with self.line(candidate) as line:
            call_id = await line.dialled("99")
            again = await line.provider.place_call(a_request("99"))
            ledger = await line.ledger()
        assert isinstance(again, Accepted)
        assert (again.provider_call_id == call_id) is candidate.knows_a_repeated_dial
        assert len(ledger["rings"]) == (1 if candidate.knows_a_repeated_dial else 2)

    async def test_a_wrong_key_is_a_matter_for_a_person(self, candidate: Candidate) -> None:
        async with self.line(candidate, api_key="another") as line:
            result = await line.provider.place_call(a_request("99"))
            ledger = await line.ledger()
        assert isinstance(result, Misconfigured)
        assert result.reason.startswith("provider answered 401")
        assert ledger["create_requests"] == []

    async def test_a_provider_that_is_down_was_not_asked(self, candidate: Candidate) -> None:
        async with self.line(candidate) as line:
            base_url = line.base_url
        async with candidate.open(base_url, timedelta(seconds=1)) as provider:
            assert await provider.place_call(a_request()) == Unavailable("provider not reached: ConnectError")
            assert await provider.hang_up("none") is HangUpResult.UNREACHABLE
            with pytest.raises(ProviderUnavailable):
                await provider.get_call("none")
            with pytest.raises(ProviderUnavailable):
                await provider.find_calls(a_search("+14155550199"))

    async def test_a_ringing_call_is_hung_up_unanswered(self, candidate: Candidate) -> None:
        async with self.line(candidate, ring_seconds=30) as line:
            call_id = await line.dialled("99")
            assert await line.provider.hang_up(call_id) is HangUpResult.ACCEPTED
            assert await line.has_ended(call_id) is CallStatus.NO_ANSWER
            assert await line.provider.hang_up(call_id) is candidate.hanging_up_again

    async def test_an_answered_call_is_hung_up_by_us(self, candidate: Candidate) -> None:
        async with self.line(candidate, talk_seconds=30) as line:
            call_id = await line.dialled("99")
            await line.is_answered(call_id)
            assert await line.provider.hang_up(call_id) is HangUpResult.ACCEPTED
            await line.has_ended(call_id)
            event = await line.provider.get_call(call_id)
        assert event is not None
        assert (event.status, event.hangup_by) == (CallStatus.COMPLETED, "assistant")

    async def test_an_unknown_call_is_gone(self, candidate: Candidate) -> None:
        async with self.line(candidate) as line:
            assert await line.provider.hang_up("none") is HangUpResult.GONE

    async def test_many_dials_at_once_ring_once_each(self, candidate: Candidate) -> None:
        async with self.line(candidate) as line:
            requests = [a_request("99", f"exec_{number}") for number in range(50)]
            results = await asyncio.gather(*[line.provider.place_call(each) for each in requests])
            call_ids = [result.provider_call_id for result in results if isinstance(result, Accepted)]
            await asyncio.gather(*[line.has_ended(call_id) for call_id in call_ids])
            ledger = await line.ledger()
        assert len(set(call_ids)) == 50
        assert {row["call_sid"] for row in ledger["rings"]} == set(call_ids)

    async def test_it_says_who_it_is(self, candidate: Candidate) -> None:
        async with self.line(candidate) as line:
            assert (line.provider.name, line.provider.lookup_is_proof) == (
                candidate.name,
                candidate.lookup_is_proof,
            )

    async def test_without_a_rate_every_turn_is_free(self, candidate: Candidate) -> None:
        async with self.line(candidate) as line:
            assert [await line.provider.acquire() for _ in range(100)] == [timedelta()] * 100

    async def test_it_is_well_while_it_answers_and_rings_nobody_for_that(self, candidate: Candidate) -> None:
        async with self.line(candidate) as line:
            base_url = line.base_url
            assert await line.provider.check_health() is None
            assert (await line.ledger())["create_requests"] == []
        async with candidate.open(base_url, timedelta(seconds=1)) as provider:
            assert await provider.check_health() is not None

    async def test_with_a_wrong_key_it_is_not_well(self, candidate: Candidate) -> None:
        async with self.line(candidate, api_key="another") as line:
            assert await line.provider.check_health() is not None
