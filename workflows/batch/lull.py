"""The moment in which a batch may go on in a new run."""

import asyncio
from collections.abc import Callable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.batch import limits

_REFUSED = 8
"""Events by which a history grows at least from one task to the next when a task between them was refused.

The first is completed, something happens, a task is scheduled, started and fails, for something happened
meanwhile, and the next is scheduled and started.
"""


async def lull(may_leave: Callable[[], bool]) -> bool:
    """Wait for a short task that follows no refused one, and tell whether it came soon.

    The server refuses to continue as new where anything has happened since the task began. Then the worker
    replays the whole run, and in so long a task something happens again: tried at once, it would be refused
    until nobody is live. So after a refusal the run goes on, and ends later.
    """
    timer = asyncio.create_task(workflow.sleep(limits.LULL, summary="nothing happens: a new run may begin"))
    try:
        for _ in range(limits.TASKS_BETWEEN_LOOKS):
            gained = await _next_task(timer)
            if not gained or not may_leave():
                return False
            if gained < _REFUSED:
                return True
        return False
    finally:
        timer.cancel()


async def _next_task(timer: "asyncio.Task[None]") -> int:
    """Wait for it and return how many events the history has gained; 0 when the time is up before."""
    before = workflow.info().get_current_history_length()

    def gained() -> int:
        return workflow.info().get_current_history_length() - before

    await workflow.wait_condition(lambda: gained() > 0 or timer.done())
    return gained()
