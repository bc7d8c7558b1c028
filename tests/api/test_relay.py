"""Endings that were stored and not delivered reach their workflows later."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from api.webhooks.direct_delivery import MAX_FAILURES, DirectDelivery
from api.webhooks.relay import AT_ONCE, GIVEN_UP_AFTER, GRACE, PAGE, PAGES_PER_ROUND, Relay
from domain.call import AttemptKind, CallRecord, CallStatus, StatusEvent
from domain.errors import EngineUnavailable, StoreUnavailable
from domain.identity import ExecutionId
from domain.ports import CallStore
from observability.metrics import Telemetry
from tests import fakes
from tests.api.house import House

A_MOMENT = GRACE + timedelta(seconds=1)


@dataclass
class Engine(fakes.FakeEngine):
    """Refuses some calls, and knows how many it is told of at once."""

    refuses: set[ExecutionId] = field(default_factory=set)
    chokes_on: set[ExecutionId] = field(default_factory=set)
    at_once: dict[ExecutionId, int] = field(default_factory=dict)
    most_at_once: int = 0
    asked: list[ExecutionId] = field(default_factory=list)

    async def deliver(self, record: CallRecord) -> bool:
        execution_id = record.execution_id
        self.asked.append(execution_id)
        assert self.at_once.setdefault(execution_id, 0) == 0, "two events of one call at once"
        self.at_once[execution_id] = 1
        self.most_at_once = max(self.most_at_once, sum(self.at_once.values()))
        await asyncio.sleep(0)
        self.at_once[execution_id] = 0
        if execution_id in self.chokes_on:
            raise ValueError
        if execution_id in self.refuses:
            return False
        return await super().deliver(record)


@dataclass
class Post:
    """A house whose relay is turned by hand."""

    house: House
    engine: Engine
    telemetry: Telemetry
    direct: DirectDelivery
    relay: Relay

    def lines(self, name: str) -> dict[str, float]:
        """Return the metric's samples by the rest of their names."""
        samples = [each for each in self.telemetry.exposition().decode().splitlines() if each[0] != "#"]
        mine = [each.removeprefix(name).rsplit(" ", 1) for each in samples if each.startswith(name)]
        return {rest: float(value) for rest, value in mine}


@pytest.fixture
def post(house: House) -> Post:
    return _post(house)


def _post(house: House, *, calls: CallStore | None = None, engine: Engine | None = None) -> Post:
    engine, telemetry, direct = engine or Engine(), Telemetry(), DirectDelivery()
    parts = replace(house.parts, engine=engine, calls=calls or house.calls)
    return Post(house, engine, telemetry, direct, Relay(parts, telemetry, direct))


async def _calls(house: House, count: int) -> list[CallRecord]:
    campaign = await house.create_campaign()
    numbers = [f"+1415555{number:04d}" for number in range(1000, 1000 + count)]
    batch = await house.create_batch(campaign["campaign_id"], numbers)
    contacts = house.tables.contacts_of(batch["batch_id"])
    return [await house.dial(each.contact_id, 1, AttemptKind.INITIAL) for each in contacts]


async def _ended(house: House, count: int, status: CallStatus = CallStatus.BUSY) -> list[ExecutionId]:
    """Store one ending for each of so many calls."""
    calls = await _calls(house, count)
    for call in calls:
        await _store(house, call.execution_id, status)
    return [each.execution_id for each in calls]


async def _store(house: House, execution_id: ExecutionId, status: CallStatus) -> None:
    event = StatusEvent(status=status, happened_at=house.clock())
    await house.calls.record_event(execution_id, event, event_key=status, body={})


def _told(engine: fakes.FakeEngine) -> list[ExecutionId]:
    return [each.execution_id for each in engine.delivered]


async def test_ending_stored_while_temporal_was_down_is_delivered_when_it_is_back(
    house: House, post: Post
) -> None:
    (call, _) = await _calls(house, 2)
    house.engine.is_down = True
    body = {"execution_id": call.execution_id, "call_status": "busy"}
    assert (await house.client.post("/webhooks/call-status", json=body)).json() == {"result": "accepted"}
    house.clock.pass_time(A_MOMENT)
    post.engine.is_down = True
    with pytest.raises(EngineUnavailable):
        await post.relay.relay()
    post.engine.is_down = False

    assert await post.relay.relay() is False

    assert post.engine.delivered == [house.tables.calls[call.execution_id]]
    assert [each.delivered_at for each in house.tables.events] == [house.clock()]


async def test_ending_still_in_the_hands_of_its_request_is_left_alone(house: House, post: Post) -> None:
    await _ended(house, 1)
    house.clock.pass_time(GRACE)

    await post.relay.relay()

    assert post.engine.asked == []


async def test_nothing_is_delivered_twice_by_one_relay(house: House, post: Post) -> None:
    executions = await _ended(house, 3)
    house.clock.pass_time(A_MOMENT)

    await post.relay.relay()
    await post.relay.relay()

    assert sorted(_told(post.engine)) == executions


async def test_delivery_that_could_not_be_marked_is_marked_later_and_not_repeated(house: House) -> None:
    executions = await _ended(house, 1)
    house.clock.pass_time(A_MOMENT)
    post = _post(house, calls=_ForgetfulCalls(house.tables))
    with pytest.raises(StoreUnavailable):
        await post.relay.relay()

    await post.relay.relay()

    assert _told(post.engine) == executions
    assert [each.delivered_at for each in house.tables.events] == [house.clock()]


class _ForgetfulCalls(fakes.FakeCallStore):
    """Cannot note the first delivery."""

    has_failed = False

    async def mark_delivered(self, event_number: int, now: datetime) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise StoreUnavailable
        await super().mark_delivered(event_number, now)


async def test_endings_of_one_call_are_delivered_in_order_and_never_at_once(house: House, post: Post) -> None:
    first, second = [each.execution_id for each in await _calls(house, 2)]
    for execution_id in (first, second):
        await _store(house, execution_id, CallStatus.UNKNOWN)
    for execution_id in (first, second):
        await _store(house, execution_id, CallStatus.BUSY)
    house.clock.pass_time(A_MOMENT)
    marks: list[int] = []
    post = _post(house, calls=_NotingCalls(house.tables, marks))

    await post.relay.relay()

    of_first = [number for number in marks if house.tables.events[number - 1].execution_id == first]
    assert (of_first, sorted(marks)) == ([1, 3], [1, 2, 3, 4])
    assert post.engine.most_at_once == 2


class _NotingCalls(fakes.FakeCallStore):
    """Notes in which order events are marked."""

    def __init__(self, tables: fakes.Tables, marks: list[int]) -> None:
        super().__init__(tables)
        self._marks = marks

    async def mark_delivered(self, event_number: int, now: datetime) -> None:
        self._marks.append(event_number)
        await super().mark_delivered(event_number, now)


@pytest.mark.parametrize("trouble", ["refuses", "chokes_on"])
async def test_workflow_that_cannot_be_told_holds_its_own_call_and_no_other(
    house: House, post: Post, trouble: str
) -> None:
    calls = [each.execution_id for each in await _calls(house, 3)]
    await _store(house, calls[0], CallStatus.UNKNOWN)
    for execution_id in calls:
        await _store(house, execution_id, CallStatus.BUSY)
    house.clock.pass_time(A_MOMENT)
    setattr(post.engine, trouble, {calls[0]})

    await post.relay.relay()

    assert (sorted(_told(post.engine)), post.engine.asked.count(calls[0])) == (calls[1:], 1)
    assert post.lines("apollo_webhook_relayed_total") == {
        '{result="delivered"}': 2.0,
        '{result="refused"}': 1.0,
    }


async def test_refused_ending_is_tried_again_later_each_time_after_longer(house: House, post: Post) -> None:
    (execution_id,) = await _ended(house, 1)
    house.clock.pass_time(A_MOMENT)
    post.engine.refuses = {execution_id}
    tried_after: list[int] = []
    for second in range(16):
        before = len(post.engine.asked)
        await post.relay.relay()
        if len(post.engine.asked) > before:
            tried_after.append(second)
        house.clock.pass_time(timedelta(seconds=1))
    post.engine.refuses = set()
    house.clock.pass_time(timedelta(minutes=1))

    await post.relay.relay()

    assert tried_after == [0, 2, 6, 14]
    assert _told(post.engine) == [execution_id]


async def test_refused_endings_at_the_head_do_not_keep_later_ones_from_their_turn(
    house: House, post: Post
) -> None:
    count = PAGE * PAGES_PER_ROUND + 1
    executions = await _ended(house, count)
    house.clock.pass_time(A_MOMENT)
    post.engine.refuses = set(executions[:-1])

    assert await post.relay.relay() is True
    assert await post.relay.relay() is False

    assert _told(post.engine) == executions[-1:]


async def test_round_ends_at_once_while_temporal_is_down_and_asks_only_one_thing_next_time(
    house: House, post: Post
) -> None:
    await _ended(house, 50)
    house.clock.pass_time(A_MOMENT)
    post.engine.is_down = True
    with pytest.raises(EngineUnavailable):
        await post.relay.relay()
    assert len(post.engine.asked) <= AT_ONCE
    post.engine.asked.clear()

    with pytest.raises(EngineUnavailable):
        await post.relay.relay()

    assert post.engine.asked == []


class _SilentEngine(Engine):
    async def deliver(self, record: CallRecord) -> bool:
        await asyncio.Event().wait()
        raise AssertionError

    async def ping(self) -> None:
        await asyncio.Event().wait()


async def test_temporal_that_does_not_answer_counts_as_down(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.webhooks.relay.DELIVERY_SECONDS", 0.01)
    monkeypatch.setattr("api.webhooks.relay.PING_SECONDS", 0.01)
    await _ended(house, 2)
    house.clock.pass_time(A_MOMENT)
    post = _post(house, engine=_SilentEngine())

    with pytest.raises(EngineUnavailable):
        await post.relay.relay()


async def test_round_is_bounded_in_events_and_in_what_it_does_at_once(house: House, post: Post) -> None:
    executions = await _ended(house, PAGE * PAGES_PER_ROUND + 10)
    house.clock.pass_time(A_MOMENT)

    assert await post.relay.relay() is True
    assert sorted(_told(post.engine)) == executions[: PAGE * PAGES_PER_ROUND]
    assert post.engine.most_at_once == AT_ONCE
    assert await post.relay.relay() is False
    assert sorted(_told(post.engine)) == executions


async def test_old_ending_is_left_to_its_workflow_and_named_in_one_line(house: House, post: Post) -> None:
    executions = await _ended(house, 12)
    house.clock.pass_time(GIVEN_UP_AFTER + timedelta(seconds=1))

    with capture_logs() as logged:
        await post.relay.relay()
        await post.relay.relay()

    assert post.engine.asked == []
    assert {each.delivered_at for each in house.tables.events} == {house.clock()}
    assert logged == [
        {
            "event": "old endings left to their workflows",
            "log_level": "warning",
            "events": 12,
            "first_executions": executions[:10],
        }
    ]
    assert post.lines("apollo_webhook_relayed_total") == {'{result="given_up"}': 12.0}


async def test_refusals_are_named_in_one_line_the_first_time(house: House, post: Post) -> None:
    executions = await _ended(house, 12)
    house.clock.pass_time(A_MOMENT)
    post.engine.refuses, post.engine.chokes_on = set(executions[1:]), set(executions[:1])

    with capture_logs() as logged:
        await post.relay.relay()
        house.clock.pass_time(timedelta(seconds=10))
        await post.relay.relay()

    (line,) = logged
    assert (line["event"], line["events"], line["failures"], len(line["first_executions"])) == (
        "endings refused by their workflows",
        12,
        ["ValueError"],
        10,
    )


async def test_two_relays_at_once_lose_nothing_and_leave_nothing_behind(house: House, post: Post) -> None:
    executions = await _ended(house, 30)
    house.clock.pass_time(A_MOMENT)
    other = _post(house)

    await asyncio.gather(post.relay.relay(), other.relay.relay())

    assert set(_told(post.engine)) | set(_told(other.engine)) == set(executions)
    assert (await house.calls.backlog()).events == 0


async def test_relay_that_is_cut_off_in_the_middle_loses_nothing(house: House) -> None:
    executions = await _ended(house, 3)
    house.clock.pass_time(A_MOMENT)
    cut = asyncio.create_task(_post(house, engine=_SilentEngine()).relay.relay())
    await asyncio.sleep(0.01)
    cut.cancel()
    with suppress(asyncio.CancelledError):
        await cut
    post = _post(house)

    await post.relay.relay()

    assert sorted(_told(post.engine)) == executions


async def test_delivery_by_the_relay_lets_requests_try_again(house: House, post: Post) -> None:
    await _ended(house, 1)
    house.clock.pass_time(A_MOMENT)
    for _ in range(MAX_FAILURES):
        post.direct.failed(house.clock())
    assert not post.direct.is_worth_trying(house.clock())

    await post.relay.relay()

    assert post.direct == DirectDelivery()
