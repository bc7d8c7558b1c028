"""What a webhook says becomes durable first; only then is the contact's workflow told."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import structlog

from api.http.dependencies import ApiDependencies
from api.suppressions.listing import opt_out
from api.webhooks.direct_delivery import MAX_FAILURES, DirectDelivery
from domain.call import EventEffect, has_ended
from domain.errors import ExecutionNotFound, TechnicalError
from domain.identity import ExecutionId
from domain.ports import RecordedEvent, StatusReport

_log = structlog.get_logger()

DELIVERY_SECONDS = 0.8
"""The sender holds back the call's next events until we answer, and the relay delivers what was stored."""


@dataclass(frozen=True)
class CallEvents:
    """Takes in what providers report."""

    parts: ApiDependencies
    direct: DirectDelivery

    async def take(self, raw: bytes, body: Mapping[str, object], now: datetime) -> EventEffect:
        """Store an event and hand it on. Raises InvalidRequest, ExecutionNotFound, StoreUnavailable."""
        report = self.parts.translate_webhook(body, now)
        execution_id = await self._execution_of(report)
        if report.opted_out and execution_id is not None:
            # First, so that the settlement that follows the ending knows; also of an event heard before.
            await opt_out(self.parts, execution_id, now)
        event_key = report.event_id or sha256(raw).hexdigest()
        if report.event is None or await self._contradicts_itself(report, body):
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

    async def _contradicts_itself(self, report: StatusReport, body: Mapping[str, object]) -> bool:
        """Tell whether a tag names one attempt and the provider's call id is known as another's.

        Only a tag is doubted, for it is echoed; who sends `execution_id` names the attempt himself.
        """
        is_tagged = report.execution_id is not None and body.get("execution_id") is None
        if not is_tagged or report.provider_call_id is None:
            return False
        owner = await self.parts.calls.execution_of_provider_call(report.provider_call_id)
        if owner is None or owner == report.execution_id:
            return False
        _log.warning("webhook names another attempt than its call's", execution_id=owner)
        return True

    async def _hand_on(self, recorded: RecordedEvent, event_number: int) -> None:
        if not self.direct.is_worth_trying(self.parts.clock()):
            return
        try:
            if not await self._is_told(recorded):
                self._left_to_the_relay(recorded)
                return
            self.direct.succeeded()
            await self.parts.calls.mark_delivered(event_number, self.parts.clock())
        except TechnicalError:
            _log.warning("delivery not noted", execution_id=recorded.record.execution_id)

    async def _is_told(self, recorded: RecordedEvent) -> bool:
        try:
            async with asyncio.timeout(DELIVERY_SECONDS):
                return await self.parts.engine.deliver(recorded.record)
        except (TimeoutError, TechnicalError):
            return False

    def _left_to_the_relay(self, recorded: RecordedEvent) -> None:
        # In an outage the first few are named, and no more.
        if self.direct.failed(self.parts.clock()) <= MAX_FAILURES:
            _log.warning("event stored, not delivered", execution_id=recorded.record.execution_id)


def _changes_what_happens_next(recorded: RecordedEvent) -> bool:
    """Only an ending does; who rings or talks is read from the rows, and a workflow task a ring is dear."""
    return recorded.effect is EventEffect.ACCEPTED and has_ended(recorded.record.call_status)
