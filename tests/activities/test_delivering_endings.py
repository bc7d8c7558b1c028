"""Stored endings reach the workflows of their contacts: each call in order, none held up by another."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs
from temporalio.testing import ActivityEnvironment

from activities import deliveries, housekeeping
from activities.deliveries import AT_ONCE, GIVEN_UP_AFTER, PAGE, DeliveryActivities
from activities.housekeeping import HousekeepingTerm
from domain.call import CallRecord, CallStatus, StatusEvent
from domain.errors import StoreUnavailable
from domain.identity import ContactId, ExecutionId
from domain.ports import UndeliveredEvent
from tests import fakes
from tests.builders import MONDAY_NOON, a_call_record
from tests.fakes.tables import StoredEvent
from tests.workflows.world import until

AN_HOUR = HousekeepingTerm(timedelta(hours=1))


@dataclass
class Engine(fakes.FakeEngine):
    """Refuses some calls, and knows how many it is told of at once."""

    refuses: set[ExecutionId] = field(default_factory=set)
    chokes_on: set[ExecutionId] = field(default_factory=set)
    hangs_with: set[ExecutionId] = field(default_factory=set)
    under_way: set[ExecutionId] = field(default_factory=set)
    most_at_once: int = 0
    asked: list[ExecutionId] = field(default_factory=list)
    pings: int = 0

    async def ping(self) -> None:
        self.pings += 1
        await super().ping()

    async def deliver(self, record: CallRecord) -> bool:
        execution_id = record.execution_id
        assert execution_id not in self.under_way, "two events of one call at once"
        self.asked.append(execution_id)
        self.under_way.add(execution_id)
        self.most_at_once = max(self.most_at_once, len(self.under_way))
        try:
            await asyncio.sleep(0)
            if execution_id in self.hangs_with:
                await asyncio.Event().wait()
        finally:
            self.under_way.discard(execution_id)
        if self.is_down:
            return False
        if execution_id in self.chokes_on:
            raise ValueError
        return execution_id not in self.refuses and await super().deliver(record)


@dataclass
class Endings(fakes.FakeEndingStore):
    """Remembers in which order endings were marked, and may fail to mark one."""

    tables: fakes.Tables
    marked: list[int] = field(default_factory=list)
    reads: int = 0
    fails_to_mark: int = 0

    def __post_init__(self) -> None:
        super().__init__(self.tables)

    async def undelivered(self, *, after: int, limit: int) -> Sequence[UndeliveredEvent]:
        self.reads += 1
        return await super().undelivered(after=after, limit=limit)

    async def mark_delivered(self, event_numbers: Sequence[int], now: datetime) -> None:
        if self.fails_to_mark:
            self.fails_to_mark -= 1
            raise StoreUnavailable
        self.marked += event_numbers
        await super().mark_delivered(event_numbers, now)


class Post:
    """Endings of some calls, and who delivers them."""

    def __init__(self) -> None:
        self.tables = fakes.Tables()
        self.engine = Engine()
        self.endings = Endings(self.tables)
        self.clock = fakes.FakeClock(MONDAY_NOON)

    def end(self, call: int, status: CallStatus = CallStatus.BUSY) -> ExecutionId:
        """Store an ending of a call."""
        execution_id = ExecutionId(f"exec_{call:04}")
        record = a_call_record(
            execution_id=execution_id, contact_id=ContactId(f"con_{call}"), call_status=status
        )
        self.tables.calls[execution_id] = record
        event = StatusEvent(status=status, happened_at=self.clock())
        self.tables.events.append(
            StoredEvent(execution_id=execution_id, event_key=status, event=event, body={})
        )
        return execution_id

    def end_many(self, count: int) -> list[ExecutionId]:
        """Store one ending for each of so many calls."""
        return [self.end(call) for call in range(count)]

    def waiting(self) -> list[ExecutionId]:
        """Return whose endings are not marked as delivered."""
        return [each.execution_id for each in self.tables.events if each.delivered_at is None]

    def told(self) -> list[ExecutionId]:
        """Return of which calls workflows were told, in this order."""
        return [each.execution_id for each in self.engine.delivered]

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[ActivityEnvironment]:
        """Run the activity as a worker does."""
        env = ActivityEnvironment()
        activities = DeliveryActivities(self.endings, self.engine, self.engine, self.clock)
        running = asyncio.ensure_future(env.run(activities.deliver_endings, AN_HOUR))
        try:
            yield env
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def deliver_all(self) -> None:
        """Deliver until nothing waits any more."""
        async with self.delivering():
            await until(lambda: not self.waiting())

    async def passes(self, count: int = 2) -> None:
        """Return once the deliverer has searched so many times more."""
        enough = self.endings.reads + count
        await until(lambda: self.endings.reads >= enough)


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    monkeypatch.setattr(housekeeping, "FIRST_PAUSE", timedelta(milliseconds=1))
    monkeypatch.setattr(housekeeping, "LONGEST_PAUSE", timedelta(milliseconds=20))
    return Post()


async def test_ending_that_waits_is_delivered_once_and_marked(post: Post) -> None:
    executions = post.end_many(3)

    async with post.delivering():
        await until(lambda: not post.waiting())
        await post.passes()

    assert sorted(post.told()) == executions
    assert {each.delivered_at for each in post.tables.events} == {post.clock()}


async def test_ending_stored_meanwhile_is_delivered_too(post: Post) -> None:
    async with post.delivering():
        await post.passes()
        executions = post.end_many(1)
        await until(lambda: not post.waiting())

    assert post.told() == executions


async def test_endings_of_one_call_are_delivered_in_order(post: Post) -> None:
    for status in (CallStatus.UNKNOWN, CallStatus.BUSY):
        for call in (1, 2):
            post.end(call, status)

    await post.deliver_all()

    of_first = [number for number in post.endings.marked if number in (1, 3)]
    assert (of_first, sorted(post.endings.marked)) == ([1, 3], [1, 2, 3, 4])


@pytest.mark.parametrize("trouble", ["refuses", "chokes_on"])
async def test_workflow_that_cannot_be_told_holds_its_own_call_and_no_other(post: Post, trouble: str) -> None:
    bad = post.end(0, CallStatus.UNKNOWN)
    others = post.end_many(3)[1:]
    setattr(post.engine, trouble, {bad})

    async with post.delivering():
        await until(lambda: post.waiting() == [bad, bad])
        await post.passes()

    assert (sorted(post.told()), post.engine.asked.count(bad)) == (others, 1)


async def test_workflow_that_hangs_holds_up_no_other(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "DELIVERY_SECONDS", 3600)
    executions = post.end_many(PAGE + 50)
    post.engine.hangs_with = {executions[0]}

    async with post.delivering():
        await until(lambda: post.waiting() == executions[:1])
        late = post.end(9000)
        await until(lambda: post.waiting() == executions[:1])

    assert late in post.told()


async def test_refused_ending_is_tried_again_later_each_time_after_longer(post: Post) -> None:
    bad = post.end(1)
    post.engine.refuses = {bad}
    tried_after: list[int] = []

    async with post.delivering():
        for second in range(16):
            before = len(post.engine.asked)
            await post.passes()
            if len(post.engine.asked) > before:
                tried_after.append(second)
            post.clock.pass_time(timedelta(seconds=1))
        post.engine.refuses = set()
        post.clock.pass_time(timedelta(minutes=1))
        await until(lambda: not post.waiting())

    assert (tried_after[1:], post.told()) == ([2, 6, 14], [bad])


async def test_refused_endings_at_the_head_do_not_keep_later_ones_waiting(post: Post) -> None:
    executions = post.end_many(2 * PAGE + 1)
    post.engine.refuses = set(executions[:-1])

    async with post.delivering():
        await until(lambda: post.told() == executions[-1:])


async def test_only_a_few_are_told_at_once(post: Post) -> None:
    executions = post.end_many(3 * PAGE)

    await post.deliver_all()

    assert sorted(post.told()) == executions
    assert 1 < post.engine.most_at_once <= AT_ONCE


async def test_outage_of_temporal_costs_a_few_attempts_then_only_pings_and_one_line(post: Post) -> None:
    executions = post.end_many(3 * PAGE)
    post.engine.is_down = True

    with capture_logs() as logs:
        async with post.delivering():
            await until(lambda: post.engine.pings > 5)
            tried = len(post.engine.asked)
            post.engine.is_down = False
            await until(lambda: not post.waiting())

    assert tried <= AT_ONCE
    assert sorted(post.told()) == executions
    assert [each for each in logs if each["log_level"] == "warning"] == [
        {
            "event": "housekeeping failed",
            "log_level": "warning",
            "job": "deliver_endings",
            "failure": "EngineUnavailable",
        }
    ]


async def test_temporal_that_does_not_answer_counts_as_down(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "DELIVERY_SECONDS", 0.01)
    monkeypatch.setattr(deliveries, "PING_SECONDS", 0.01)
    executions = post.end_many(2 * AT_ONCE)
    post.engine.hangs_with = set(executions)

    async def hang() -> None:
        post.engine.pings += 1
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(post.engine, "ping", hang)
        async with post.delivering():
            await until(lambda: post.engine.pings > 3)
            assert len(post.engine.asked) <= AT_ONCE
    post.engine.hangs_with = set()
    await post.deliver_all()

    assert sorted(post.told()) == executions


async def test_outage_of_the_database_is_survived_and_is_one_line(post: Post) -> None:
    with capture_logs() as logs:
        async with post.delivering():
            await post.passes()
            post.tables.is_down = True
            await until(lambda: bool(logs))
            await asyncio.sleep(0.05)
            post.tables.is_down = False
            post.end(1)
            await until(lambda: not post.waiting())

    assert [(each["event"], each["failure"]) for each in logs] == [
        ("housekeeping failed", "StoreUnavailable")
    ]


async def test_delivery_that_could_not_be_marked_is_repeated_and_marked(post: Post) -> None:
    executions = post.end_many(1)
    post.endings.fails_to_mark = 1

    await post.deliver_all()

    assert post.told() == executions * 2


async def test_old_ending_is_left_to_its_workflow_and_named_in_one_line(post: Post) -> None:
    executions = post.end_many(12)
    post.clock.pass_time(GIVEN_UP_AFTER + timedelta(seconds=1))

    with capture_logs() as logs:
        async with post.delivering():
            await until(lambda: not post.waiting())
            await post.passes()

    assert post.engine.asked == []
    assert logs == [
        {
            "event": "old endings left to their workflows",
            "log_level": "warning",
            "events": 12,
            "first_executions": executions[:10],
        }
    ]


async def test_refusals_are_named_in_one_line_the_first_time(post: Post) -> None:
    executions = post.end_many(12)
    post.engine.refuses, post.engine.chokes_on = set(executions[1:]), set(executions[:1])

    with capture_logs() as logs:
        async with post.delivering():
            await until(lambda: len(post.engine.asked) == 12)
            await post.passes()
            post.clock.pass_time(timedelta(seconds=10))
            await until(lambda: len(post.engine.asked) == 24)
            await post.passes()

    refused = [each for each in logs if each["event"] == "endings refused by their workflows"]
    assert sum(each["events"] for each in refused) == 12
    assert {failure for each in refused for failure in each["failures"]} == {"ValueError", "refused"}


async def test_two_deliverers_at_once_lose_nothing(post: Post) -> None:
    executions = post.end_many(30)
    other = Post()
    other.tables, other.endings = post.tables, Endings(post.tables)

    async with post.delivering(), other.delivering():
        await until(lambda: not post.waiting())

    assert set(post.told()) | set(other.told()) == set(executions)


async def test_deliverer_that_is_cut_off_in_the_middle_loses_nothing(post: Post) -> None:
    executions = post.end_many(3)
    post.engine.hangs_with = set(executions)
    async with post.delivering():
        await until(lambda: len(post.engine.under_way) == 3)
    post.engine.hangs_with = set()

    await post.deliver_all()

    assert sorted(post.told()) == executions


async def test_stop_of_its_worker_ends_it_at_once(post: Post) -> None:
    post.end(1)
    post.engine.hangs_with = {ExecutionId("exec_0001")}
    env = ActivityEnvironment()
    activities = DeliveryActivities(post.endings, post.engine, post.engine, post.clock)
    running = asyncio.ensure_future(env.run(activities.deliver_endings, AN_HOUR))
    await until(lambda: bool(post.engine.under_way))

    env.worker_shutdown()

    async with asyncio.timeout(1):
        await running
    assert post.engine.under_way == set()


async def test_term_that_is_over_ends_it(post: Post) -> None:
    activities = DeliveryActivities(post.endings, post.engine, post.engine, post.clock)

    async with asyncio.timeout(5):
        await ActivityEnvironment().run(
            activities.deliver_endings, HousekeepingTerm(timedelta(milliseconds=20))
        )

    assert post.endings.reads > 0
