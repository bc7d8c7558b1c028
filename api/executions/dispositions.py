"""Takes what an agent says came of its call, and tells workflows of what follows at once."""

from dataclasses import dataclass
from datetime import datetime

from api.executions.schemas import DispositionIn
from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.ids import execution_id_of
from api.http.notification import signal_workflow
from api.suppressions.listing import notify_skipped
from domain.batch import clock_zone, disposition_rules_in_force
from domain.call import AttemptKind, CallRecord
from domain.contact import ContactStatus
from domain.disposition import Then, rule_for
from domain.disposition_report import DispositionReport, ReportEffect, apply_report
from domain.errors import FieldError, InvalidRequest
from domain.given_time import GivenTime
from domain.ports import Execution, LateEffect, ReportedDisposition


@dataclass(frozen=True)
class Dispositions:
    """The dispositions an organization's agents report."""

    dependencies: ApiDependencies
    client: Client

    async def report(self, execution_id: str, given: DispositionIn) -> ReportedDisposition:
        """Keep a disposition. Raises ExecutionNotFound, ExecutionClosed, DispositionFinal, InvalidRequest."""
        execution = await self.dependencies.executions.get(
            self.client.organization_id, execution_id_of(execution_id)
        )
        now = self.dependencies.clock()
        report = given.to_domain(_instant(given.follow_up_at, execution))
        # Checked again by the store when it keeps the report; here a state is refused before a value.
        _, effect = apply_report(execution.record, report, now)
        if effect is ReportEffect.ACCEPTED:
            _require_time(report, execution)
        reported = await self.dependencies.dispositions.report(
            self.client.organization_id, execution.record.execution_id, report, now
        )
        await tell_of(self.dependencies, reported.record, reported.late)
        return reported


async def follow(dependencies: ApiDependencies, record: CallRecord, now: datetime) -> None:
    """Apply the rule for a disposition that a webhook brought after its call had ended."""
    late = await dependencies.dispositions.follow(record.execution_id, now)
    await tell_of(dependencies, record, late)


async def tell_of(dependencies: ApiDependencies, record: CallRecord, late: LateEffect) -> None:
    """Tell workflows whom a late disposition moved; who is not told finds out by the rows."""
    settled = late.settlement
    if settled is not None and settled.due_at is not None:
        is_retry = settled.status is ContactStatus.RETRYING
        signal = dependencies.engine.follow_up_scheduled(
            record.batch_id,
            record.contact_id,
            record.attempt + 1,
            settled.due_at,
            kind=AttemptKind.RETRY if is_retry else AttemptKind.FOLLOW_UP,
        )
        await signal_workflow(signal, batch_id=record.batch_id, contact_id=record.contact_id)
        dependencies.live_numbers.forget(record.batch_id)
    if late.skipped:
        await notify_skipped(dependencies, late.skipped)


def _instant(requested: GivenTime | None, execution: Execution) -> datetime | None:
    if requested is None:
        return None
    try:
        return requested.instant(clock_zone(execution.batch.overrides, execution.campaign.rules))
    except ValueError as error:
        raise _wrong(str(error), "datetime") from None


def _require_time(report: DispositionReport, execution: Execution) -> None:
    """Raise InvalidRequest where a follow-up is to be planned, and neither rule nor report says when."""
    rules = disposition_rules_in_force(execution.batch.overrides, execution.campaign.rules)
    rule = rule_for(report.disposition, rules)
    if rule is None or rule.then is not Then.FOLLOW_UP:
        return
    if rule.after is None and report.follow_up_at is None:
        raise _wrong("Required: the rule for this disposition does not say when", "missing")


def _wrong(message: str, code: str) -> InvalidRequest:
    return InvalidRequest([FieldError(("body", "follow_up_at"), message, code)])
