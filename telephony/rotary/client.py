"""RotaryRouter, or whoever else speaks the neutral contract, as a TelephonyProvider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

import httpx

from domain.call import EventSource, StatusEvent
from domain.errors import InvalidRequest, ProviderUnavailable
from domain.telephony import Accepted, Ambiguous, CallRequest, CallSearch, DialResult, HangUpResult
from telephony.answer_reason import reason_of, unfit_words
from telephony.clock import Clock, utc_now
from telephony.fields import FieldReader
from telephony.numbers import are_the_same
from telephony.provider_http_client import UNANSWERED, ProviderHttpClient, can_travel, read_json
from telephony.request_rate import RequestRate
from telephony.rotary.contract import RotaryContract
from telephony.rotary.dial_answer import KnownAlready, read_dial_answer
from telephony.rotary.paths import fill_path
from telephony.rotary.translate import read_status_event
from telephony.rotary.wire import call_id_in, calls_in, create_call_body

_NOBODYS_ATTEMPT = "exec_none"
_KNOWN_SINCE = timedelta(hours=1)
"""How long ago an attempt that the provider knows already may have been dialled."""


@dataclass(frozen=True, kw_only=True)
class RotarySettings:
    """How to reach a provider that speaks the neutral contract."""

    base_url: str
    api_key: str = field(repr=False)
    """Empty sends none."""
    status_callback_url: str
    """Where the provider posts statuses."""
    dial_timeout: timedelta = timedelta(seconds=12)
    """How long the answer to a create call may take; longer makes the dial ambiguous."""
    lookup_is_proof: bool = False
    requests_per_second: float | None = None
    """Dials, look-ups and hang-ups together; None is unlimited."""
    contract: RotaryContract = field(default_factory=RotaryContract)
    """Where the provider deviates from the neutral contract."""
    name: str = "rotary"

    def __post_init__(self) -> None:
        """Raise ValueError for a key that no header can carry, the key not in it."""
        if not can_travel(self.api_key):
            raise ValueError("APOLLO_ROTARY_API_KEY: holds characters that no header can carry")


class RotaryProvider:
    """Places, looks up and ends calls over HTTP. Never asks twice for one call."""

    def __init__(
        self,
        settings: RotarySettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        now: Clock = utc_now,
    ) -> None:
        self._settings = settings
        self._contract = settings.contract
        self._base_url = settings.base_url.rstrip("/")
        self._now = now
        self._line = ProviderHttpClient(
            settings.contract.headers(settings.api_key),
            dial_timeout=settings.dial_timeout,
            rate=RequestRate(settings.requests_per_second),
            transport=transport,
            now=now,
        )

    @property
    def name(self) -> str:
        """Shown on call records."""
        return self._settings.name

    @property
    def lookup_is_proof(self) -> bool:
        """True only where *not found* by our execution id proves that nothing was dialled."""
        return self._settings.lookup_is_proof

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._line.aclose()

    async def acquire(self) -> timedelta:
        """Wait for a turn within the rate limit; zero when it was taken, else how long to stay away."""
        return await self._line.acquire()

    async def place_call(self, request: CallRequest) -> DialResult:
        """Ask once for a call; every outcome is a value."""
        response = await self._line.dial(
            "POST",
            self._url(self._contract.create_path, execution_id=request.execution_id),
            content=create_call_body(request, self._settings.status_callback_url),
            headers={"Idempotency-Key": request.execution_id},
        )
        if not isinstance(response, httpx.Response):
            return response
        answer = read_dial_answer(
            response,
            self._now(),
            unfit=unfit_words(self._secrets, request),
            call_id_paths=self._contract.call_id_paths,
        )
        if isinstance(answer, KnownAlready):
            return await self._find_known_call(request)
        return answer

    async def get_call(self, provider_call_id: str) -> StatusEvent | None:
        """Return where a call stands, None when it is not known there. Raises ProviderUnavailable."""
        response = await self._line.ask("GET", self._url(self._contract.get_path, call_id=provider_call_id))
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        call = read_json(response)
        if not isinstance(call, Mapping):
            raise ProviderUnavailable
        return self._read_call(call)

    async def find_calls(self, search: CallSearch) -> Sequence[StatusEvent]:
        """Return every call that may belong to the attempt. Raises ProviderUnavailable."""
        calls = calls_in(read_json(await self._line.ask("GET", self._find_url(search.execution_id))))
        if calls is None:
            raise ProviderUnavailable
        named = [self._read_call(call) for call in calls if call.get("execution_id") == search.execution_id]
        nameless = [self._read_call(call) for call in calls if _may_be(call, search)]
        return [*named, *(event for event in nameless if event.happened_at >= search.began_after)]

    async def hang_up(self, provider_call_id: str) -> HangUpResult:
        """Ask to end a call."""
        try:
            response = await self._ask_to_end(provider_call_id)
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
        """Look for an attempt nobody has made; None when the provider would talk to us, else why not."""
        try:
            response = await self._line.ask("GET", self._find_url(_NOBODYS_ATTEMPT))
        except ProviderUnavailable:
            return UNANSWERED
        is_well = response.status_code < 500 and response.status_code not in (401, 403)
        return None if is_well else reason_of(response, unfit_words(self._secrets))

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

    async def _ask_to_end(self, provider_call_id: str) -> httpx.Response:
        contract = self._contract
        return await self._line.ask(
            contract.hang_up_method.value,
            self._url(contract.hang_up_path, call_id=provider_call_id),
            content=None if contract.hang_up_body is None else contract.hang_up_body.encode(),
            is_hang_up=True,
        )

    @property
    def _secrets(self) -> Sequence[str]:
        return (self._settings.api_key, *self._contract.extra_headers.values())

    def _find_url(self, execution_id: str) -> str:
        return self._url(self._contract.find_path, execution_id=execution_id)

    def _url(self, path: str, **values: str) -> str:
        return self._base_url + fill_path(path, **values)

    def _read_call(self, call: Mapping[str, object]) -> StatusEvent:
        call_id = call_id_in(call, self._contract.call_id_paths)
        if call_id is None:
            raise ProviderUnavailable
        try:
            return read_status_event(
                FieldReader(call),
                words=self._contract.words,
                received_at=self._now(),
                source=EventSource.POLL,
                provider_call_id=call_id,
            )
        except InvalidRequest as error:
            raise ProviderUnavailable from error


def _may_be(call: Mapping[str, object], search: CallSearch) -> bool:
    """Tell whether a call that names no attempt may be the one; the list may hold those of strangers."""
    if call.get("execution_id") is not None or not are_the_same(call.get("to"), search.to_number):
        return False
    return call.get("from") is None or are_the_same(call.get("from"), search.from_number)
