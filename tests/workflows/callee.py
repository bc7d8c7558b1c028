"""The other end of calls that take their time on the clock that skips."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.call import CallStatus, StatusEvent
from domain.telephony import CallRequest
from tests.workflows.world import World, server_time

QUEUE = "callees"
ENDS = "call_ends"


@dataclass(frozen=True)
class Answer:
    """How a call goes: for how long it rings or is talked in, and how it ends."""

    lasts: timedelta
    ends: CallStatus = CallStatus.COMPLETED


@dataclass
class OpenCall:
    """A call that goes on."""

    execution_id: str
    answer: Answer


@workflow.defn
class Callee:
    """Lets a call go on for a while, and ends it."""

    @workflow.run
    async def run(self, call: OpenCall) -> None:
        await workflow.sleep(call.answer.lasts)
        await workflow.execute_activity(ENDS, call, start_to_close_timeout=timedelta(seconds=10))


@asynccontextmanager
async def people_who(world: World, answer: Callable[[CallRequest, int], Answer]) -> AsyncIterator[None]:
    """Have each call go as is told of it, and of which call of its contact it is (from 1)."""

    @activity.defn(name=ENDS)
    async def end(call: OpenCall) -> None:
        ended = StatusEvent(status=call.answer.ends, happened_at=server_time())
        await world.hear(call.execution_id, ended)

    async def begin(request: CallRequest) -> None:
        goes = answer(request, world.telephone.calls_of[request.contact_id])
        is_answered = goes.ends is CallStatus.COMPLETED
        status = CallStatus.IN_PROGRESS if is_answered else CallStatus.RINGING
        await world.hear(request.execution_id, StatusEvent(status=status, happened_at=server_time()))
        call = OpenCall(request.execution_id, goes)
        await world.client.start_workflow(
            Callee.run, call, id=f"callee/{request.execution_id}", task_queue=QUEUE
        )

    world.telephone.script = lambda _request, _call: ()
    world.telephone.once_told = begin
    async with Worker(
        world.client,
        task_queue=QUEUE,
        workflows=[Callee],
        activities=[end],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


def people_who_talk(world: World, talk: timedelta) -> AbstractAsyncContextManager[None]:
    """Have every call that is placed answered at once, and ended by the callee after so long."""
    return people_who(world, lambda _request, _call: Answer(talk))
