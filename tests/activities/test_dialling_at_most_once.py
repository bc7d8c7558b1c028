"""A phone rings at most once an attempt, wherever the worker dies and however often it is asked."""

import asyncio
from datetime import timedelta

import pytest

from activities.messages import DialAnswer, PlacedCall
from domain.batch import BatchStatus
from domain.call import CallRecord, CallStatus, DialState
from domain.contact import ContactStatus
from domain.identity import ExecutionId
from domain.telephony import (
    Accepted,
    Ambiguous,
    DialResult,
    Misconfigured,
    Refused,
    Throttled,
    Unavailable,
)
from tests.activities.world import (
    ASKED_AT,
    FIRST_DIAL,
    TIMING,
    Moment,
    WorkerKilled,
    World,
    a_call_under_way,
    a_dialled_call,
)
from tests.builders import BATCH_ID, a_batch

ACCEPTED = Accepted("call-1")
REFUSED = Refused("no such agent")
THROTTLED = Throttled(timedelta(seconds=10))

BEFORE_THE_ROW: Moment = ("before", "claim_attempt")
AFTER_THE_ROW: Moment = ("after", "claim_attempt")
BEFORE_THE_ANSWER: Moment = ("after", "place_call")
BEFORE_IT_IS_KEPT: Moment = ("before", "record_dial")
AFTER_IT_IS_KEPT: Moment = ("after", "record_dial")


@pytest.mark.parametrize(
    ("result", "killed", "asked", "answer"),
    [
        pytest.param(ACCEPTED, BEFORE_THE_ROW, 1, DialAnswer.PLACED, id="before the row"),
        pytest.param(ACCEPTED, AFTER_THE_ROW, 0, DialAnswer.AMBIGUOUS, id="after the row, nobody asked"),
        pytest.param(ACCEPTED, BEFORE_THE_ANSWER, 1, DialAnswer.AMBIGUOUS, id="between POST and answer"),
        pytest.param(ACCEPTED, BEFORE_IT_IS_KEPT, 1, DialAnswer.AMBIGUOUS, id="accepted, not kept"),
        pytest.param(ACCEPTED, AFTER_IT_IS_KEPT, 1, DialAnswer.PLACED, id="accepted, kept"),
        pytest.param(
            Ambiguous("timeout"), BEFORE_IT_IS_KEPT, 1, DialAnswer.AMBIGUOUS, id="ambiguous, not kept"
        ),
        pytest.param(Ambiguous("timeout"), AFTER_IT_IS_KEPT, 1, DialAnswer.AMBIGUOUS, id="ambiguous, kept"),
        pytest.param(REFUSED, BEFORE_THE_ANSWER, 1, DialAnswer.AMBIGUOUS, id="refused, answer lost"),
        pytest.param(REFUSED, AFTER_IT_IS_KEPT, 1, DialAnswer.PLACED, id="refused, kept"),
        pytest.param(THROTTLED, BEFORE_IT_IS_KEPT, 1, DialAnswer.AMBIGUOUS, id="throttled, not kept"),
        pytest.param(THROTTLED, AFTER_IT_IS_KEPT, 2, DialAnswer.PLACED, id="throttled, kept: asked again"),
        pytest.param(
            Unavailable("down"), AFTER_IT_IS_KEPT, 2, DialAnswer.PLACED, id="unavailable, kept: asked again"
        ),
        pytest.param(
            Misconfigured("key"),
            AFTER_IT_IS_KEPT,
            2,
            DialAnswer.PLACED,
            id="misconfigured, kept: asked again",
        ),
    ],
)
async def test_worker_killed_in_a_dial_never_makes_the_phone_ring_twice(
    result: DialResult, killed: Moment, asked: int, answer: DialAnswer
) -> None:
    world = World()
    world.provider.dial_results = [result]
    world.fuse.kills_at = killed
    with pytest.raises(WorkerKilled):
        await world.run(world.dialling.place_call, FIRST_DIAL)
    world.start_another_worker()

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert (len(world.provider.requests), placed.answer) == (asked, answer)
    assert len(world.tables.calls) == 1


@pytest.mark.parametrize("killed", [BEFORE_IT_IS_KEPT, AFTER_IT_IS_KEPT])
async def test_refused_dial_ends_as_failed_also_when_the_worker_dies_over_it(killed: Moment) -> None:
    world = World()
    world.provider.dial_results = [REFUSED]
    world.fuse.kills_at = killed
    with pytest.raises(WorkerKilled):
        await world.run(world.dialling.place_call, FIRST_DIAL)
    world.start_another_worker()

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert (placed.answer, placed.call_status) == (DialAnswer.PLACED, CallStatus.FAILED)
    assert world.call.error == "Refused by the provider: no such agent"
    assert len(world.provider.requests) == 1


_KNOWN = [
    pytest.param(
        a_dialled_call(dial_state=DialState.DIALLING, provider_call_id=None),
        DialAnswer.AMBIGUOUS,
        id="dialling, nothing heard",
    ),
    pytest.param(
        a_dialled_call(dial_state=DialState.DIALLING, provider_call_id=None, call_status=CallStatus.RINGING),
        DialAnswer.PLACED,
        id="dialling, already ringing",
    ),
    pytest.param(
        a_dialled_call(dial_state=DialState.DIALLING),
        DialAnswer.PLACED,
        id="dialling, known to the provider",
    ),
    pytest.param(a_dialled_call(), DialAnswer.PLACED, id="accepted"),
    pytest.param(a_dialled_call(call_status=CallStatus.COMPLETED), DialAnswer.PLACED, id="accepted and over"),
    pytest.param(
        a_dialled_call(dial_state=DialState.AMBIGUOUS, provider_call_id=None),
        DialAnswer.AMBIGUOUS,
        id="ambiguous",
    ),
    pytest.param(
        a_dialled_call(dial_state=DialState.REFUSED, provider_call_id=None, call_status=CallStatus.FAILED),
        DialAnswer.PLACED,
        id="refused",
    ),
]


@pytest.mark.parametrize("batch_status", [BatchStatus.IN_PROGRESS, BatchStatus.PAUSED, BatchStatus.CANCELLED])
@pytest.mark.parametrize(("call", "answer"), _KNOWN)
async def test_attempt_somebody_asked_for_is_never_asked_for_again_nor_withheld(
    call: CallRecord, answer: DialAnswer, batch_status: BatchStatus
) -> None:
    world = a_call_under_way(call)
    world.tables.batches[BATCH_ID] = a_batch(status=batch_status)
    before = world.rows()

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert placed == PlacedCall(answer=answer, asked_at=ASKED_AT, call_status=call.call_status, timing=TIMING)
    assert (world.provider.requests, world.rows()) == ([], before)


async def test_late_rerun_of_an_attempt_that_has_a_successor_is_told_what_came_of_it() -> None:
    world = a_call_under_way(a_dialled_call(call_status=CallStatus.BUSY))
    successor = a_dialled_call(execution_id=ExecutionId("exec_2"), attempt=2)
    world.tables.calls[successor.execution_id] = successor

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert (placed.answer, placed.call_status) == (DialAnswer.PLACED, CallStatus.BUSY)
    assert world.provider.requests == []


async def test_two_dials_of_one_attempt_at_once_are_one_request() -> None:
    world = World()

    first, second = await asyncio.gather(
        world.run(world.dialling.place_call, FIRST_DIAL), world.run(world.dialling.place_call, FIRST_DIAL)
    )

    assert (first.answer, second.answer) == (DialAnswer.PLACED, DialAnswer.AMBIGUOUS)
    assert len(world.provider.requests) == 1
    assert world.call.dial_state is DialState.ACCEPTED
    assert world.contact.status is ContactStatus.DISPATCHED
