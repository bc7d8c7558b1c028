"""How activities are asked for: on which queue, how long, and how often again."""

from datetime import timedelta
from typing import TypedDict

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from workflows.names import DIAL_QUEUE, STORE_QUEUE


class ActivityOptions(TypedDict):
    """The part of an activity's options that is decided once."""

    task_queue: str
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy


# The worker beats by itself; without a beat it was killed, and another one takes over.
_SILENCE = timedelta(seconds=4)

TASK_TIMEOUT = _SILENCE
"""Of workflow tasks: one that a killed worker had in hand goes to another after so long."""

# A database or provider that is down comes back: wait for it without end, at a calm pace.
_PATIENT = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=15),
)

STORE: ActivityOptions = {
    "task_queue": STORE_QUEUE,
    "start_to_close_timeout": timedelta(seconds=10),
    "heartbeat_timeout": _SILENCE,
    "retry_policy": _PATIENT,
}


def housekeeping(silence: timedelta) -> ActivityOptions:
    """Return the options of a loop within one activity; after a silence its worker counts as killed.

    It begins again soon, for it waits by itself while anything is down.
    """
    return {
        "task_queue": STORE_QUEUE,
        "start_to_close_timeout": timedelta(hours=24),  # longer than any term
        "heartbeat_timeout": silence,
        "retry_policy": RetryPolicy(
            initial_interval=timedelta(milliseconds=200),
            backoff_coefficient=2,
            maximum_interval=timedelta(seconds=5),
        ),
    }


class LocalActivityOptions(TypedDict):
    """The same for an activity that runs inside the workflow's own task."""

    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    local_retry_threshold: timedelta


# What follows every single call: run inside the workflow's task it costs a third of the events.
# After the first quick tries the wait becomes a timer, so that an outage of the database holds no task.
LOCAL: LocalActivityOptions = {
    "start_to_close_timeout": timedelta(seconds=10),
    "retry_policy": _PATIENT,
    "local_retry_threshold": timedelta(seconds=2),
}

# Above the waits for a harmless question, rate limits and the provider's answer together, so that an answer
# is kept; a rerun finds the attempt's row and never asks twice.
DIAL: ActivityOptions = {
    "task_queue": DIAL_QUEUE,
    "start_to_close_timeout": timedelta(seconds=45),
    "heartbeat_timeout": _SILENCE,
    "retry_policy": _PATIENT,
}

# The watchdog has a clock of its own and polls again later.
POLL: ActivityOptions = {
    "task_queue": DIAL_QUEUE,
    "start_to_close_timeout": timedelta(seconds=30),
    "heartbeat_timeout": _SILENCE,
    "retry_policy": RetryPolicy(maximum_attempts=2),
}

# A provider that takes two requests a second needs minutes for a large batch.
HANG_UP: ActivityOptions = {
    "task_queue": DIAL_QUEUE,
    "start_to_close_timeout": timedelta(minutes=10),
    "heartbeat_timeout": _SILENCE,
    "retry_policy": RetryPolicy(maximum_attempts=2),
}
