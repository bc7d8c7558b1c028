"""What an agent reports of a call it speaks on, and what the report does to the call's record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.call import CallRecord, has_ended
from domain.disposition import AnsweredBy
from domain.errors import DispositionFinal, ExecutionClosed

CLOSED_AFTER = timedelta(days=7)
"""So long after its end a call takes a disposition."""


@dataclass(frozen=True, kw_only=True)
class DispositionReport:
    """What came of a talk, in its agent's words."""

    disposition: str
    note: str | None = None
    answered_by: AnsweredBy | None = None
    follow_up_at: datetime | None = None
    data: Mapping[str, object] | None = None


class ReportEffect(StrEnum):
    """What a report did; wire values of `result`."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"


def apply_report(
    record: CallRecord, report: DispositionReport, now: datetime
) -> tuple[CallRecord, ReportEffect]:
    """Return the record after a report: the latest of a live call wins, of an ended one the first.

    A report without `answered_by` leaves what is known; an ended call takes it only where nobody told.
    Raises ExecutionClosed, DispositionFinal.
    """
    if not has_ended(record.call_status):
        return _told(record, report, report.answered_by or record.answered_by), ReportEffect.ACCEPTED
    if record.ended_at is not None and now > record.ended_at + CLOSED_AFTER:
        raise ExecutionClosed
    if record.disposition is None:
        return _told(record, report, record.answered_by or report.answered_by), ReportEffect.ACCEPTED
    if record.disposition != report.disposition:
        raise DispositionFinal
    return record, ReportEffect.DUPLICATE


def _told(record: CallRecord, report: DispositionReport, answered_by: AnsweredBy | None) -> CallRecord:
    return replace(
        record,
        answered_by=answered_by,
        disposition=report.disposition,
        disposition_note=report.note,
        disposition_data=report.data,
        follow_up_at=report.follow_up_at,
    )
