"""What may be done to a campaign, a batch and a contact, cell by cell against the contract's tables."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import product

import pytest

from domain.batch import BatchStatus
from domain.campaign import CampaignStatus
from domain.contact import Contact, ContactStatus
from domain.errors import IllegalTransition
from domain.lifecycle import (
    Action,
    Effect,
    Step,
    require_changeable,
    require_dispatchable,
    require_room_for_follow_up,
    require_skippable,
    status_after_change,
    status_of_resumed_batch,
    step_of_batch,
    step_of_campaign,
)
from tests.builders import a_batch, a_contact

NOW = datetime(2026, 9, 7, 12, tzinfo=UTC)
INSTANT = timedelta.resolution
NO_OP, ILLEGAL = "200 no-op", "409"

# Contract 6.1: draft, active, paused, completed, cancelled. Nobody dispatches or closes a campaign.
CAMPAIGN_TABLE = {
    Action.PAUSE: (ILLEGAL, "paused", NO_OP, ILLEGAL, ILLEGAL),
    Action.RESUME: (ILLEGAL, NO_OP, "active", ILLEGAL, ILLEGAL),
    Action.CANCEL: ("cancelled", "cancelled", "cancelled", ILLEGAL, NO_OP),
    Action.DISPATCH: (ILLEGAL, ILLEGAL, ILLEGAL, ILLEGAL, ILLEGAL),
    Action.CLOSE: (ILLEGAL, ILLEGAL, ILLEGAL, ILLEGAL, ILLEGAL),
}
# Contract 6.2: pending, in_progress, paused, completed, cancelled, expired.
BATCH_TABLE = {
    Action.PAUSE: ("paused", "paused", NO_OP, ILLEGAL, ILLEGAL, ILLEGAL),
    Action.RESUME: (NO_OP, NO_OP, "in_progress", ILLEGAL, ILLEGAL, ILLEGAL),
    Action.CANCEL: ("cancelled", "cancelled", "cancelled", ILLEGAL, NO_OP, ILLEGAL),
    Action.DISPATCH: (ILLEGAL, NO_OP, ILLEGAL, ILLEGAL, ILLEGAL, ILLEGAL),
    Action.CLOSE: (NO_OP, NO_OP, NO_OP, ILLEGAL, ILLEGAL, ILLEGAL),
}
CAMPAIGN_CELLS = [
    (status, action, cell)
    for action, row in CAMPAIGN_TABLE.items()
    for status, cell in zip(CampaignStatus, row, strict=True)
]
BATCH_CELLS = [
    (status, action, cell)
    for action, row in BATCH_TABLE.items()
    for status, cell in zip(BatchStatus, row, strict=True)
]
PARTICIPLES = {
    "pause": "paused",
    "resume": "resumed",
    "cancel": "cancelled",
    "dispatch": "dispatched",
    "close": "closed",
}


def legal(status: str, cell: str) -> Step:
    """Read a cell that is not 409."""
    return Step(Effect.NOTHING, status) if cell == NO_OP else Step(Effect.MOVES, cell)


def forbidden(noun: str, status: str, action: Action) -> str:
    """The words of the contract's 6.3."""
    return f"{noun} is {status} and cannot be {PARTICIPLES[action]}"


def test_tables_of_this_file_have_a_cell_for_every_status_and_action() -> None:
    assert {(status, action) for status, action, _ in CAMPAIGN_CELLS} == set(product(CampaignStatus, Action))
    assert {(status, action) for status, action, _ in BATCH_CELLS} == set(product(BatchStatus, Action))


@pytest.mark.parametrize(
    ("status", "action", "cell"),
    [pytest.param(*each, id=f"{each[0]}-{each[1]}") for each in CAMPAIGN_CELLS if each[2] != ILLEGAL],
)
def test_legal_action_moves_a_campaign_or_leaves_it(
    status: CampaignStatus, action: Action, cell: str
) -> None:
    assert step_of_campaign(status, action) == legal(status, cell)


@pytest.mark.parametrize(
    ("status", "action"),
    [pytest.param(*each[:2], id=f"{each[0]}-{each[1]}") for each in CAMPAIGN_CELLS if each[2] == ILLEGAL],
)
def test_illegal_action_on_a_campaign_is_refused_in_the_words_of_the_contract(
    status: CampaignStatus, action: Action
) -> None:
    with pytest.raises(IllegalTransition) as refusal:
        step_of_campaign(status, action)

    assert refusal.value.message == forbidden("Campaign", status, action)


@pytest.mark.parametrize(
    ("status", "action", "cell"),
    [pytest.param(*each, id=f"{each[0]}-{each[1]}") for each in BATCH_CELLS if each[2] != ILLEGAL],
)
def test_legal_action_moves_a_batch_or_leaves_it(status: BatchStatus, action: Action, cell: str) -> None:
    assert step_of_batch(status, action) == legal(status, cell)


@pytest.mark.parametrize(
    ("status", "action"),
    [pytest.param(*each[:2], id=f"{each[0]}-{each[1]}") for each in BATCH_CELLS if each[2] == ILLEGAL],
)
def test_illegal_action_on_a_batch_is_refused_in_the_words_of_the_contract(
    status: BatchStatus, action: Action
) -> None:
    with pytest.raises(IllegalTransition) as refusal:
        step_of_batch(status, action)

    assert refusal.value.message == forbidden("Batch", status, action)


@pytest.mark.parametrize(
    ("scheduled_start", "status"),
    [
        pytest.param(None, BatchStatus.IN_PROGRESS, id="no start"),
        pytest.param(NOW - timedelta(days=1), BatchStatus.IN_PROGRESS, id="start is past"),
        pytest.param(NOW, BatchStatus.IN_PROGRESS, id="start is now"),
        pytest.param(NOW + INSTANT, BatchStatus.PENDING, id="start is an instant ahead"),
    ],
)
def test_resumed_batch_waits_again_only_while_its_start_lies_ahead(
    scheduled_start: datetime | None, status: BatchStatus
) -> None:
    assert status_of_resumed_batch(scheduled_start, NOW) is status


@pytest.mark.parametrize(
    ("status", "start_now"),
    [
        pytest.param(BatchStatus.PENDING, True, id="pending, at once"),
        pytest.param(BatchStatus.IN_PROGRESS, False, id="running"),
        pytest.param(BatchStatus.IN_PROGRESS, True, id="running, at once"),
    ],
)
def test_running_batch_and_one_that_is_to_start_at_once_may_be_dispatched(
    status: BatchStatus, start_now: bool
) -> None:
    require_dispatchable(a_batch(status=status, scheduled_start=NOW), start_now=start_now)


@pytest.mark.parametrize("start_now", [False, True])
@pytest.mark.parametrize(
    "status", [BatchStatus.PAUSED, BatchStatus.COMPLETED, BatchStatus.CANCELLED, BatchStatus.EXPIRED]
)
def test_held_or_ended_batch_is_not_dispatched_at_once_either(status: BatchStatus, start_now: bool) -> None:
    with pytest.raises(IllegalTransition) as refusal:
        require_dispatchable(a_batch(status=status), start_now=start_now)

    assert refusal.value.message == forbidden("Batch", status, Action.DISPATCH)


@pytest.mark.parametrize(
    ("scheduled_start", "told"),
    [
        pytest.param(datetime(2026, 9, 7, 13, tzinfo=UTC), "2026-09-07T13:00:00Z", id="whole second"),
        pytest.param(
            datetime(2026, 9, 7, 13, 0, 0, 250_999, tzinfo=UTC), "2026-09-07T13:00:00.250Z", id="milliseconds"
        ),
        pytest.param(
            datetime(2026, 9, 7, 13, 0, 0, 999, tzinfo=UTC), "2026-09-07T13:00:00Z", id="less than one"
        ),
        pytest.param(
            datetime(2026, 9, 7, 18, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            "2026-09-07T13:00:00Z",
            id="another offset",
        ),
        pytest.param(None, "its start", id="no start known"),
    ],
)
def test_dispatch_before_the_start_names_the_start_and_the_way_out(
    scheduled_start: datetime | None, told: str
) -> None:
    waiting = a_batch(status=BatchStatus.PENDING, scheduled_start=scheduled_start)

    with pytest.raises(IllegalTransition) as refusal:
        require_dispatchable(waiting, start_now=False)

    assert refusal.value.message == (
        f"Batch is pending until {told} and cannot be dispatched; use ?now=true to start it at once"
    )


@pytest.mark.parametrize("status", ["pending", "retrying", "followup_scheduled"])
def test_waiting_contact_may_be_skipped(status: str) -> None:
    require_skippable(ContactStatus(status))


@pytest.mark.parametrize(
    "status",
    [
        *("dispatched", "in_progress", "completed", "busy"),
        *("no_answer", "failed", "max_retries_reached", "skipped"),
    ],
)
def test_live_or_ended_contact_is_not_skipped(status: str) -> None:
    with pytest.raises(IllegalTransition) as refusal:
        require_skippable(ContactStatus(status))

    assert refusal.value.message == f"Contact is {status} and cannot be skipped"


@pytest.mark.parametrize("batch", ["pending", "in_progress", "paused"])
@pytest.mark.parametrize(("dialled", "limit"), [(0, 1), (1, 2)])
def test_completed_contact_of_a_batch_that_goes_on_may_be_called_again(
    batch: str, dialled: int, limit: int
) -> None:
    talked = a_contact(status=ContactStatus.COMPLETED, follow_up_count=dialled)

    require_room_for_follow_up(talked, BatchStatus(batch), limit)


@pytest.mark.parametrize(
    ("contact", "batch", "limit", "told"),
    [
        *(
            pytest.param(
                a_contact(status=status, follow_up_count=1),
                BatchStatus.CANCELLED,
                1,
                f"Contact is {status} and cannot be given a follow-up",
                id=f"contact {status}",
            )
            for status in ContactStatus
            if status is not ContactStatus.COMPLETED
        ),
        *(
            pytest.param(
                a_contact(status=ContactStatus.COMPLETED, follow_up_count=1),
                status,
                1,
                f"Batch is {status} and cannot be given a follow-up",
                id=f"batch {status}",
            )
            for status in (BatchStatus.COMPLETED, BatchStatus.CANCELLED, BatchStatus.EXPIRED)
        ),
        *(
            pytest.param(
                a_contact(status=ContactStatus.COMPLETED, follow_up_count=dialled),
                BatchStatus.IN_PROGRESS,
                limit,
                f"Contact has no follow-up left (limit {limit})",
                id=f"{dialled} of {limit} dialled",
            )
            for dialled, limit in ((0, 0), (1, 1), (3, 2))
        ),
    ],
)
def test_follow_up_is_refused_for_the_contact_then_for_the_batch_then_for_the_limit(
    contact: Contact, batch: BatchStatus, limit: int, told: str
) -> None:
    with pytest.raises(IllegalTransition) as refusal:
        require_room_for_follow_up(contact, batch, limit)

    assert refusal.value.message == told


@pytest.mark.parametrize("status", BatchStatus)
def test_batch_in_any_status_takes_words_about_it(status: BatchStatus) -> None:
    require_changeable(a_batch(status=status), {"name", "metadata"}, NOW)


@pytest.mark.parametrize("status", [BatchStatus.COMPLETED, BatchStatus.CANCELLED, BatchStatus.EXPIRED])
@pytest.mark.parametrize("field", ["concurrency_limit", "scheduled_end", "retry_policy", "call_context"])
def test_batch_that_is_over_takes_nothing_else(status: BatchStatus, field: str) -> None:
    with pytest.raises(IllegalTransition) as refused:
        require_changeable(a_batch(status=status), {"name", field}, NOW)

    assert refused.value.message == f"Batch is {status} and cannot be changed but for its name and metadata"


@pytest.mark.parametrize(
    ("start", "is_changeable"),
    [
        pytest.param(NOW + INSTANT, True, id="ahead"),
        pytest.param(NOW, False, id="come"),
        pytest.param(NOW - INSTANT, False, id="past"),
        pytest.param(None, False, id="none"),
    ],
)
def test_start_is_changed_only_while_it_lies_ahead(start: datetime | None, is_changeable: bool) -> None:
    batch = a_batch(status=BatchStatus.PAUSED, scheduled_start=start)

    if is_changeable:
        require_changeable(batch, {"scheduled_start"}, NOW)
    else:
        with pytest.raises(IllegalTransition, match="Batch has started and its scheduled_start cannot"):
            require_changeable(batch, {"scheduled_start"}, NOW)


@pytest.mark.parametrize(
    ("status", "start", "becomes"),
    [
        pytest.param(BatchStatus.PENDING, NOW + INSTANT, BatchStatus.PENDING, id="ahead"),
        pytest.param(BatchStatus.PENDING, NOW, BatchStatus.IN_PROGRESS, id="come"),
        pytest.param(BatchStatus.PENDING, None, BatchStatus.IN_PROGRESS, id="at once"),
        pytest.param(BatchStatus.PAUSED, None, BatchStatus.PAUSED, id="held"),
        pytest.param(BatchStatus.COMPLETED, None, BatchStatus.COMPLETED, id="over"),
    ],
)
def test_pending_batch_begins_where_its_start_lies_ahead_no_more(
    status: BatchStatus, start: datetime | None, becomes: BatchStatus
) -> None:
    assert status_after_change(a_batch(status=status, scheduled_start=start), NOW) is becomes
