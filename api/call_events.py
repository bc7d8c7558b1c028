"""What a webhook says becomes durable first; only then is the contact's workflow told."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import structlog

from api.parts import ApiParts
from api.telemetry import Telemetry
from domain.call import EventEffect
from domain.errors import ExecutionNotFound, TechnicalError
from domain.identity import ExecutionId
from domain.ports import RecordedEvent, StatusReport

_log = structlog.get_logger()

DELIVERY_SECONDS = 2
"""The sender waits for our answer, and an event that was stored is not lost."""


@dataclass(frozen=True)
class CallEvents:
    """Takes in what providers report."""

    parts: ApiParts
    telemetry: Telemetry

    async def take(self, raw: bytes, body: Mapping[str, object], now: datetime) -> EventEffect:
        """Store an event and hand it on. Raises InvalidRequest, ExecutionNotFound, StoreUnavailable."""
        report = self.parts.translate_webhook(body, now)
        if report.event is None:
            return EventEffect.IGNORED
        recorded = await self.parts.calls.record_event(
            await self._execution_of(report),
            report.event,
            event_key=report.event_id or sha256(raw).hexdigest(),
            body=body,
        )
        if recorded.effect is EventEffect.ACCEPTED and recorded.event_number is not None:
            await self._hand_on(recorded, recorded.event_number)
        return recorded.effect

    async def _execution_of(self, report: StatusReport) -> ExecutionId:
        if report.execution_id is not None:
            return report.execution_id
        if report.provider_call_id is not None:
            owner = await self.parts.calls.execution_of_provider_call(report.provider_call_id)
            if owner is not None:
                return owner
        raise ExecutionNotFound

    async def _hand_on(self, recorded: RecordedEvent, event_number: int) -> None:
        self.telemetry.event_entered()
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                if await self.parts.engine.deliver(recorded.record):
                    await self.parts.calls.mark_delivered(event_number, self.parts.clock())
        except (TimeoutError, TechnicalError):
            _log.warning("event stored, not delivered", execution_id=recorded.record.execution_id)
        finally:
            self.telemetry.event_left()
