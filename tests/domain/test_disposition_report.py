"""What an agent's report does to the record of its call."""

from datetime import timedelta
from typing import Any

import pytest

from domain.call import CallRecord, CallStatus
from domain.disposition import AnsweredBy
from domain.disposition_report import CLOSED_AFTER, DispositionReport, ReportEffect, apply_report
from domain.errors import DispositionFinal, ExecutionClosed
from tests.builders import MONDAY_NOON, a_call_record

LIVE = [CallStatus.QUEUED, CallStatus.RINGING, CallStatus.IN_PROGRESS]
ENDED = [status for status in CallStatus if status not in LIVE]
SOON = MONDAY_NOON + timedelta(seconds=5)
TONIGHT = MONDAY_NOON + timedelta(hours=6)


def a_report(**changes: Any) -> DispositionReport:
    return DispositionReport(**{"disposition": "promised", **changes})


def ended(status: CallStatus = CallStatus.COMPLETED, **told: Any) -> CallRecord:
    return a_call_record(call_status=status, ended_at=MONDAY_NOON, **told)


def told_by(record: CallRecord) -> tuple[object, ...]:
    return (record.disposition, record.disposition_note, record.disposition_data, record.follow_up_at)


@pytest.mark.parametrize("status", LIVE)
def test_latest_report_on_a_live_call_wins_as_a_whole(status: CallStatus) -> None:
    record = a_call_record(call_status=status)
    first = a_report(note="at nine", data={"a": 1}, follow_up_at=TONIGHT)
    record, effect = apply_report(record, first, SOON)
    assert (effect, told_by(record)) == (ReportEffect.ACCEPTED, ("promised", "at nine", {"a": 1}, TONIGHT))
    record, effect = apply_report(record, a_report(disposition="refused"), SOON)
    assert (effect, told_by(record)) == (ReportEffect.ACCEPTED, ("refused", None, None, None))
    record, effect = apply_report(record, a_report(disposition="refused", note="no"), SOON)
    assert (effect, told_by(record)) == (ReportEffect.ACCEPTED, ("refused", "no", None, None))


@pytest.mark.parametrize("status", ENDED)
def test_first_report_after_the_end_is_final_where_none_stood(status: CallStatus) -> None:
    record, effect = apply_report(ended(status), a_report(note="at nine"), SOON)
    assert (effect, record.disposition, record.disposition_note) == (
        ReportEffect.ACCEPTED,
        "promised",
        "at nine",
    )
    with pytest.raises(DispositionFinal, match="Disposition is final"):
        apply_report(record, a_report(disposition="refused"), SOON)


def test_same_disposition_of_an_ended_call_is_a_duplicate_and_changes_nothing() -> None:
    record = ended(disposition="promised")
    doubled = apply_report(record, a_report(note="later", answered_by=AnsweredBy.HUMAN), SOON)
    assert doubled == (record, ReportEffect.DUPLICATE)


@pytest.mark.parametrize("known", [None, "promised", "refused"])
def test_execution_is_closed_seven_days_after_its_end(known: str | None) -> None:
    record = ended(disposition=known)
    with pytest.raises(ExecutionClosed, match="Execution is closed"):
        apply_report(record, a_report(), MONDAY_NOON + CLOSED_AFTER + timedelta(milliseconds=1))


def test_report_seven_days_after_the_end_is_taken() -> None:
    _, effect = apply_report(ended(), a_report(), MONDAY_NOON + timedelta(days=7))
    assert effect is ReportEffect.ACCEPTED


@pytest.mark.parametrize(
    ("record", "said", "stands"),
    [
        pytest.param(a_call_record(), AnsweredBy.HUMAN, AnsweredBy.HUMAN, id="live, first word"),
        pytest.param(
            a_call_record(answered_by=AnsweredBy.MACHINE),
            AnsweredBy.HUMAN,
            AnsweredBy.HUMAN,
            id="live, the agent knows better",
        ),
        pytest.param(
            a_call_record(answered_by=AnsweredBy.MACHINE), None, AnsweredBy.MACHINE, id="live, left unsaid"
        ),
        pytest.param(ended(), AnsweredBy.FAX, AnsweredBy.FAX, id="ended, first word"),
        pytest.param(
            ended(answered_by=AnsweredBy.HUMAN), AnsweredBy.FAX, AnsweredBy.HUMAN, id="ended, known"
        ),
    ],
)
def test_who_answered_by_a_report(record: CallRecord, said: AnsweredBy | None, stands: AnsweredBy) -> None:
    after, _ = apply_report(record, a_report(answered_by=said), SOON)
    assert after.answered_by is stands
