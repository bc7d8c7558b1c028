"""Plays a call's script: the call moves on, and webhooks tell of it, truly or not."""

import asyncio
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import httpx

from telephony.signature import SIGNATURE_HEADER, sign
from tests.hostile.bodies import Call, report
from tests.hostile.fault import Pen, Step
from tests.hostile.ledger import Ledger

_LONG_AGO_SECONDS = 330
"""Beyond the tolerance, by more than a test is delayed."""


class Reporter:
    """Posts webhooks and keeps what they were answered."""

    def __init__(self, ledger: Ledger, secret: str) -> None:
        self._ledger = ledger
        self._secret = secret

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(
            timeout=15, limits=httpx.Limits(keepalive_expiry=2), trust_env=False, follow_redirects=False
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def play(self, call: Call, script: Sequence[Step], victim: Callable[[], Call | None]) -> None:
        """Let a call go through its steps."""
        for step in script:
            await asyncio.sleep(step.after)
            if step.is_true:
                call.stands = step
            body = report(call, step, victim())
            headers = self._headers(body, step.pen)
            for _ in step.answers:
                self._ledger.note_answer(call.attempt_id, await self._post(call.hook, headers, body))

    def _headers(self, body: bytes, pen: Pen) -> dict[str, str]:
        now = int(time.time())
        match pen:
            case Pen.PROVIDER:
                signature = sign(self._secret, now, body)
            case Pen.FORGER:
                signature = sign("a-guess-at-the-secret", now, body)
            case Pen.REPLAYER:
                signature = sign(self._secret, now - _LONG_AGO_SECONDS, body)
        return {"Content-Type": "application/json", "User-Agent": "jambonz", SIGNATURE_HEADER: signature}

    async def _post(self, hook: str, headers: dict[str, str], body: bytes) -> str:
        try:
            answer = await self._client.post(hook, headers=headers, content=body)
        except httpx.HTTPError as error:
            return f"no answer: {type(error).__name__}"
        told = answer.json()
        return f"{answer.status_code} {told.get('result') or str(told.get('type')).rsplit(':', 1)[-1]}"
