"""What a webhook says becomes durable first; only then is the contact's workflow told."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import structlog

from api.parts import ApiParts
from api.telemetry import Telemetry
from domain.call import EventEffect, has_ended
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
        execution_id = await self._execution_of(report)
        event_key = report.event_id or sha256(raw).hexdigest()
        if report.event is None:
            if execution_id is not None:
                await self.parts.calls.keep_event(
                    execution_id, event_key=event_key, body=body, received_at=now
                )
            return EventEffect.IGNORED
        if execution_id is None:
            raise ExecutionNotFound
        recorded = await self.parts.calls.record_event(
            execution_id, report.event, event_key=event_key, body=body
        )
        if _changes_what_happens_next(recorded) and recorded.event_number is not None:
            await self._hand_on(recorded, recorded.event_number)
        return recorded.effect

    async def _execution_of(self, report: StatusReport) -> ExecutionId | None:
        if report.execution_id is not None or report.provider_call_id is None:
            return report.execution_id
        return await self.parts.calls.execution_of_provider_call(report.provider_call_id)

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


def _changes_what_happens_next(recorded: RecordedEvent) -> bool:
    """Only an ending does; who rings or talks is read from the rows, and a workflow task a ring is dear."""
    return recorded.effect is EventEffect.ACCEPTED and has_ended(recorded.record.call_status)
