"""Jambonz as a TelephonyProvider."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Self
from urllib.parse import quote

import httpx

from domain.call import StatusEvent, has_ended
from domain.errors import ProviderUnavailable
from domain.telephony import CallRequest, CallSearch, DialResult, HangUpResult, Misconfigured, Refused
from telephony.clock import Clock, utc_now
from telephony.jambonz.answers import has_lost_its_dialler, read_dial_answer
from telephony.jambonz.records import read_calls_like, read_detail_record, read_snapshot, read_starts
from telephony.jambonz.settings import JambonzSettings
from telephony.jambonz.shared_listing import SharedListing
from telephony.jambonz.wire import create_call_body, fault_in, impossible_call_body
from telephony.provider_answer import reason_of, unfit_words
from telephony.provider_http_client import UNANSWERED, ProviderHttpClient, RateLimited, read_json
from telephony.provider_settings import ProviderOptions
from telephony.request_rate import RequestRate

_RECENT_CALLS = {"page": 1, "count": 25, "days": 2}
"""25 is the shortest page; the record of an ended call may be looked up a day later."""
_CALLS_WITH_A_NUMBER = {**_RECENT_CALLS, "count": 100}
"""Newest first: more calls of one number than end before a call is looked up."""
NO_APPLICATION = "no application for the campaign's agent_id: APOLLO_JAMBONZ_APPLICATIONS does not name it"
_RINGING_ENDS_AS, _TALKING_ENDS_AS = "no-answer", "completed"


class JambonzProvider:
    """Places, looks up and ends the calls of one account.

    Jambonz knows no idempotency, and no look-up takes our id.
    Raises ValueError with one line that names what is missing in the settings.
    """

    def __init__(
        self,
        settings: JambonzSettings,
        options: ProviderOptions,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        now: Clock = utc_now,
    ) -> None:
        settings.require_complete()
        self._settings = settings
        self._options = options
        self._api_key = settings.api_key.get_secret_value()
        base_url = str(settings.base_url).rstrip("/")
        self._account_url = f"{base_url}/v1/Accounts/{quote(settings.account_sid, safe='')}"
        self._now = now
        self._http = ProviderHttpClient(
            {"Authorization": f"Bearer {self._api_key}"},
            dial_timeout=options.dial_timeout,
            rate=RequestRate(options.requests_per_second),
            transport=transport,
            trace=options.trace,
            now=now,
        )
        self._listing = SharedListing(self._list_outbound)

    @property
    def name(self) -> str:
        """Shown on call records."""
        return self._options.name

    @property
    def lookup_is_proof(self) -> bool:
        """Never: Jambonz answers with what it has when its own memory fails."""
        return False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._listing.aclose()
        await self._http.aclose()

    async def acquire(self) -> timedelta:
        """Wait for the rate limit; zero when a dial may follow at once, else the time to wait."""
        return await self._http.acquire()

    async def place_call(self, request: CallRequest) -> DialResult:
        """Send the create call once; every outcome is a value."""
        fault = fault_in(request)
        if fault is not None:
            return Refused(fault)
        if not self._settings.can_speak_for(request.agent_id):
            return Misconfigured(NO_APPLICATION)
        body = create_call_body(request, self._settings, self._options.status_callback_url)
        answer = await self._http.dial("POST", f"{self._account_url}/Calls", content=body)
        if not isinstance(answer, httpx.Response):
            return answer
        unfit = unfit_words([self._api_key], request)
        return read_dial_answer(
            answer, self._now(), unfit=unfit, refused_on_500=self._settings.refused_on_500
        )

    async def get_call(self, provider_call_id: str) -> StatusEvent | None:
        """Return the status of a call, None when Jambonz does not know it. Raises ProviderUnavailable.

        An hour after its last status Jambonz forgets a call; its ending is then in the detail records.
        """
        response = await self._http.ask("GET", self._call_url(provider_call_id))
        if response.status_code == httpx.codes.NOT_FOUND:
            return await self._find_ending(provider_call_id)
        event = read_snapshot(read_json(response), self._now())
        if event is None:
            raise ProviderUnavailable
        return event

    async def find_calls(self, search: CallSearch) -> Sequence[StatusEvent]:
        """Return the calls placed as ours are, those of other attempts too. Raises ProviderUnavailable.

        Every listing walks all calls of the whole system, so concurrent searches share one.
        A listing has no times: an ended call counts only where the detail records say that it began no
        earlier than ours.
        """
        calls = await self._listing.calls()
        found = read_calls_like(calls, search, self._settings.own_applications, self._now())
        if not any(has_ended(event.status) for event in found):
            return found
        starts = await self._starts_of_calls_to(search.to_number)
        return [event for event in found if not has_ended(event.status) or _is_young(event, starts, search)]

    async def hang_up(self, provider_call_id: str) -> HangUpResult:
        """End a call, ringing or answered."""
        try:
            for word in (_RINGING_ENDS_AS, _TALKING_ENDS_AS):
                result = await self._end_call(provider_call_id, word)
                if result is not HangUpResult.WRONG_STATE:
                    return result
            return await self._why_not_ended(provider_call_id)
        except ProviderUnavailable:
            return HangUpResult.UNREACHABLE

    async def check_health(self) -> str | None:
        """Request the number of calls, and a call that cannot be placed; None when both are answered.

        The second request reaches the server that places the calls. An answer that proves that no call was
        placed is no trouble here: a dial that gets it spends no attempt, and its reason says more.
        """
        try:
            response = await self._http.ask("GET", f"{self._account_url}/CallCount")
            if response.status_code != httpx.codes.OK:
                return self._trouble(response)
            if not isinstance(read_json(response), Mapping):
                return UNANSWERED
            body = impossible_call_body(self._settings)
            response = await self._http.ask("POST", f"{self._account_url}/Calls", content=body)
        except ProviderUnavailable:
            return UNANSWERED
        return self._trouble(response) if has_lost_its_dialler(response) else None

    def _trouble(self, response: httpx.Response) -> str:
        return reason_of(response, unfit_words([self._api_key]))

    async def _starts_of_calls_to(self, number: str) -> Mapping[str, datetime]:
        """Return when the calls of a number began, by call id; empty where the records cannot be read."""
        digits = number.removeprefix("+")
        try:
            response = await self._http.ask(
                "GET", f"{self._account_url}/RecentCalls", params={**_CALLS_WITH_A_NUMBER, "filter": digits}
            )
            return read_starts(read_json(response))
        except RateLimited:
            raise
        except ProviderUnavailable:
            return {}

    async def _find_ending(self, call_sid: str) -> StatusEvent | None:
        try:
            response = await self._http.ask(
                "GET", f"{self._account_url}/RecentCalls", params={**_RECENT_CALLS, "filter": call_sid}
            )
            return read_detail_record(read_json(response), call_sid, self._now())
        except RateLimited:
            raise
        except ProviderUnavailable:
            return None

    async def _list_outbound(self) -> Sequence[object]:
        response = await self._http.ask("GET", f"{self._account_url}/Calls", params={"direction": "outbound"})
        calls = read_json(response)
        if not isinstance(calls, list):
            raise ProviderUnavailable
        return calls

    async def _end_call(self, call_sid: str, word: str) -> HangUpResult:
        response = await self._http.ask(
            "PUT",
            self._call_url(call_sid),
            content=json.dumps({"call_status": word}).encode("ascii"),
            is_hang_up=True,
        )
        match response.status_code:
            case 202:
                return HangUpResult.ACCEPTED
            case 404:
                return HangUpResult.GONE
            case 422:
                return HangUpResult.WRONG_STATE
        return HangUpResult.UNREACHABLE

    async def _why_not_ended(self, call_sid: str) -> HangUpResult:
        response = await self._http.ask("GET", self._call_url(call_sid), is_hang_up=True)
        if response.status_code == httpx.codes.NOT_FOUND:
            return HangUpResult.GONE
        event = read_snapshot(read_json(response), self._now())
        if event is None:
            return HangUpResult.UNREACHABLE
        return HangUpResult.GONE if has_ended(event.status) else HangUpResult.WRONG_STATE

    def _call_url(self, call_sid: str) -> str:
        return f"{self._account_url}/Calls/{quote(call_sid, safe='')}"


def _is_young(event: StatusEvent, starts: Mapping[str, datetime], search: CallSearch) -> bool:
    began_at = starts.get(event.provider_call_id or "")
    return began_at is not None and began_at >= search.began_after
