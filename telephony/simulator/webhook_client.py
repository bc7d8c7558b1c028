"""Posts webhooks over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import httpx

Deliver = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""Post a body with headers to an address and return the answer's code; raises NoAnswer."""

ANSWER_LIMIT_SECONDS = 10.0
IDLE_LIMIT_SECONDS = 2.0
"""Below the 5 s after which usual servers close an idle connection."""
_LONGEST_BODY = 65536
_LARGEST_PORT = 65535


class NoAnswer(Exception):
    """Nothing that could be read came back."""


class WebhookHttpClient:
    """Keeps up to `connections` open between webhooks; follows no redirect and no proxy setting."""

    def __init__(self, connections: int) -> None:
        self._client = httpx.AsyncClient(
            timeout=ANSWER_LIMIT_SECONDS,
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=IDLE_LIMIT_SECONDS,
            ),
            follow_redirects=False,
            trust_env=False,
        )

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            # The client limits each read; a receiver that answers byte by byte would never reach that limit.
            async with asyncio.timeout(ANSWER_LIMIT_SECONDS):
                return await self._post(_address(url), headers, body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise NoAnswer from error

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _post(self, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> int:
        async with self._client.stream("POST", url, headers=headers, content=body) as answer:
            # A long body is not worth reading: the connection is given up instead.
            if int(answer.headers.get("Content-Length", 0)) <= _LONGEST_BODY:
                await answer.aread()
            return answer.status_code


def _address(url: str) -> httpx.URL:
    """Raises httpx.InvalidURL, also for a port that the client would only trip over while it connects."""
    address = httpx.URL(url)
    if address.port is not None and address.port > _LARGEST_PORT:
        raise httpx.InvalidURL("no such port")
    return address
