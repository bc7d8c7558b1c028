"""RotaryRouter, or another provider of the neutral contract, as a TelephonyProvider."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Self

import httpx

from domain.call import EventSource, StatusEvent
from domain.errors import InvalidRequest, ProviderUnavailable
from domain.telephony import Accepted, Ambiguous, CallRequest, CallSearch, DialResult, HangUpResult
from telephony.clock import Clock, utc_now
from telephony.fields import FieldReader, are_the_same_number
from telephony.provider_answer import reason_of, unfit_words
from telephony.provider_http_client import UNANSWERED, ProviderHttpClient, read_json
from telephony.provider_settings import ProviderOptions
from telephony.request_rate import RequestRate
from telephony.rotary.answers import KnownAlready, read_dial_answer
from telephony.rotary.paths import fill_path
from telephony.rotary.settings import RotarySettings
from telephony.rotary.translate import read_status_event
from telephony.rotary.wire import call_id_in, calls_in, create_call_body

_NO_ATTEMPT = "exec_none"
_KNOWN_SINCE = timedelta(hours=1)
"""How long ago an attempt may have been dialled that the provider knows already."""


class RotaryProvider:
    """Places, looks up and ends calls over HTTP. Never asks twice for one call."""

    def __init__(
        self,
        settings: RotarySettings,
        options: ProviderOptions,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        now: Clock = utc_now,
    ) -> None:
        settings.require_complete()
        self._settings = settings
        self._options = options
        self._base_url = str(settings.base_url).rstrip("/")
        self._now = now
        self._http = ProviderHttpClient(
            settings.headers,
            dial_timeout=options.dial_timeout,
            rate=RequestRate(options.requests_per_second),
            transport=transport,
            trace=options.trace,
            now=now,
        )

    @property
    def name(self) -> str:
        """Shown on call records."""
        return self._options.name

    @property
    def lookup_is_proof(self) -> bool:
        """True only where *not found* by our execution id proves that nothing was dialled."""
        return self._settings.lookup_is_proof

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def acquire(self) -> timedelta:
        """Wait for the rate limit; zero when a dial may follow at once, else the time to wait."""
        return await self._http.acquire()

    async def place_call(self, request: CallRequest) -> DialResult:
        """Send the create call once; every outcome is a value."""
        response = await self._http.dial(
            "POST",
            self._url(self._settings.create_path, execution_id=request.execution_id),
            content=create_call_body(request, self._options.status_callback_url),
            headers={"Idempotency-Key": request.execution_id},
        )
        if not isinstance(response, httpx.Response):
            return response
        answer = read_dial_answer(
            response,
            self._now(),
            unfit=unfit_words(self._settings.secrets, request),
            call_id_paths=self._settings.id_paths,
        )
        if isinstance(answer, KnownAlready):
            return await self._find_known_call(request)
        return answer

    async def get_call(self, provider_call_id: str) -> StatusEvent | None:
        """Return the status of a call, None when it is not known there. Raises ProviderUnavailable."""
        response = await self._http.ask("GET", self._url(self._settings.get_path, call_id=provider_call_id))
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        call = read_json(response)
        if not isinstance(call, Mapping):
            raise ProviderUnavailable
        return self._read_call(call)

    async def find_calls(self, search: CallSearch) -> Sequence[StatusEvent]:
        """Return every call that may belong to the attempt. Raises ProviderUnavailable."""
        calls = calls_in(read_json(await self._http.ask("GET", self._find_url(search.execution_id))))
        if calls is None:
            raise ProviderUnavailable
        named = [self._read_call(call) for call in calls if call.get("execution_id") == search.execution_id]
        unnamed = [self._read_call(call) for call in calls if _may_be(call, search)]
        return [*named, *(event for event in unnamed if event.happened_at >= search.began_after)]

    async def hang_up(self, provider_call_id: str) -> HangUpResult:
        """End a call, ringing or answered."""
        try:
            response = await self._end_call(provider_call_id)
        except ProviderUnavailable:
            return HangUpResult.UNREACHABLE
        if response.is_success:
            return HangUpResult.ACCEPTED
        match response.status_code:
            case 404 | 410:
                return HangUpResult.GONE
            case 409 | 422:
                return HangUpResult.WRONG_STATE
        return HangUpResult.UNREACHABLE

    async def check_health(self) -> str | None:
        """Look up an attempt that does not exist; None when the provider answers, else what is wrong."""
        try:
            response = await self._http.ask("GET", self._find_url(_NO_ATTEMPT))
        except ProviderUnavailable:
            return UNANSWERED
        is_well = response.status_code < 500 and response.status_code not in (401, 403)
        return None if is_well else reason_of(response, unfit_words(self._settings.secrets))

    async def _find_known_call(self, request: CallRequest) -> DialResult:
        try:
            calls = await self.find_calls(self._search_for(request))
        except ProviderUnavailable:
            return Ambiguous("dialled before, and the look-up failed")
        call_ids = [call.provider_call_id for call in calls]
        if len(call_ids) == 1 and call_ids[0] is not None:
            return Accepted(call_ids[0])
        return Ambiguous(f"dialled before, and the look-up found {len(call_ids)} calls")

    def _search_for(self, request: CallRequest) -> CallSearch:
        return CallSearch(
            execution_id=request.execution_id,
            from_number=request.from_number,
            to_number=request.to_number,
            asked_at=self._now() - _KNOWN_SINCE,
        )

    async def _end_call(self, provider_call_id: str) -> httpx.Response:
        settings = self._settings
        return await self._http.ask(
            settings.hang_up_method,
            self._url(settings.hang_up_path, call_id=provider_call_id),
            content=None if settings.hang_up_body is None else settings.hang_up_body.encode(),
            is_hang_up=True,
        )

    def _find_url(self, execution_id: str) -> str:
        return self._url(self._settings.find_path, execution_id=execution_id)

    def _url(self, path: str, **values: str) -> str:
        return self._base_url + fill_path(path, **values)

    def _read_call(self, call: Mapping[str, object]) -> StatusEvent:
        call_id = call_id_in(call, self._settings.id_paths)
        if call_id is None:
            raise ProviderUnavailable
        try:
            return read_status_event(
                FieldReader(call),
                words=self._settings.status_words,
                received_at=self._now(),
                source=EventSource.POLL,
                provider_call_id=call_id,
            )
        except InvalidRequest as error:
            raise ProviderUnavailable from error


def _may_be(call: Mapping[str, object], search: CallSearch) -> bool:
    """Tell whether a call without an execution id may be ours; the list may hold calls of other clients."""
    if call.get("execution_id") is not None or not are_the_same_number(call.get("to"), search.to_number):
        return False
    return call.get("from") is None or are_the_same_number(call.get("from"), search.from_number)
