"""Who answered and what came of it, as events tell it: early, late, twice and in any order."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.call import CallRecord, CallStatus, EventEffect, StatusEvent, apply_event
from domain.disposition import AnsweredBy, is_disposition
from tests.builders import MONDAY_NOON, a_call_record, a_status_event

HUMAN, MACHINE, UNKNOWN = AnsweredBy.HUMAN, AnsweredBy.MACHINE, AnsweredBy.UNKNOWN
RINGING, TALKING, OVER = CallStatus.RINGING, CallStatus.IN_PROGRESS, CallStatus.COMPLETED


def a_record(status: CallStatus = RINGING, **known: Any) -> CallRecord:
    return a_call_record(call_status=status, started_at=MONDAY_NOON - timedelta(minutes=1), **known)


def after(record: CallRecord, *events: StatusEvent) -> CallRecord:
    for event in events:
        record, _ = apply_event(record, event)
    return record


@pytest.mark.parametrize(
    ("events", "answered_by"),
    [
        pytest.param([a_status_event(TALKING)], None, id="nobody told"),
        pytest.param([a_status_event(TALKING, answered_by=HUMAN)], HUMAN, id="with the answer"),
        pytest.param([a_status_event(OVER, answered_by=MACHINE)], MACHINE, id="with the ending"),
        pytest.param(
            [a_status_event(TALKING), a_status_event(TALKING, answered_by=MACHINE)], MACHINE, id="repeated"
        ),
        pytest.param(
            [a_status_event(OVER), a_status_event(OVER, answered_by=MACHINE)], MACHINE, id="ending repeated"
        ),
        pytest.param(
            [a_status_event(OVER), a_status_event(TALKING, answered_by=MACHINE)], MACHINE, id="out of order"
        ),
        pytest.param(
            [a_status_event(TALKING, answered_by=MACHINE), a_status_event(OVER, answered_by=HUMAN)],
            MACHINE,
            id="a decision is not undone",
        ),
        pytest.param(
            [a_status_event(TALKING, answered_by=UNKNOWN), a_status_event(TALKING, answered_by=MACHINE)],
            UNKNOWN,
            id="nor is the decision that nobody can tell",
        ),
    ],
)
def test_first_word_of_who_answered_stands(events: list[StatusEvent], answered_by: AnsweredBy | None) -> None:
    assert after(a_record(), *events).answered_by is answered_by


@pytest.mark.parametrize(
    ("record", "event", "kept"),
    [
        pytest.param(
            a_record(),
            a_status_event(TALKING, disposition="promised", disposition_note="at nine"),
            ("promised", "at nine", None),
            id="first",
        ),
        pytest.param(
            a_record(disposition="promised", disposition_note="at nine", disposition_data={"a": 1}),
            a_status_event(OVER, disposition="refused"),
            ("refused", None, None),
            id="latest of a call that goes on, with its own note and data",
        ),
        pytest.param(
            a_record(disposition="promised"),
            a_status_event(OVER, disposition_note="at nine"),
            ("promised", "at nine", None),
            id="note that comes later",
        ),
        pytest.param(
            a_record(disposition="promised", disposition_note="at nine"),
            a_status_event(OVER),
            ("promised", "at nine", None),
            id="ending without one",
        ),
        pytest.param(
            a_record(OVER),
            a_status_event(OVER, disposition="late"),
            ("late", None, None),
            id="ending repeated",
        ),
        pytest.param(
            a_record(OVER, disposition="promised"),
            a_status_event(OVER, disposition="refused", disposition_note="no", disposition_data={"a": 1}),
            ("promised", None, None),
            id="another one of an ended call",
        ),
        pytest.param(
            a_record(OVER, disposition="promised"),
            a_status_event(OVER, disposition="promised", disposition_note="at nine"),
            ("promised", "at nine", None),
            id="the same of an ended call fills its note",
        ),
        pytest.param(
            a_record(OVER), a_status_event(TALKING, disposition="late"), (None, None, None), id="out of order"
        ),
        pytest.param(
            a_record(CallStatus.UNKNOWN, disposition="promised"),
            a_status_event(OVER, disposition="refused"),
            ("promised", None, None),
            id="real ending after an unknown one",
        ),
    ],
)
def test_disposition_of_an_event(
    record: CallRecord, event: StatusEvent, kept: tuple[str | None, str | None, object]
) -> None:
    told = after(record, event)
    assert (told.disposition, told.disposition_note, told.disposition_data) == kept


def test_late_word_of_who_answered_moves_nothing_else() -> None:
    record = a_record(OVER, ended_at=MONDAY_NOON)
    event = a_status_event(TALKING, answered_by=HUMAN, summary="a talk", disposition="refused")
    assert apply_event(record, event) == (replace(record, answered_by=HUMAN), EventEffect.STALE)


@pytest.mark.parametrize(
    ("text", "may_stand"),
    [
        pytest.param("wrong_number", True, id="words"),
        pytest.param("a", True, id="one letter"),
        pytest.param("a" + "1" * 63, True, id="64 characters"),
        pytest.param("a" + "1" * 64, False, id="65 characters"),
        pytest.param("", False, id="empty"),
        pytest.param("1st", False, id="digit first"),
        pytest.param("_a", False, id="underscore first"),
        pytest.param("Wrong", False, id="capital"),
        pytest.param("call-back", False, id="dash"),
        pytest.param("café", False, id="letter of another alphabet"),
        pytest.param("a\n", False, id="line break at the end"),
    ],
)
def test_dispositions_are_plain_words(text: str, may_stand: bool) -> None:
    assert is_disposition(text) is may_stand
