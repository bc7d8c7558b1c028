"""What a batch says of its slots when it asks for more: nobody is told of a slot that it takes again."""

from dataclasses import replace
from datetime import timedelta

from domain.batch import BatchStatus
from domain.slots import OVERDUE_AFTER, GrantedSlots, Wake
from tests.builders import BATCH_ID, MONDAY_NOON
from tests.fakes import FakeLookClock
from workflows.batch import limits
from workflows.batch.dispatcher import Dispatcher
from workflows.messages import BatchState

STANDS = GrantedSlots(
    status=BatchStatus.IN_PROGRESS,
    paused_by=None,
    total_contacts=9,
    concurrency_limit=4,
    campaign_limit=6,
    in_use=4,
    campaign_in_use=6,
    is_begin_due=False,
    is_end_due=False,
    is_done=False,
)


TICK = timedelta(milliseconds=1)
COUNTS_AFTER = (limits.COUNT_FROM - TICK, limits.COUNT_FROM)


def a_dispatcher(state: BatchState, clock: FakeLookClock | None = None) -> Dispatcher:
    return Dispatcher(BATCH_ID, state, clock or FakeLookClock())


def held_before(dispatcher: Dispatcher, after: timedelta = timedelta(seconds=1)) -> int | None:
    return dispatcher.request("key", 10, MONDAY_NOON).as_of(MONDAY_NOON + after).held_before


def looked(dispatcher: Dispatcher, in_use: int) -> None:
    """Let a look be answered and its slots be handed out."""
    stands = replace(STANDS, in_use=in_use)
    dispatcher.take(stands, MONDAY_NOON)
    dispatcher.hand_out(stands)


def test_first_look_knows_of_no_slot_held_before() -> None:
    assert held_before(a_dispatcher(BatchState())) is None


def test_next_look_names_the_slots_held_after_the_one_before() -> None:
    dispatcher = a_dispatcher(BatchState())
    looked(dispatcher, 4)

    assert held_before(dispatcher) == 4


def test_next_run_knows_what_the_one_before_held() -> None:
    assert held_before(a_dispatcher(BatchState(stands=STANDS))) == 4


def test_slots_other_batches_left_are_passed_on_unless_they_are_taken() -> None:
    dispatcher = a_dispatcher(BatchState(stands=STANDS))
    dispatcher.hear_of_free_slot()
    dispatcher.hear_of_free_slot()

    assert held_before(dispatcher) == 6
    looked(dispatcher, 5)
    assert held_before(dispatcher) == 5


def test_slot_heard_of_while_the_look_was_under_way_counts_for_the_next() -> None:
    dispatcher = a_dispatcher(BatchState(stands=STANDS))
    held_before(dispatcher)
    dispatcher.hear_of_free_slot()
    looked(dispatcher, 4)

    assert held_before(dispatcher) == 5


def test_answer_that_was_not_handed_out_leaves_its_slots_to_the_next_look() -> None:
    dispatcher = a_dispatcher(BatchState(stands=STANDS))
    held_before(dispatcher)
    dispatcher.take(replace(STANDS, in_use=2), MONDAY_NOON)

    assert held_before(dispatcher) == 4


def test_look_at_everybody_makes_up_for_what_was_lost() -> None:
    dispatcher = a_dispatcher(BatchState(stands=STANDS))
    looked(dispatcher, 4)

    assert held_before(dispatcher, after=timedelta(seconds=10)) is None


def test_look_decides_by_its_own_time_whether_everybody_is_read_and_counted() -> None:
    dispatcher = a_dispatcher(BatchState(counted_at=MONDAY_NOON, cursor=7, zones=("Asia/Tokyo",)))
    looked(dispatcher, 4)
    request = dispatcher.request("key", 10, MONDAY_NOON + timedelta(days=1))
    level_at, count_at = MONDAY_NOON + limits.LOOK_EVERY, MONDAY_NOON + limits.COUNT_FROM

    assert (request.level_at, request.count_at) == (level_at, count_at)
    assert request.as_of(count_at - TICK) == request
    assert request.as_of(count_at) == replace(request, is_counted=True)
    assert request.as_of(level_at) == replace(
        request, is_counted=True, is_leveled=True, cursor=0, zones=None, held_before=None
    )


def test_time_of_the_task_changes_nothing_but_how_long_a_look_waits() -> None:
    states = [BatchState(stands=STANDS, counted_at=MONDAY_NOON, cursor=7) for _ in range(2)]
    early, late = (a_dispatcher(each) for each in states)
    for dispatcher, at in ((early, MONDAY_NOON), (late, MONDAY_NOON + timedelta(hours=1))):
        dispatcher.follow_children("run-1")
        for look in range(3):
            dispatcher.ask(f"con_{look}")
            dispatcher.request(f"key/{look}", 10, at)
            dispatcher.take(replace(STANDS, is_leveled=look == 1), MONDAY_NOON + look * limits.COUNT_EVERY)

    assert states[0] == states[1]
    assert early.next_wake(STANDS, MONDAY_NOON) == late.next_wake(STANDS, MONDAY_NOON)


def test_run_that_goes_by_its_tasks_decides_before_it_looks() -> None:
    dispatcher = a_dispatcher(
        BatchState(counted_at=MONDAY_NOON, cursor=7), FakeLookClock(goes_by_looks=False)
    )

    soon, later = (dispatcher.request("key", 10, MONDAY_NOON + timedelta(seconds=at)) for at in (1, 10))

    assert (soon.cursor, soon.is_counted) == (7, False)
    assert (later.cursor, later.is_counted) == (0, True)
    assert {(each.level_at, each.count_at, each.is_leveled) for each in (soon, later)} == {
        (None, None, False)
    }


def test_contact_that_asked_is_remembered_from_the_next_look_on() -> None:
    state = BatchState()
    dispatcher = a_dispatcher(state)
    dispatcher.ask("con_1")
    much_later = MONDAY_NOON + timedelta(hours=1)

    dispatcher.take(STANDS, much_later)
    assert state.asked == {"con_1": much_later}
    dispatcher.take(STANDS, much_later + 2 * OVERDUE_AFTER)
    assert state.asked == {}


RESTING = replace(STANDS, in_use=0, is_resting=True)


def test_batch_that_rests_wakes_by_no_timer_however_long() -> None:
    dispatcher = a_dispatcher(BatchState(counted_at=MONDAY_NOON))
    counted = replace(RESTING, counts={}, holders=())
    dispatcher.take(counted, MONDAY_NOON)

    assert dispatcher.next_wake(counted, MONDAY_NOON) is None
    dispatcher.request("key", 10, MONDAY_NOON + timedelta(days=365))


def test_batch_that_rests_wakes_for_its_end() -> None:
    dispatcher = a_dispatcher(BatchState(counted_at=MONDAY_NOON))
    end = Wake(timedelta(hours=1), "scheduled end")
    counted = replace(RESTING, counts={}, holders=(), wakes=(end,))
    dispatcher.take(counted, MONDAY_NOON)

    assert dispatcher.next_wake(counted, MONDAY_NOON) == (MONDAY_NOON + timedelta(hours=1), "scheduled end")


def test_batch_that_rests_no_more_looks_again_soon() -> None:
    dispatcher = a_dispatcher(BatchState(stands=RESTING))
    looked(dispatcher, 1)

    wake = dispatcher.next_wake(STANDS, MONDAY_NOON)
    assert wake is not None
    assert wake[1] == "look at the rows again"


def lingers(dispatcher: Dispatcher, *seconds: float) -> list[timedelta]:
    """Ask at these instants; return how long each request waits before it reads the rows."""
    instants = [MONDAY_NOON + timedelta(seconds=each) for each in seconds]
    return [dispatcher.request("key", 10, at).linger for at in instants]


def test_look_soon_after_another_waits_so_that_news_gather_and_any_other_waits_for_nothing() -> None:
    dispatcher = a_dispatcher(BatchState())
    dispatcher.follow_children("run-1")

    waited = lingers(dispatcher, 0, 0.03, 1, 1.1)

    assert waited == [timedelta(), limits.LOOKS_APART - timedelta(seconds=0.03), timedelta(), timedelta()]


def test_look_of_a_run_that_does_not_follow_its_children_never_waits() -> None:
    assert lingers(a_dispatcher(BatchState()), 0, 0.03) == [timedelta()] * 2


def test_look_that_is_made_anyway_counts_before_the_count_falls_due() -> None:
    dispatcher = a_dispatcher(BatchState(counted_at=MONDAY_NOON))

    request = dispatcher.request("key", 10, MONDAY_NOON)
    is_counted = [request.as_of(MONDAY_NOON + each).is_counted for each in COUNTS_AFTER]

    assert is_counted == [False, True]


def test_look_that_somebody_waits_for_is_made_at_once() -> None:
    dispatcher = a_dispatcher(BatchState())
    dispatcher.follow_children("run-1")
    lingers(dispatcher, 0)
    dispatcher.hurry()

    assert lingers(dispatcher, 0.03) == [timedelta()]
