"""The other end of calls that take their time on the clock that skips."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from domain.call import CallStatus, StatusEvent
from domain.telephony import CallRequest
from tests.workflows.stage import Stage, server_time

QUEUE = "callees"
HANGS_UP = "callee_hangs_up"


@dataclass
class AnsweredCall:
    """A call that somebody has answered."""

    execution_id: str
    talk: timedelta


@workflow.defn
class Callee:
    """Talks for a while and hangs up."""

    @workflow.run
    async def run(self, call: AnsweredCall) -> None:
        await workflow.sleep(call.talk)
        await workflow.execute_activity(
            HANGS_UP, call.execution_id, start_to_close_timeout=timedelta(seconds=10)
        )


@asynccontextmanager
async def people_who_talk(stage: Stage, talk: timedelta) -> AsyncIterator[None]:
    """Have every call that is placed answered at once, and ended by the callee after so long."""

    @activity.defn(name=HANGS_UP)
    async def hang_up(execution_id: str) -> None:
        ended = StatusEvent(status=CallStatus.COMPLETED, happened_at=server_time())
        await stage.hear(execution_id, ended)

    async def answer(request: CallRequest) -> None:
        call = AnsweredCall(request.execution_id, talk)
        await stage.client.start_workflow(
            Callee.run, call, id=f"callee/{request.execution_id}", task_queue=QUEUE
        )

    stage.telephone.script = lambda _request, _call: (CallStatus.IN_PROGRESS,)
    stage.telephone.once_told = answer
    async with Worker(
        stage.client,
        task_queue=QUEUE,
        workflows=[Callee],
        activities=[hang_up],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield
