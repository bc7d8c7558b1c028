"""A line that an activity logs says for which batch, contact and attempt."""

import structlog
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.interceptors import LogContextInterceptor
from activities.messages import BeginBatch, CheckCall


class Listening(ActivityInboundInterceptor):
    """Tells what is bound while an activity runs."""

    def __init__(self) -> None:
        """Be the last of the chain."""

    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        """Return what a line would carry."""
        return structlog.contextvars.get_contextvars()


async def bound_for(request: object) -> object:
    asked = ExecuteActivityInput(fn=bound_for, args=[request], executor=None, headers={})
    wrapped = LogContextInterceptor().intercept_activity(Listening())
    return await ActivityEnvironment().run(wrapped.execute_activity, asked)


async def test_ids_are_bound_while_the_activity_runs_and_not_after_it() -> None:
    before = structlog.contextvars.get_contextvars()

    assert await bound_for(CheckCall(contact_id="con_1", attempt=3)) == {
        **before,
        "activity": "unknown",
        "workflow_id": "test",
        "attempt": 3,
    }
    assert "attempt" not in str(await bound_for(BeginBatch("btc_1")))
    assert structlog.contextvars.get_contextvars() == before
