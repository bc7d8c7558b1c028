"""RotaryRouter, or whoever else speaks the neutral contract, as a TelephonyProvider."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self
from urllib.parse import quote

import httpx

from domain.call import EventSource, StatusEvent
from domain.errors import InvalidRequest, ProviderUnavailable
from domain.identity import ExecutionId
from domain.telephony import Accepted, Ambiguous, CallRequest, DialResult, HangUpResult, Unavailable
from telephony.clock import Clock, utc_now
from telephony.fields import FieldReader
from telephony.rotary.dial_answer import KnownAlready, read_dial_answer
from telephony.rotary.translate import read_status_event
from telephony.rotary.wire import call_id_in, calls_in, create_call_body

CONNECT_TIMEOUT = timedelta(seconds=3)
QUESTION_TIMEOUT = timedelta(seconds=5)
"""For look-ups and hang-ups, whose repetition costs nothing."""

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""Raised before the first byte of a request leaves; anything else may have reached the provider."""


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
    name: str = "rotary"


class RotaryProvider:
    """Places, looks up and ends calls over HTTP. Never asks twice for one call, never follows a redirect.

    Two connection pools: a create call always opens its own connection, because on a reused one the
    provider's closing of an idle socket can cross the request and leave a dial ambiguous for no reason.
    Raises ValueError for an API key that no header can carry.
    """

    def __init__(
        self,
        settings: RotarySettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        now: Clock = utc_now,
    ) -> None:
        self._settings = settings
        self._base_url = settings.base_url.rstrip("/")
        self._now = now
        self._answer_limit = (CONNECT_TIMEOUT + settings.dial_timeout).total_seconds()
        tls = httpx.create_ssl_context()
        self._dialler = _open_client(
            settings,
            read_timeout=settings.dial_timeout,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            transport=transport,
            tls=tls,
        )
        self._asker = _open_client(
            settings,
            read_timeout=QUESTION_TIMEOUT,
            # Below the 5 s after which usual servers close an idle connection.
            limits=httpx.Limits(max_connections=100, keepalive_expiry=2),
            transport=transport,
            tls=tls,
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
        await self._dialler.aclose()
        await self._asker.aclose()

    async def place_call(self, request: CallRequest) -> DialResult:
        """Ask once for a call; every outcome is a value."""
        try:
            answer = read_dial_answer(await self._ask_for_call(request), self._now())
        except _NEVER_SENT as error:
            return Unavailable(f"provider not reached: {type(error).__name__}")
        except (httpx.HTTPError, TimeoutError) as error:
            return Ambiguous(f"no answer to the dial: {type(error).__name__}")
        if isinstance(answer, KnownAlready):
            return await self._find_known_call(request)
        return answer

    async def get_call(self, provider_call_id: str) -> StatusEvent | None:
        """Return where a call stands, None when it is not known there. Raises ProviderUnavailable."""
        response = await self._question("GET", self._call_url(provider_call_id))
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        call = _read_json(response)
        if not isinstance(call, Mapping):
            raise ProviderUnavailable
        return self._read_call(call)

    async def find_calls(self, execution_id: ExecutionId, to_number: str) -> Sequence[StatusEvent]:
        """Return every call that may belong to the attempt. Raises ProviderUnavailable."""
        url = f"{self._base_url}/calls?execution_id={quote(execution_id, safe='')}"
        calls = calls_in(_read_json(await self._question("GET", url)))
        if calls is None:
            raise ProviderUnavailable
        return [self._read_call(call) for call in calls if _belongs(call, execution_id, to_number)]

    async def hang_up(self, provider_call_id: str) -> HangUpResult:
        """Ask to end a call."""
        try:
            response = await self._question("DELETE", self._call_url(provider_call_id))
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

    async def _ask_for_call(self, request: CallRequest) -> httpx.Response:
        # The client's own read timeout starts anew with every byte; this one bounds the whole exchange.
        async with asyncio.timeout(self._answer_limit):
            return await self._dialler.post(
                f"{self._base_url}/calls",
                content=create_call_body(request, self._settings.status_callback_url),
                headers={"Content-Type": "application/json", "Idempotency-Key": request.execution_id},
            )

    async def _find_known_call(self, request: CallRequest) -> DialResult:
        try:
            calls = await self.find_calls(request.execution_id, request.to_number)
        except ProviderUnavailable:
            return Ambiguous("dialled before, and the look-up failed")
        call_ids = [call.provider_call_id for call in calls]
        if len(call_ids) == 1 and call_ids[0] is not None:
            return Accepted(call_ids[0])
        return Ambiguous(f"dialled before, and the look-up found {len(call_ids)} calls")

    def _call_url(self, provider_call_id: str) -> str:
        return f"{self._base_url}/calls/{quote(provider_call_id, safe='')}"

    async def _question(self, method: str, url: str) -> httpx.Response:
        try:
            async with asyncio.timeout((CONNECT_TIMEOUT + QUESTION_TIMEOUT).total_seconds()):
                return await self._asker.request(method, url)
        except (httpx.HTTPError, TimeoutError) as error:
            raise ProviderUnavailable from error

    def _read_call(self, call: Mapping[str, object]) -> StatusEvent:
        call_id = call_id_in(call)
        if call_id is None:
            raise ProviderUnavailable
        try:
            return read_status_event(
                FieldReader(call), received_at=self._now(), source=EventSource.POLL, provider_call_id=call_id
            )
        except InvalidRequest as error:
            raise ProviderUnavailable from error


def _open_client(
    settings: RotarySettings,
    *,
    read_timeout: timedelta,
    limits: httpx.Limits,
    transport: httpx.AsyncBaseTransport | None,
    tls: ssl.SSLContext,
) -> httpx.AsyncClient:
    connect = CONNECT_TIMEOUT.total_seconds()
    return httpx.AsyncClient(
        headers=_headers(settings.api_key),
        timeout=httpx.Timeout(read_timeout.total_seconds(), connect=connect, pool=connect),
        limits=limits,
        transport=transport,
        verify=tls,
        follow_redirects=False,
        trust_env=False,
    )


def _headers(api_key: str) -> dict[str, str]:
    """Refuse a key that no header can carry now: later it would make every dial ambiguous."""
    if not (api_key.isascii() and api_key.isprintable() and api_key == api_key.strip()):
        raise ValueError("the provider's API key holds characters that no header can carry")
    accepted = {"Accept": "application/json"}
    return {**accepted, "Authorization": f"Bearer {api_key}"} if api_key else accepted


def _read_json(response: httpx.Response) -> object:
    if response.status_code != httpx.codes.OK:
        raise ProviderUnavailable
    try:
        answer: object = response.json()
    except ValueError as error:
        raise ProviderUnavailable from error
    return answer


def _belongs(call: Mapping[str, object], execution_id: ExecutionId, to_number: str) -> bool:
    """A list that was not filtered must not lead to the adoption of a stranger's call."""
    named = call.get("execution_id")
    return call.get("to") == to_number if named is None else named == execution_id
