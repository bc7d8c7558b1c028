"""Delivers webhooks: in order within a call, concurrently across calls, with retries."""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping

import structlog

from telephony.clock import Clock
from telephony.signature import SIGNATURE_HEADER, sign
from telephony.simulator.call import Hook, Outbox, WebhookDelivery
from telephony.simulator.ledger import WebhookCounts
from telephony.simulator.settings import SimulatorOptions
from telephony.simulator.webhook_client import Deliver, NoAnswer

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
"""Between two tries of one webhook; each pause is twice the one before."""

_WORTH_A_RETRY = frozenset({404, 408, 429})
"""Besides 5xx and no answer; 404 because a receiver that restarts may not have its records back yet."""

log = structlog.get_logger(__name__)


class WebhookSender:
    """Sends deliveries. `counts` returns the tally in force, which the ledger may replace."""

    def __init__(
        self,
        settings: SimulatorOptions,
        *,
        clock: Clock,
        counts: Callable[[], WebhookCounts],
        deliver: Deliver,
    ) -> None:
        self._secret = settings.webhook_secret
        self._patience = settings.webhook_patience_seconds
        self._clock = clock
        self._counts = counts
        self._deliver = deliver
        self._places = asyncio.Semaphore(settings.concurrent_webhooks)
        self._rounds: set[asyncio.Task[None]] = set()

    def send(self, outbox: Outbox, delivery: WebhookDelivery) -> None:
        """Put a delivery behind the call's earlier ones; returns at once."""
        outbox.deliveries.append(delivery)
        if outbox.draining:
            return
        outbox.draining = True
        task = asyncio.create_task(self._drain(outbox))
        self._rounds.add(task)
        task.add_done_callback(self._rounds.discard)

    def headers(self, hook: Hook, body: bytes) -> Mapping[str, str]:
        """Return the headers that a body is posted with, its signature among them."""
        headers = {"Content-Type": "application/json", "User-Agent": "apollo-simulator"}
        if hook.credentials is not None:
            credentials = b64encode(":".join(hook.credentials).encode()).decode()
            headers["Authorization"] = f"Basic {credentials}"
        if hook.bearer is not None:
            headers["Authorization"] = f"Bearer {hook.bearer}"
        if self._secret is not None:
            headers[SIGNATURE_HEADER] = sign(self._secret, int(self._clock().timestamp()), body)
        return headers

    async def aclose(self) -> None:
        """Drop what is not delivered yet."""
        for task in self._rounds:
            task.cancel()
        await asyncio.gather(*self._rounds, return_exceptions=True)

    async def _drain(self, outbox: Outbox) -> None:
        while outbox.deliveries:
            await self._send_one(outbox.deliveries.pop(0))
            outbox.settle_one()
        outbox.draining = False

    async def _send_one(self, delivery: WebhookDelivery) -> None:
        """Retry until it is delivered, refused for good, or the time for retries is over."""
        headers = self.headers(delivery.hook, delivery.body)
        deadline = asyncio.get_running_loop().time() + self._patience
        pause = FIRST_PAUSE_SECONDS
        while True:
            code = await self._try(delivery, headers)
            if code is not None and 200 <= code < 300:
                self._counts().sent += 1
                return
            if not _is_worth_a_retry(code) or asyncio.get_running_loop().time() + pause > deadline:
                self._counts().given_up += 1
                log.warning("webhook given up", answer=code)
                return
            self._counts().retried += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _try(self, delivery: WebhookDelivery, headers: Mapping[str, str]) -> int | None:
        """Return the answer's status code, None without an answer."""
        try:
            # Held for one try only: a webhook that waits for its retry must not block the others.
            async with self._places:
                return await self._deliver(delivery.hook.url, headers, delivery.body)
        except NoAnswer:
            return None


def _is_worth_a_retry(code: int | None) -> bool:
    return code is None or code >= 500 or code in _WORTH_A_RETRY
