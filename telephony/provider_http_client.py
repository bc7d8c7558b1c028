"""HTTP to one provider: dials that are never repeated, requests that may be, one rate limit for both."""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import timedelta
from typing import Self

import httpx

from domain.errors import ProviderUnavailable
from domain.telephony import Ambiguous, Unavailable
from telephony.clock import Clock, utc_now
from telephony.provider_settings import RequestTrace, can_travel, untraced
from telephony.request_rate import RequestRate, read_retry_after

CONNECT_TIMEOUT = timedelta(seconds=3)
REQUEST_TIMEOUT = timedelta(seconds=5)
"""Of look-ups and hang-ups, which may be repeated."""
LONGEST_RATE_WAIT = timedelta(seconds=5)
"""A request that would wait longer for the rate limit is rejected."""

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
"""Raised before the first byte of a request leaves; anything else may have reached the provider."""


class RateLimited(ProviderUnavailable):
    """The provider takes no more requests just now"""


class ProviderHttpClient:
    """Two connection pools to one provider. Never follows a redirect, never sends anything twice.

    A dial always opens its own connection, because on a reused one the provider's closing of an idle
    socket can cross the request and leave the dial ambiguous for no reason.
    Raises ValueError for headers that HTTP cannot carry.
    """

    def __init__(  # noqa: PLR0913 - one parameter per part
        self,
        headers: Mapping[str, str],
        *,
        dial_timeout: timedelta,
        rate: RequestRate,
        transport: httpx.AsyncBaseTransport | None = None,
        trace: RequestTrace = untraced,
        now: Clock = utc_now,
    ) -> None:
        carried = {"Accept": "application/json", **_checked(headers)}
        tls = httpx.create_ssl_context()
        self._rate = rate
        self._now = now
        self._trace = trace
        self._answer_limit = (CONNECT_TIMEOUT + dial_timeout).total_seconds()
        self._dial_client = _open_client(
            carried,
            read_timeout=dial_timeout,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            transport=transport,
            tls=tls,
        )
        self._request_client = _open_client(
            carried,
            read_timeout=REQUEST_TIMEOUT,
            # Below the 5 s after which usual servers close an idle connection.
            limits=httpx.Limits(max_connections=100, keepalive_expiry=2),
            transport=transport,
            tls=tls,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._dial_client.aclose()
        await self._request_client.aclose()

    async def acquire(self) -> timedelta:
        """Wait for the rate limit before a dial; zero when it may follow at once, else the time to wait."""
        return await self._rate.acquire(LONGEST_RATE_WAIT)

    async def dial(
        self, method: str, url: str, *, content: bytes, headers: Mapping[str, str] | None = None
    ) -> httpx.Response | Unavailable | Ambiguous:
        """Send, once and after `acquire`, a JSON body that makes a phone ring.

        An answer 429 stops every request for as long as the provider says.
        """
        sent = {"Content-Type": "application/json", **(headers or {})}
        try:
            # The client's read timeout restarts with every byte; this one bounds the whole request.
            async with asyncio.timeout(self._answer_limit):
                with self._trace("dial", method) as answered:
                    response = await self._dial_client.request(method, url, content=content, headers=sent)
                    answered(response.status_code)
        except _NEVER_SENT as error:
            return Unavailable(f"provider not reached: {type(error).__name__}")
        except (httpx.HTTPError, TimeoutError) as error:
            return Ambiguous(f"no answer to the dial: {type(error).__name__}")
        self._is_throttled(response)
        return response

    async def ask(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        params: Mapping[str, str | int] | None = None,
        is_hang_up: bool = False,
    ) -> httpx.Response:
        """Send a request that rings no phone, and return any answer but 429.

        Raises RateLimited after a 429 and when the rate limit would take too long, ProviderUnavailable
        without an answer.
        """
        acquire = self._rate.acquire_for_hang_up if is_hang_up else self._rate.acquire
        if await acquire(LONGEST_RATE_WAIT):
            raise RateLimited
        headers = None if content is None else {"Content-Type": "application/json"}
        try:
            async with asyncio.timeout((CONNECT_TIMEOUT + REQUEST_TIMEOUT).total_seconds()):
                with self._trace("hang-up" if is_hang_up else "question", method) as answered:
                    response = await self._request_client.request(
                        method, url, content=content, params=params, headers=headers
                    )
                    answered(response.status_code)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise ProviderUnavailable from error
        if self._is_throttled(response):
            raise RateLimited
        return response

    def _is_throttled(self, response: httpx.Response) -> bool:
        """Tell whether the provider throttles us, and stop all requests for as long as it says."""
        if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
            return False
        self._rate.close_for(read_retry_after(response.headers.get("Retry-After"), self._now()))
        return True


UNANSWERED = "no proper answer to a harmless question"
"""Why a provider is unhealthy that cannot be reached, throttles us, or sends no usable answer."""


def read_json(response: httpx.Response) -> object:
    """Return the JSON of an answer 200. Raises ProviderUnavailable for any other answer."""
    if response.status_code != httpx.codes.OK:
        raise ProviderUnavailable
    try:
        answer: object = response.json()
    except ValueError as error:
        raise ProviderUnavailable from error
    return answer


def _checked(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Reject at once what no header can carry: later it would make every dial ambiguous."""
    for name, value in headers.items():
        if not name or not can_travel(name) or not can_travel(value):
            raise ValueError("a header for the provider holds characters that no header can carry")
    return headers


def _open_client(
    headers: Mapping[str, str],
    *,
    read_timeout: timedelta,
    limits: httpx.Limits,
    transport: httpx.AsyncBaseTransport | None,
    tls: ssl.SSLContext,
) -> httpx.AsyncClient:
    connect = CONNECT_TIMEOUT.total_seconds()
    return httpx.AsyncClient(
        headers=dict(headers),
        timeout=httpx.Timeout(read_timeout.total_seconds(), connect=connect, pool=connect),
        limits=limits,
        transport=transport,
        verify=tls,
        follow_redirects=False,
        trust_env=False,
    )
