"""The bookkeeping of slots: every change once, whatever is told twice or out of order."""

import random

import pytest

from activities.messages import FreshContact, FreshPage, LoadedBatch, SlotHolder, SlotRequest
from domain.call import AttemptKind
from domain.contact import TERMINAL, ContactStatus
from domain.counters import BatchTally
from workflows import slots
from workflows.messages import BatchState


def a_state(*, total: int = 10, limit: int = 2) -> BatchState:
    return BatchState(total_contacts=total, concurrency_limit=limit)


def fresh(count: int, start: int = 1) -> list[FreshContact]:
    return [FreshContact(f"con_{number}", number) for number in range(start, start + count)]


def redial(contact_id: str, attempt: int = 2) -> SlotRequest:
    return SlotRequest(contact_id, attempt, AttemptKind.RETRY)


def test_fresh_contacts_start_in_their_order_and_hold_a_slot_each() -> None:
    state = a_state()
    slots.add_page(state, FreshPage(contacts=fresh(3)), limit=3)

    taken = [slots.take_fresh(state), slots.take_fresh(state)]

    assert taken == fresh(2)
    assert slots.free_slots(state) == 0
    assert slots.tally(state) == BatchTally(pending=8, live=2)


def test_short_page_is_the_last_one() -> None:
    state = a_state()

    slots.add_page(state, FreshPage(contacts=fresh(3)), limit=3)
    assert (state.cursor, state.fresh_is_exhausted) == (3, False)

    slots.add_page(state, FreshPage(contacts=[]), limit=3)
    assert (state.cursor, state.fresh_is_exhausted) == (3, True)


@pytest.mark.parametrize(
    ("page", "cursor", "is_last"),
    [
        pytest.param(FreshPage(contacts=fresh(1), busy=2, last_position=3), 3, False, id="busy behind it"),
        pytest.param(FreshPage(contacts=[], busy=3, last_position=3), 3, False, id="busy ones only"),
        pytest.param(FreshPage(contacts=fresh(1), busy=1, last_position=2), 2, True, id="fewer than asked"),
        pytest.param(
            FreshPage(contacts=fresh(1), busy=1, capped=1, last_position=3), 3, False, id="capped behind it"
        ),
        pytest.param(FreshPage(contacts=[], capped=2, last_position=2), 2, True, id="capped ones, no more"),
        pytest.param(FreshPage(contacts=[], busy=0), 0, True, id="nobody"),
        pytest.param(FreshPage(contacts=fresh(3)), 3, False, id="of an older worker, full"),
        pytest.param(FreshPage(contacts=fresh(2)), 2, True, id="of an older worker, short"),
    ],
)
def test_reading_goes_on_behind_the_last_contact_looked_at(
    page: FreshPage, cursor: int, is_last: bool
) -> None:
    state = a_state()

    slots.add_page(state, page, limit=3)

    assert (state.cursor, state.fresh_is_exhausted) == (cursor, is_last)


def test_contact_that_holds_a_slot_or_waits_for_one_is_not_started_again() -> None:
    state = a_state()
    state.in_flight["con_1"] = 1
    slots.request_slot(state, redial("con_2"))
    slots.add_page(state, FreshPage(contacts=fresh(3)), limit=3)

    assert slots.take_fresh(state) == FreshContact("con_3", 3)


def test_report_frees_the_slot_once() -> None:
    state = a_state()
    state.in_flight["con_1"] = 1

    assert slots.release(state, "con_1", 1, ContactStatus.COMPLETED)
    assert not slots.release(state, "con_1", 1, ContactStatus.COMPLETED)
    assert slots.tally(state) == BatchTally(pending=9, completed=1)


@pytest.mark.parametrize(
    ("attempt", "status"),
    [
        pytest.param(1, ContactStatus.BUSY, id="of an earlier attempt"),
        pytest.param(3, ContactStatus.BUSY, id="of an attempt nobody granted"),
        pytest.param(2, ContactStatus.IN_PROGRESS, id="of a contact still on the phone"),
    ],
)
def test_report_that_does_not_end_the_attempt_keeps_the_slot(attempt: int, status: ContactStatus) -> None:
    state = a_state()
    state.in_flight["con_1"] = 2

    assert not slots.release(state, "con_1", attempt, status)
    assert state.in_flight == {"con_1": 2}


def test_follow_ups_go_before_redials_and_both_in_the_order_they_asked() -> None:
    state = a_state(limit=9)
    for request in [
        redial("con_1"),
        SlotRequest("con_2", 2, AttemptKind.FOLLOW_UP),
        redial("con_3"),
        SlotRequest("con_4", 3, AttemptKind.FOLLOW_UP),
    ]:
        slots.request_slot(state, request)

    order = [request.contact_id for request in iter(lambda: slots.take_waiting(state), None)]

    assert order == ["con_2", "con_4", "con_1", "con_3"]


def test_waiting_contact_counts_as_retrying_until_it_is_granted() -> None:
    state = a_state()
    state.in_flight["con_1"] = 1
    slots.release(state, "con_1", 1, ContactStatus.RETRYING)
    slots.request_slot(state, redial("con_1"))
    assert slots.tally(state) == BatchTally(pending=9, retrying=1)

    slots.take_waiting(state)
    assert slots.tally(state) == BatchTally(pending=9, live=1)


def test_doubled_request_is_one_request() -> None:
    state = a_state()

    assert slots.request_slot(state, redial("con_1"))
    assert not slots.request_slot(state, redial("con_1"))
    slots.take_waiting(state)
    assert not slots.request_slot(state, redial("con_1"))
    assert state.waiting == []


def test_full_queue_turns_requests_away_and_remembers_that_it_did() -> None:
    state = a_state(total=5000)
    for number in range(slots.MAX_WAITING):
        slots.request_slot(state, redial(f"con_{number}"))

    assert not slots.request_slot(state, redial("con_late"))
    assert state.overflowed


def test_withheld_fresh_contact_is_pending_again_and_comes_back_by_request() -> None:
    state = a_state()
    state.in_flight["con_1"] = 1

    slots.release(state, "con_1", 1, ContactStatus.PENDING)
    slots.request_slot(state, SlotRequest("con_1", 1, AttemptKind.INITIAL))
    assert slots.tally(state) == BatchTally(pending=10)

    slots.take_waiting(state)
    assert slots.tally(state) == BatchTally(pending=9, live=1)


def test_sleeping_contact_whose_workflow_died_is_closed_and_no_longer_waits() -> None:
    state = a_state()
    state.settled[ContactStatus.RETRYING] = 1
    slots.request_slot(state, redial("con_1"))

    slots.close_sleeping(state, "con_1", ContactStatus.RETRYING, ContactStatus.SKIPPED)

    assert state.waiting == []
    assert slots.tally(state) == BatchTally(pending=9, skipped=1)


def test_batch_taken_over_from_the_database_knows_who_is_on_the_phone() -> None:
    state = a_state()
    loaded = LoadedBatch(
        exists=True,
        total_contacts=6,
        concurrency_limit=3,
        counts={
            ContactStatus.PENDING: 2,
            ContactStatus.IN_PROGRESS: 1,
            ContactStatus.RETRYING: 1,
            ContactStatus.COMPLETED: 2,
        },
        live=[SlotHolder("con_5", 2)],
    )

    slots.adopt(state, loaded)

    assert state.in_flight == {"con_5": 2}
    assert slots.tally(state) == BatchTally(pending=2, live=1, retrying=1, completed=2)


def test_batch_is_done_only_when_nobody_is_left_to_call_now_or_later() -> None:
    state = a_state(total=2)
    state.settled = {ContactStatus.COMPLETED: 1, ContactStatus.RETRYING: 1}
    assert not slots.is_done(state)

    state.settled = {ContactStatus.COMPLETED: 1, ContactStatus.SKIPPED: 1}
    assert slots.is_done(state)


@pytest.mark.parametrize("seed", range(20))
def test_numbers_sum_to_the_total_and_the_limit_holds_whatever_is_signalled(seed: int) -> None:
    dice = random.Random(seed)
    state = a_state(total=30, limit=4)
    slots.add_page(state, FreshPage(contacts=fresh(30)), limit=30)
    for _ in range(600):
        contact_id = f"con_{dice.randint(1, 30)}"
        attempt = dice.randint(1, 3)
        match dice.randint(0, 3):
            case 0 if slots.free_slots(state):
                slots.take_fresh(state)
            case 1 if slots.free_slots(state):
                slots.take_waiting(state)
            case 2:
                status = dice.choice(sorted(TERMINAL | {ContactStatus.RETRYING, ContactStatus.DISPATCHED}))
                slots.release(state, contact_id, attempt, status)
            case _:
                if state.settled.get(ContactStatus.RETRYING, 0) > len(state.waiting):
                    slots.request_slot(state, redial(contact_id, attempt))
        numbers = slots.tally(state)
        assert numbers.live <= 4
        assert sum(vars(numbers).values()) == 30


def test_next_run_reads_contacts_anew_whom_a_closed_window_left_out_of_this_one() -> None:
    state = a_state()
    slots.add_page(state, FreshPage(contacts=fresh(2)), limit=200)
    slots.take_fresh(state)
    assert state.fresh_is_exhausted

    slots.carry_over(state)

    assert (state.runs, state.cursor, state.fresh, state.fresh_is_exhausted) == (2, 0, [], False)
    assert slots.tally(state) == BatchTally(pending=9, live=1)
    slots.add_page(state, FreshPage(contacts=fresh(2)), limit=200)
    assert slots.take_fresh(state) == FreshContact("con_2", 2)  # con_1 holds its slot already
