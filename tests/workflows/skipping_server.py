"""A server whose clock skips, but only while nothing is under way.

The test server by itself skips whenever it knows of no open task. Amid local activities it then leaps ten
years ahead, to the timeout of the workflows, and a timer that fires while its workflow cancels it breaks the
history. Here the clock stands still until every workflow waits for nothing but its timers; then it moves to
the next of them.
"""

import asyncio
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from temporalio.api.common.v1 import RetryPolicy, WorkflowExecution
from temporalio.api.history.v1 import ActivityTaskScheduledEventAttributes, HistoryEvent
from temporalio.api.testservice.v1 import UnlockTimeSkippingRequest
from temporalio.api.workflow.v1 import PendingActivityInfo, WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    ListOpenWorkflowExecutionsRequest,
)
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from temporal.client import DATA_CONVERTER
from temporal.search_attributes import register_search_attributes

_BETWEEN_LOOKS_SECONDS = 0.005
_REFUSED_AFTER_SECONDS = 5.0
"""A workflow task that nobody completes for so long was refused by the server."""
LOST_AFTER_SECONDS = 20.0
"""Any other work that ends for so long in no way was lost by the server."""
_LOCKED_AFTER_SECONDS = 3.0
"""A clock that does not skip for so long, although nothing is under way, was locked and forgotten."""
_TASK_TIMEOUT = timedelta(seconds=10)
_NEVER = datetime.max.replace(tzinfo=UTC)
_TICK = timedelta(milliseconds=1)
_OPENS = {
    "workflow_task_scheduled": "task",
    "workflow_task_failed": "task",  # it is tried again
    "start_child_workflow_execution_initiated": "child",
    "signal_external_workflow_execution_initiated": "signal",
    "request_cancel_external_workflow_execution_initiated": "cancel",
}
_CLOSES = {
    "workflow_task_completed": "task",
    "child_workflow_execution_started": "child",
    "start_child_workflow_execution_failed": "child",
    "external_workflow_execution_signaled": "signal",
    "signal_external_workflow_execution_failed": "signal",
    "external_workflow_execution_cancel_requested": "cancel",
    "request_cancel_external_workflow_execution_failed": "cancel",
}
_ENDS_TIMER = {"timer_fired", "timer_canceled"}
_ENDS_ACTIVITY = {f"activity_task_{end}" for end in ("completed", "failed", "timed_out", "canceled")}


class SkippingServer(WorkflowEnvironment):
    """The test server, its clock moved by hand while a result is awaited, or a `sleep`."""

    def __init__(self, server: WorkflowEnvironment, client: Client) -> None:
        super().__init__(client)
        self._server = server
        self._moving = asyncio.Lock()
        self._runs: Mapping[str, _Run] = {}
        """The open runs, as they were seen last."""
        self._awaited: _Work | None = None
        """What the clock waits for."""
        self._given_up: dict[str, int] = {}
        """The length of each run whose work is waited for no more, for it did not even time out."""

    @classmethod
    async def start(cls) -> "SkippingServer":
        """Start a server of one's own, for its clock is that of all its workflows."""
        server = await WorkflowEnvironment.start_time_skipping(
            data_converter=DATA_CONVERTER,
            test_server_existing_path=str(Path(sys.executable).with_name("temporal-test-server")),
        )
        watched = _Watched()
        env = cls(server, await server.connect_client(data_converter=DATA_CONVERTER, interceptors=[watched]))
        watched.env = env
        await register_search_attributes(env.client)
        return env

    async def shutdown(self) -> None:
        """Stop the server."""
        await self._server.shutdown()

    async def get_current_time(self, handle: WorkflowHandle[Any, Any] | None = None) -> datetime:
        """Return the server's time."""
        return await self._server.get_current_time()

    async def sleep(self, duration: timedelta | float) -> None:
        """Let so much of the server's time pass, and everything happen that falls due in it."""
        length = duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
        until = await self.get_current_time() + length
        while await self.get_current_time() < until:
            await self._move(until)

    @asynccontextmanager
    async def moving(self) -> AsyncIterator[None]:
        """Let the server's time pass for the length of a `with` block."""
        over = asyncio.Event()
        clock = asyncio.ensure_future(self._move_on(over))
        try:
            yield
        finally:
            over.set()
            await clock

    async def _move_on(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await self._move()

    async def _move(self, until: datetime | None = None) -> None:
        """Move the clock to the next instant at which something falls due, once everything is at rest."""
        async with self._moving:
            due = await self._next_due()
            if until is not None and due is not None:
                due = min(due, until)
            if due is None or due == _NEVER:
                await self._time_out_lost_work()
                await asyncio.sleep(_BETWEEN_LOOKS_SECONDS)
                return
            left = due - await self.get_current_time()
            await self._skip(max(left, timedelta()) + _TICK)

    async def _skip(self, length: timedelta) -> None:
        """Let so much of the server's time pass, also where it holds its clock for work that is none."""
        skipping = asyncio.ensure_future(self._server.sleep(length))
        while not (await asyncio.wait([skipping], timeout=_LOCKED_AFTER_SECONDS))[0]:
            await self.client.test_service.unlock_time_skipping(UnlockTimeSkippingRequest())
        await skipping

    async def _time_out_lost_work(self) -> None:
        """Let work time out that nobody will end: it is then tried again, as on a real server.

        The server refuses a workflow task whose timer fires while the task cancels it, and keeps the task
        open for ever; seldom, under load, it gives a task to nobody.
        """
        awaited = self._awaited
        if awaited is None or asyncio.get_running_loop().time() - awaited.since <= awaited.run.patience:
            return
        sys.stderr.write(f"at {await self.get_current_time()} nobody ends the work of {awaited.run}\n")
        if awaited.is_timed_out:
            self._given_up[awaited.run_id] = awaited.length
        self._awaited = replace(awaited, since=asyncio.get_running_loop().time(), is_timed_out=True)
        await self._skip(_TASK_TIMEOUT + _TICK)

    async def _next_due(self) -> datetime | None:
        """Return when the next timer fires; None while something is under way."""
        before = await self._look()
        if before is None or await self._look() != before:
            return None
        return min((due for _, _, due in before), default=_NEVER)

    async def _look(self) -> Sequence[tuple[str, int, datetime]] | None:
        """Return each open run, the length of its history and when it goes on; None when one is at work."""
        executions = await self._list_open()
        if executions is None:
            return None
        read = {each.execution.run_id: await self._read(each) for each in executions}
        self._runs = read
        seen = []
        for each in executions:
            run = read[each.execution.run_id]
            due = await self._due(each.execution, run)
            if due is None:
                self._wait_for(each.execution.run_id, run)
                return None
            seen.append((each.execution.run_id, run.length, due))
        return seen

    async def _list_open(self) -> Sequence[WorkflowExecutionInfo] | None:
        """Return the open runs; None while the server is just making one, which it then cannot list."""
        request = ListOpenWorkflowExecutionsRequest(namespace=self.client.namespace, maximum_page_size=1000)
        try:
            answer = await self.client.workflow_service.list_open_workflow_executions(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.UNKNOWN:
                raise
            return None
        return answer.executions

    def _wait_for(self, run_id: str, run: "_Run") -> None:
        awaited = self._awaited
        if awaited is None or (awaited.run_id, awaited.length) != (run_id, run.length):
            self._awaited = _Work(run_id, run, run.length, asyncio.get_running_loop().time())

    async def _read(self, found: WorkflowExecutionInfo) -> "_Run":
        """Read a history; one that has grown no longer is not asked for again."""
        run = self._runs.get(found.execution.run_id, _Run())
        if run.length != found.history_length:
            request = GetWorkflowExecutionHistoryRequest(
                namespace=self.client.namespace, execution=found.execution
            )
            answer = await self.client.workflow_service.get_workflow_execution_history(request)
            run.read_on(answer.history.events)
        return run

    async def _due(self, execution: WorkflowExecution, run: "_Run") -> datetime | None:
        """Return when a resting run goes on; None while it, or one of its activities, is at work."""
        if self._given_up.get(execution.run_id) == run.length:
            return run.first_timer
        if run.is_at_work:
            return None
        if not run.activities:
            return run.first_timer
        request = DescribeWorkflowExecutionRequest(namespace=self.client.namespace, execution=execution)
        described = await self.client.workflow_service.describe_workflow_execution(request)
        tries = [_next_try(each, run.retries) for each in described.pending_activities]
        due = [each for each in tries if each is not None]
        return None if len(due) < len(tries) else min([run.first_timer, *due])


@dataclass
class _Run:
    """What the history of a run tells, which is only ever added to."""

    length: int = 0
    under_way: Counter[str] = field(default_factory=Counter)
    """How many tasks, starts of children, signals and cancellations have begun and not ended."""
    timers: dict[str, datetime] = field(default_factory=dict, repr=False)
    """When each running timer fires."""
    activities: dict[int, ActivityTaskScheduledEventAttributes] = field(default_factory=dict, repr=False)
    """Those that have not ended; the start of one is written down with its end."""
    last_events: deque[str] = field(default_factory=lambda: deque(maxlen=8))

    @property
    def is_at_work(self) -> bool:
        """Tell whether something is under way, activities aside."""
        return any(self.under_way.values())

    @property
    def first_timer(self) -> datetime:
        """When the first of its timers fires."""
        return min(self.timers.values(), default=_NEVER)

    @property
    def retries(self) -> Mapping[str, RetryPolicy]:
        """How each activity that has not ended is tried again."""
        return {each.activity_id: each.retry_policy for each in self.activities.values()}

    @property
    def patience(self) -> float:
        """How many seconds its work may take."""
        return _REFUSED_AFTER_SECONDS if self.under_way["task"] else LOST_AFTER_SECONDS

    def read_on(self, events: Sequence[HistoryEvent]) -> None:
        """Take in what is new in the whole of its events."""
        for event in events[self.length :]:
            self._take(event, (event.WhichOneof("attributes") or "").removesuffix("_event_attributes"))
        self.length = len(events)

    def _take(self, event: HistoryEvent, kind: str) -> None:
        self.last_events.append(kind)
        if kind in _OPENS:
            opened = _OPENS[kind]
            self.under_way[opened] = 1 if opened == "task" else self.under_way[opened] + 1
        elif kind in _CLOSES:
            closed = _CLOSES[kind]
            self.under_way[closed] = 0 if closed == "task" else self.under_way[closed] - 1
        elif kind == "timer_started":
            timer = event.timer_started_event_attributes
            length = timer.start_to_fire_timeout.ToTimedelta()
            self.timers[timer.timer_id] = event.event_time.ToDatetime(UTC) + length
        elif kind in _ENDS_TIMER:
            self.timers.pop(getattr(event, f"{kind}_event_attributes").timer_id, None)
        elif kind == "activity_task_scheduled":
            self.activities[event.event_id] = event.activity_task_scheduled_event_attributes
        elif kind in _ENDS_ACTIVITY:
            self.activities.pop(getattr(event, f"{kind}_event_attributes").scheduled_event_id, None)


@dataclass(frozen=True)
class _Work:
    """A run that is at work, with the same history since a while."""

    run_id: str
    run: _Run
    length: int
    since: float
    is_timed_out: bool = False


def _next_try(pending: PendingActivityInfo, retries: Mapping[str, RetryPolicy]) -> datetime | None:
    """Return when an activity that failed is tried again; None while it is at work."""
    failed_at = pending.last_attempt_complete_time.ToDatetime(UTC)
    if pending.attempt == 1 or pending.last_started_time.ToDatetime(UTC) > failed_at:
        return None
    policy = retries[pending.activity_id]
    first: timedelta = policy.initial_interval.ToTimedelta()
    return failed_at + min(
        first * policy.backoff_coefficient ** (pending.attempt - 2), policy.maximum_interval.ToTimedelta()
    )


class _Watched(Interceptor):
    """Has the clock move while a result is awaited."""

    env: SkippingServer

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Starts(next, self)


class _Starts(OutboundInterceptor):
    def __init__(self, following: OutboundInterceptor, watched: _Watched) -> None:
        super().__init__(following)
        self._watched = watched

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        handle = await super().start_workflow(input)
        handle.__class__ = _Awaited
        awaited = cast(_Awaited, handle)
        awaited.env = self._watched.env
        return awaited


class _Awaited(WorkflowHandle[Any, Any]):
    env: SkippingServer

    async def result(self, **options: Any) -> Any:
        async with self.env.moving():
            return await super().result(**options)
