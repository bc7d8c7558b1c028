"""What a batch says of its slots when it asks for more: nobody is told of a slot that it takes again."""

from dataclasses import replace
from datetime import timedelta

from domain.batch import BatchStatus
from domain.slots import GrantedSlots, Wake
from tests.builders import BATCH_ID, MONDAY_NOON
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


COUNTS_AFTER = (limits.COUNT_FROM - timedelta(milliseconds=1), limits.COUNT_FROM)


def held_before(dispatcher: Dispatcher, after: timedelta = timedelta(seconds=1)) -> int | None:
    return dispatcher.request("key", 10, MONDAY_NOON + after).held_before


def looked(dispatcher: Dispatcher, in_use: int) -> None:
    """Let a look be answered and its slots be handed out."""
    stands = replace(STANDS, in_use=in_use)
    dispatcher.take(stands, MONDAY_NOON)
    dispatcher.hand_out(stands)


def test_first_look_knows_of_no_slot_held_before() -> None:
    assert held_before(Dispatcher(BATCH_ID, BatchState(), MONDAY_NOON)) is None


def test_next_look_names_the_slots_held_after_the_one_before() -> None:
    dispatcher = Dispatcher(BATCH_ID, BatchState(), MONDAY_NOON)
    looked(dispatcher, 4)

    assert held_before(dispatcher) == 4


def test_next_run_knows_what_the_one_before_held() -> None:
    assert held_before(Dispatcher(BATCH_ID, BatchState(stands=STANDS), MONDAY_NOON)) == 4


def test_slots_other_batches_left_are_passed_on_unless_they_are_taken() -> None:
    dispatcher = Dispatcher(BATCH_ID, BatchState(stands=STANDS), MONDAY_NOON)
    dispatcher.hear_of_free_slot()
    dispatcher.hear_of_free_slot()

    assert held_before(dispatcher) == 6
    looked(dispatcher, 5)
    assert held_before(dispatcher) == 5


def test_slot_heard_of_while_the_look_was_under_way_counts_for_the_next() -> None:
    dispatcher = Dispatcher(BATCH_ID, BatchState(stands=STANDS), MONDAY_NOON)
    held_before(dispatcher)
    dispatcher.hear_of_free_slot()
    looked(dispatcher, 4)

    assert held_before(dispatcher) == 5


def test_answer_that_was_not_handed_out_leaves_its_slots_to_the_next_look() -> None:
    dispatcher = Dispatcher(BATCH_ID, BatchState(stands=STANDS), MONDAY_NOON)
    held_before(dispatcher)
    dispatcher.take(replace(STANDS, in_use=2), MONDAY_NOON)

    assert held_before(dispatcher) == 4


def test_look_at_everybody_makes_up_for_what_was_lost() -> None:
    dispatcher = Dispatcher(BATCH_ID, BatchState(stands=STANDS), MONDAY_NOON)

    assert held_before(dispatcher, after=timedelta(seconds=10)) is None


RESTING = replace(STANDS, in_use=0, is_resting=True)


def test_batch_that_rests_wakes_by_no_timer_however_long() -> None:
    dispatcher = Dispatcher(BATCH_ID, BatchState(counted_at=MONDAY_NOON), MONDAY_NOON)
    counted = replace(RESTING, counts={}, holders=())
    dispatcher.take(counted, MONDAY_NOON)

    assert dispatcher.next_wake(counted, MONDAY_NOON) is None
    dispatcher.request("key", 10, MONDAY_NOON + timedelta(days=365))


def test_batch_that_rests_wakes_for_its_end() -> None:
    dispatcher = Dispatcher(BATCH_ID, BatchState(counted_at=MONDAY_NOON), MONDAY_NOON)
    end = Wake(timedelta(hours=1), "scheduled end")
    counted = replace(RESTING, counts={}, holders=(), wakes=(end,))
    dispatcher.take(counted, MONDAY_NOON)

    assert dispatcher.next_wake(counted, MONDAY_NOON) == (MONDAY_NOON + timedelta(hours=1), "scheduled end")


def test_batch_that_rests_no_more_looks_again_soon() -> None:
    dispatcher = Dispatcher(BATCH_ID, BatchState(stands=RESTING), MONDAY_NOON)
    looked(dispatcher, 1)

    wake = dispatcher.next_wake(STANDS, MONDAY_NOON)
    assert wake is not None
    assert wake[1] == "look at the rows again"


def lingers(dispatcher: Dispatcher, *seconds: float) -> list[timedelta]:
    """Ask at these instants; return how long each request waits before it reads the rows."""
    instants = [MONDAY_NOON + timedelta(seconds=each) for each in seconds]
    return [dispatcher.request("key", 10, at).linger for at in instants]


def test_look_soon_after_another_waits_so_that_news_gather_and_any_other_waits_for_nothing() -> None:
    dispatcher = Dispatcher(BATCH_ID, BatchState(), MONDAY_NOON)
    dispatcher.follow_children("run-1")

    waited = lingers(dispatcher, 0, 0.03, 1, 1.1)

    assert waited == [timedelta(), limits.LOOKS_APART - timedelta(seconds=0.03), timedelta(), timedelta()]


def test_look_of_a_run_that_does_not_follow_its_children_never_waits() -> None:
    assert lingers(Dispatcher(BATCH_ID, BatchState(), MONDAY_NOON), 0, 0.03) == [timedelta()] * 2


def test_look_that_is_made_anyway_counts_before_the_count_falls_due() -> None:
    dispatcher = Dispatcher(BATCH_ID, BatchState(counted_at=MONDAY_NOON), MONDAY_NOON)

    is_counted = [dispatcher.request("key", 10, MONDAY_NOON + each).is_counted for each in COUNTS_AFTER]

    assert is_counted == [False, True]


def test_look_that_somebody_waits_for_is_made_at_once() -> None:
    dispatcher = Dispatcher(BATCH_ID, BatchState(), MONDAY_NOON)
    dispatcher.follow_children("run-1")
    lingers(dispatcher, 0)
    dispatcher.hurry()

    assert lingers(dispatcher, 0.03) == [timedelta()]
