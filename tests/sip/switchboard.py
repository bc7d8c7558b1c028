"""Turns orders into SIP calls and what the user agent hears of them into signed status callbacks."""

import asyncio
import itertools
import json
import time
from collections.abc import Coroutine
from datetime import UTC, datetime

from telephony.signature import SIGNATURE_HEADER, sign
from telephony.simulator.webhook_client import NoAnswer, WebhookHttpClient
from tests.sip.placed_call import Order, PlacedCall
from tests.sip.user_agent import LineEvent, UserAgent

TRIES = 20
PAUSE_SECONDS = 0.2
"""Between two tries of one callback, while nobody takes it."""


class Switchboard:
    """All calls of one user agent, which reaches every phone at `phones`, host and port."""

    def __init__(self, *, phones: str, secret: str) -> None:
        self._phones = phones
        self._secret = secret
        self._agent: UserAgent | None = None
        self._sender = WebhookHttpClient(10)
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self.calls: dict[str, PlacedCall] = {}

    async def open(self, control_port: int) -> None:
        """Take the user agent's line."""
        self._agent = await UserAgent.connect(control_port, self._hear)

    async def aclose(self) -> None:
        """Drop the line and every callback that is not delivered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._agent is not None:
            await self._agent.aclose()
        await self._sender.aclose()

    def of_execution(self, execution_id: str) -> list[PlacedCall]:
        """Return an attempt's calls."""
        return [call for call in self.calls.values() if call.order.execution_id == execution_id]

    def is_engaged(self, number: str) -> bool:
        """Tell whether a call to the number is not over; the user agent could not tell two apart."""
        return self._live(number) is not None

    async def place(self, order: Order) -> PlacedCall | None:
        """Dial once; None when no INVITE has left."""
        assert self._agent is not None
        call = PlacedCall(call_sid=f"sip-{next(self._numbers)}", order=order)
        # Known before it is dialled: a phone can be quicker than the user agent's answer to us.
        self.calls[call.call_sid] = call
        if not await self._agent.dial(order.to_number, self._phones):
            del self.calls[call.call_sid]
            return None
        self._run(self._post(call))
        if call.answered_at is None and not call.is_over:
            self._set_alarm(call, order.ring_timeout_seconds, "ring timeout")
        return call

    async def leave(self, call: PlacedCall, why: str) -> None:
        """End a call, as soon as SIP allows it: nothing is cancelled before a provisional answer."""
        assert self._agent is not None
        if call.is_over or call.why_we_left is not None:
            return
        call.why_we_left = why
        if call.line_id is not None:
            await self._agent.hang_up(call.line_id)

    def _hear(self, event: LineEvent) -> None:
        call = self._live(event.number)
        if call is None or call.line_id not in (None, event.line_id):
            return
        call.line_id = event.line_id
        match event.kind:
            case "CALL_RINGING" | "CALL_PROGRESS":
                call.move("ringing")
                self._leave_now_if_told(call)
            case "CALL_ESTABLISHED":
                call.answered_at = datetime.now(UTC)
                call.move("answered")
                self._set_alarm(call, call.order.max_duration_seconds, "call limit")
            case "CALL_CLOSED":
                self._stop_alarm(call)
                call.end(event.detail)

    def _leave_now_if_told(self, call: PlacedCall) -> None:
        if call.why_we_left is not None and call.line_id is not None and self._agent is not None:
            self._run(self._hang_up(self._agent, call.line_id))

    async def _hang_up(self, agent: UserAgent, line_id: str) -> None:
        await agent.hang_up(line_id)

    def _live(self, number: str) -> PlacedCall | None:
        live = (call for call in self.calls.values() if call.order.to_number == number and not call.is_over)
        return next(live, None)

    def _set_alarm(self, call: PlacedCall, seconds: float, why: str) -> None:
        self._stop_alarm(call)
        loop = asyncio.get_running_loop()
        call.alarm = loop.call_later(seconds, lambda: self._run(self.leave(call, why)))

    def _stop_alarm(self, call: PlacedCall) -> None:
        if call.alarm is not None:
            call.alarm.cancel()

    def _run(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _post(self, call: PlacedCall) -> None:
        """Deliver a call's events, in order, until its last one."""
        while not (call.is_over and call.letters.empty()):
            body = json.dumps(await call.letters.get()).encode()
            await self._deliver(call.order.status_callback_url, body)

    async def _deliver(self, url: str, body: bytes) -> None:
        signature = sign(self._secret, int(time.time()), body)
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature}
        for _ in range(TRIES):
            try:
                if await self._sender(url, headers, body) < 300:
                    return
            except NoAnswer:
                pass
            await asyncio.sleep(PAUSE_SECONDS)
