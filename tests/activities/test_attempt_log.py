"""Where an attempt stands can be read in the worker's log by the contact's id, and nothing personal can."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.interceptors import REMEMBERED, REPEATED_AFTER_SECONDS, AttemptLogInterceptor, RecentLines
from activities.messages import DialAnswer, PlaceCall, PlacedCall, SettleAttempt
from domain.batch import BatchStatus
from domain.call import AttemptKind, CallStatus
from domain.gates import Gate
from domain.telephony import Accepted, Ambiguous, DialResult, Refused, Throttled
from tests.activities.world import FIRST_DIAL, SETTLE, World
from tests.builders import BATCH_ID, CONTACT_ID, MONDAY_NOON, a_batch, a_dial_brief

OF_CONTACT = {"contact_id": "con_1", "attempt": 2, "log_level": "info"}
REQUEST = PlaceCall(contact_id="con_1", attempt=2, kind=AttemptKind.RETRY)


class Seconds:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the present."""
        return self.now


class Answering(ActivityInboundInterceptor):
    """The end of the chain: answers the same every time."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        """Return the answer."""
        return self._answer


async def logged(
    interceptor: AttemptLogInterceptor, answer: object, request: object = REQUEST
) -> Sequence[Mapping[str, Any]]:
    """Run an activity that answers this, and return its lines."""
    asked = ExecuteActivityInput(fn=logged, args=[request], executor=None, headers={})
    wrapped = interceptor.intercept_activity(Answering(answer))
    with capture_logs() as lines:
        assert await ActivityEnvironment().run(wrapped.execute_activity, asked) is answer
    return lines


def answered(answer: DialAnswer, **fields: Any) -> PlacedCall:
    return PlacedCall(answer=answer, asked_at=MONDAY_NOON, **fields)


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        pytest.param(
            answered(DialAnswer.PLACED), {"event": "attempt placed", "call_status": "queued"}, id="placed"
        ),
        pytest.param(
            answered(DialAnswer.PLACED, call_status=CallStatus.FAILED),
            {"event": "attempt placed", "call_status": "failed"},
            id="refused",
        ),
        pytest.param(
            answered(DialAnswer.AMBIGUOUS),
            {"event": "attempt may have been placed", "call_status": "queued"},
            id="ambiguous",
        ),
        pytest.param(
            answered(DialAnswer.WITHHELD, gate=Gate.FREQUENCY_CAPPED, opens_at=MONDAY_NOON),
            {"event": "attempt withheld", "gate": "frequency_capped", "until": "2026-09-07T12:00:00+00:00"},
            id="withheld for a while",
        ),
        pytest.param(
            answered(DialAnswer.WITHHELD, gate=Gate.BATCH_HELD),
            {"event": "attempt withheld", "gate": "batch_held", "until": None},
            id="withheld",
        ),
        pytest.param(
            answered(DialAnswer.ASK_AGAIN, ask_again_in=timedelta(seconds=5.04)),
            {"event": "attempt put off", "seconds": 5.0},
            id="put off",
        ),
    ],
)
async def test_every_answer_to_a_dial_leaves_a_line_with_the_contact_and_the_attempt(
    answer: PlacedCall, line: Mapping[str, object]
) -> None:
    assert await logged(AttemptLogInterceptor(), answer) == [{**OF_CONTACT, **line}]


async def test_other_activities_leave_none() -> None:
    settle = SettleAttempt(batch_id="btc_1", contact_id="con_1", attempt=2)

    assert await logged(AttemptLogInterceptor(), "done", settle) == []


async def test_contact_that_asks_again_and_again_leaves_a_line_a_minute_and_one_when_it_changes() -> None:
    clock = Seconds()
    interceptor = AttemptLogInterceptor(clock)
    put_off = answered(DialAnswer.ASK_AGAIN, ask_again_in=timedelta(seconds=5))
    events = []
    for answer in (put_off, put_off, answered(DialAnswer.WITHHELD, gate=Gate.NUMBER_BUSY), put_off):
        events += [line["event"] for line in await logged(interceptor, answer)]
        clock.now += 5
    clock.now += REPEATED_AFTER_SECONDS
    events += [line["event"] for line in await logged(interceptor, put_off)]

    assert events == ["attempt put off", "attempt withheld", "attempt put off"]


def test_memory_of_lines_is_bounded_and_the_oldest_go() -> None:
    recent = RecentLines(Seconds())

    assert all(recent.is_news((number,)) for number in range(REMEMBERED + 1))
    assert not recent.is_news((REMEMBERED,))
    assert recent.is_news((0,))


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(Accepted("call-1"), id="accepted"),
        pytest.param(Ambiguous("no answer to the dial"), id="ambiguous"),
        pytest.param(Refused("status 400"), id="refused"),
        pytest.param(Throttled(timedelta(seconds=2)), id="throttled"),
    ],
)
async def test_lines_of_a_real_dial_hold_no_number(result: DialResult) -> None:
    world = World()
    world.provider.dial_results = [result]
    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    [line] = await logged(AttemptLogInterceptor(), placed, FIRST_DIAL)

    assert (line["contact_id"], line["attempt"]) == (CONTACT_ID, 1)
    assert "+1" not in str(line)


async def test_held_batch_is_told_by_its_gate() -> None:
    world = World(a_dial_brief(batch=a_batch(status=BatchStatus.PAUSED)))
    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    [line] = await logged(AttemptLogInterceptor(), placed, FIRST_DIAL)

    assert (line["event"], line["gate"]) == ("attempt withheld", "batch_held")


async def test_settled_attempt_leaves_a_line_with_the_outcome_and_what_follows() -> None:
    world = World()
    world.provider.dial_results = [Refused("status 400")]
    await world.run(world.dialling.place_call, FIRST_DIAL)

    with capture_logs() as lines:
        settled = await world.run(world.of_contacts.settle_attempt, SETTLE)

    assert lines == [
        {
            "event": "attempt settled",
            "log_level": "info",
            "batch_id": BATCH_ID,
            "contact_id": CONTACT_ID,
            "attempt": 1,
            "outcome": "failed",
            "status": settled.status.value,
        }
    ]
