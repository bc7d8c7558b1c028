"""What a webhook says becomes durable; an ending waits there to be delivered to the contact's workflow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import structlog

from api.executions.dispositions import follow
from api.http.dependencies import ApiDependencies
from api.suppressions.listing import opt_out
from domain.call import EventEffect
from domain.errors import ExecutionNotFound
from domain.identity import ExecutionId
from domain.ports import StatusReport

_log = structlog.get_logger()


@dataclass(frozen=True)
class CallEvents:
    """Takes in what providers report."""

    parts: ApiDependencies

    async def take(self, raw: bytes, body: Mapping[str, object], now: datetime) -> EventEffect:
        """Store an event. Raises InvalidRequest, ExecutionNotFound, StoreUnavailable."""
        report = self.parts.translate_webhook(body, now)
        execution_id = await self._execution_of(report)
        if report.opted_out and execution_id is not None:
            # First, so that the settlement that follows the ending knows; also of an event heard before.
            await opt_out(self.parts, execution_id, now)
        event_key = report.event_id or sha256(raw).hexdigest()
        if report.event is None or await self._contradicts_itself(report, body):
            if execution_id is not None:
                await self.parts.calls.keep_event(
                    execution_id, event_key=event_key, body=report.body, received_at=now
                )
            return EventEffect.IGNORED
        if execution_id is None:
            raise ExecutionNotFound
        recorded = await self.parts.calls.record_event(
            execution_id, report.event, event_key=event_key, body=report.body
        )
        told = report.event.disposition
        if recorded.is_late and told is not None and told == recorded.record.disposition:
            await follow(self.parts, recorded.record, now)
        return recorded.effect

    async def _execution_of(self, report: StatusReport) -> ExecutionId | None:
        if report.execution_id is not None or report.provider_call_id is None:
            return report.execution_id
        return await self.parts.calls.execution_of_provider_call(report.provider_call_id)

    async def _contradicts_itself(self, report: StatusReport, body: Mapping[str, object]) -> bool:
        """Tell whether a tag names one attempt and the provider's call id is known as another's.

        Only a tag is doubted, for it is echoed; a sender of `execution_id` names the attempt itself.
        """
        is_tagged = report.execution_id is not None and body.get("execution_id") is None
        if not is_tagged or report.provider_call_id is None:
            return False
        owner = await self.parts.calls.execution_of_provider_call(report.provider_call_id)
        if owner is None or owner == report.execution_id:
            return False
        _log.warning("webhook names another attempt than its call's", execution_id=owner)
        return True
