"""What the workflow counts, held against the rows: only what no late change explains is told."""

from datetime import timedelta

import pytest

from domain.contact import ContactStatus
from domain.counters import BatchTally, CounterDifference
from domain.diagnosis.counter_check import LAG, has_counted, unexplained_differences
from domain.ports import StatusShare
from tests.builders import MONDAY_NOON

NOW = MONDAY_NOON
OLD, LATE = NOW - LAG - timedelta(milliseconds=1), NOW - LAG
PENDING, RETRYING = ContactStatus.PENDING, ContactStatus.RETRYING
DISPATCHED, IN_PROGRESS = ContactStatus.DISPATCHED, ContactStatus.IN_PROGRESS
COMPLETED, SKIPPED = ContactStatus.COMPLETED, ContactStatus.SKIPPED
FOLLOWUP = ContactStatus.FOLLOWUP_SCHEDULED


def rows(late: ContactStatus | None = None, **counts: int) -> dict[ContactStatus, StatusShare]:
    """So many contacts in each status, all of them old but the newest in `late`."""
    return {
        status: StatusShare(
            count=counts[status.value],
            oldest_updated_at=OLD - timedelta(hours=1),
            newest_updated_at=LATE if status is late else OLD,
        )
        for status in ContactStatus
        if counts.get(status.value)
    }


def more(status: ContactStatus, in_workflow: int, in_rows: int) -> frozenset[CounterDifference]:
    return frozenset({CounterDifference(status, in_workflow=in_workflow, in_rows=in_rows)})


AGREE: frozenset[CounterDifference] = frozenset()


@pytest.mark.parametrize(
    ("tally", "standings", "found"),
    [
        pytest.param(
            BatchTally(pending=1, live=3, completed=2),
            rows(pending=1, dispatched=1, in_progress=2, completed=2),
            AGREE,
            id="equal",
        ),
        pytest.param(BatchTally(), {}, AGREE, id="nobody"),
        pytest.param(
            BatchTally(pending=-1, skipped=2), rows(skipped=1), more(SKIPPED, 2, 1), id="skipped twice"
        ),
        pytest.param(
            BatchTally(pending=1), rows(completed=1), more(COMPLETED, 0, 1) | more(PENDING, 1, 0), id="missed"
        ),
        pytest.param(
            BatchTally(pending=3, live=1), rows(dispatched=3, pending=1), more(PENDING, 3, 1), id="forgotten"
        ),
        pytest.param(
            BatchTally(retrying=1, completed=1),
            rows(completed=2),
            more(RETRYING, 1, 0) | more(COMPLETED, 1, 2),
            id="sleeper that has ended",
        ),
        pytest.param(BatchTally(pending=1, live=2), rows(pending=3), AGREE, id="slots wait for the dial"),
        pytest.param(
            BatchTally(live=1, completed=1), rows(retrying=1, completed=1), AGREE, id="a redial waits"
        ),
        pytest.param(
            BatchTally(live=1, completed=1), rows(COMPLETED, completed=2), AGREE, id="report on its way"
        ),
        pytest.param(
            BatchTally(pending=1, completed=1),
            rows(SKIPPED, completed=1, skipped=1),
            AGREE,
            id="skip on its way",
        ),
        pytest.param(
            BatchTally(completed=2),
            rows(FOLLOWUP, completed=1, followup_scheduled=1),
            AGREE,
            id="follow-up on its way",
        ),
        pytest.param(
            BatchTally(pending=4, live=2, completed=4, skipped=0),
            rows(IN_PROGRESS, pending=4, in_progress=1, completed=4, skipped=1),
            more(SKIPPED, 0, 1),
            id="missed while others are called",
        ),
    ],
)
def test_only_what_no_late_change_of_a_row_explains_is_a_difference(
    tally: BatchTally,
    standings: dict[ContactStatus, StatusShare],
    found: frozenset[CounterDifference],
) -> None:
    assert unexplained_differences(tally, standings, NOW) == found


def test_workflow_that_has_not_read_its_batch_has_not_counted() -> None:
    assert not has_counted(BatchTally())
    assert has_counted(BatchTally(pending=3))
