"""Posts events to receivers, signed by Standard Webhooks."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpcore
import httpx
from standardwebhooks import Webhook

from domain.webhooks import ClaimedDelivery, DeliveryAttempt
from receivers.addresses import Network
from receivers.network import AddressRefused, CheckedNetwork, NameUnknown, Resolver

ANSWER_SECONDS = 10.0
READ_BYTES = 64 * 1024
KEPT_BYTES = 1024

REFUSED = "The host has no address that may be posted to; see APOLLO_WEBHOOKS_ALLOWED_NETWORKS"
UNKNOWN = "The host's name does not resolve"
TOO_LATE = "No answer within 10 seconds"
UNTRUSTED = "The TLS connection failed; is the certificate valid for this name?"
UNREACHABLE = "No connection"
BROKEN = "The connection broke before an answer"
MALFORMED = "The answer is not HTTP"

_ERRORS: Sequence[tuple[type[Exception], str]] = (
    (AddressRefused, REFUSED),
    (NameUnknown, UNKNOWN),
    (TimeoutError, TOO_LATE),
    (httpcore.TimeoutException, TOO_LATE),
    (httpcore.ConnectError, UNREACHABLE),
    (httpcore.RemoteProtocolError, MALFORMED),
    (httpcore.NetworkError, BROKEN),
)


class ReceiverClient:
    """Posts each delivery on a connection of its own; implements `WebhookSender`."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool

    async def send(self, claimed: ClaimedDelivery, now: datetime) -> DeliveryAttempt:
        """Sign and post once, for at most ten seconds; redirects are answers like any other."""
        clock = asyncio.get_running_loop().time
        began_at = clock()
        answer = _Answer()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._post(claimed, now, answer)
        except Exception as failure:  # noqa: BLE001 - whatever a stranger's server does is an outcome
            answer.error = None if answer.status is not None else _error_of(failure)
        return DeliveryAttempt(
            at=now,
            status=answer.status,
            milliseconds=round((clock() - began_at) * 1000),
            answer=answer.text,
            error=answer.error,
        )

    async def _post(self, claimed: ClaimedDelivery, now: datetime, answer: "_Answer") -> None:
        body = claimed.body.encode()
        headers = list(signed_headers(claimed, now).items())
        async with self._pool.stream("POST", claimed.url, headers=headers, content=body) as response:
            answer.status = response.status
            async for piece in response.aiter_stream():
                answer.read += len(piece)
                answer.kept = (answer.kept + piece)[:KEPT_BYTES]
                if answer.read >= READ_BYTES:
                    return


class _Answer:
    """What was heard of a receiver so far."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.read = 0
        self.kept = b""
        self.error: str | None = None

    @property
    def text(self) -> str | None:
        if self.status is None:
            return None
        return self.kept.decode("utf-8", "replace").replace("\x00", "")


def signed_headers(claimed: ClaimedDelivery, now: datetime) -> Mapping[str, str]:
    """Return the headers of a post, with a signature by each secret that is in force."""
    at = now.astimezone(UTC)
    signatures = [Webhook(secret).sign(claimed.event_id, at, claimed.body) for secret in claimed.secrets]
    return {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "User-Agent": "Apollo-Webhooks",
        "webhook-id": claimed.event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _error_of(failure: Exception) -> str:
    cause = failure.__cause__ or failure.__context__
    if isinstance(failure, ssl.SSLError) or isinstance(cause, ssl.SSLError):
        return UNTRUSTED
    return next((text for kind, text in _ERRORS if isinstance(failure, kind)), BROKEN)


@asynccontextmanager
async def open_receivers(
    networks: Sequence[Network], *, resolver: Resolver | None = None, trust: ssl.SSLContext | None = None
) -> AsyncIterator[ReceiverClient]:
    """Open the way to receivers on public addresses and in `networks`."""
    resolver = resolver or Resolver()
    pool = httpcore.AsyncConnectionPool(
        ssl_context=trust or httpx.create_ssl_context(),
        max_connections=None,
        max_keepalive_connections=0,
        network_backend=CheckedNetwork(resolver, networks),
    )
    try:
        async with pool:
            yield ReceiverClient(pool)
    finally:
        resolver.close()
