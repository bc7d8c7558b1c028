"""What Temporal's server says of workflows and queues, in our words; the gateway asks, this file reads."""

import re
from collections.abc import Iterable
from datetime import UTC

from temporalio.api.enums.v1 import EventType, WorkflowExecutionStatus
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import DescribeTaskQueueResponse
from temporalio.exceptions import ApplicationError, FailureError

from domain.diagnosis.facts import QueueFacts, QueueRole

FAILURE_LENGTH = 200
"""Characters of a failure that are shown."""

_STATUS_PREFIX = "WORKFLOW_EXECUTION_STATUS_"
_OUR_SPELLING = {"canceled": "cancelled"}
_NUMBERS = re.compile(r"\+?\d[\d\s().-]{4,}\d")
"""Whatever may be somebody's number."""


def status_word(status: "WorkflowExecutionStatus.ValueType") -> str:
    """Return `running`, or how a workflow closed."""
    word = WorkflowExecutionStatus.Name(status).removeprefix(_STATUS_PREFIX).lower()
    return _OUR_SPELLING.get(word, word)


def queue_facts(name: str, role: QueueRole, described: DescribeTaskQueueResponse) -> QueueFacts:
    """Return the pollers of a queue and its backlog."""
    polls = [each.last_access_time.ToDatetime(tzinfo=UTC) for each in described.pollers]
    return QueueFacts(
        name=name,
        role=role,
        pollers=len(polls),
        backlog=described.stats.approximate_backlog_count,
        last_seen=max(polls, default=None),
    )


def newest_failure(newest_first: Iterable[HistoryEvent]) -> Failure | None:
    """Return why a workflow's task failed last, None when it succeeded since or only ran out of time.

    A task that ran out of time lost its worker, and is no fault of the workflow.
    """
    for event in newest_first:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            return event.workflow_task_failed_event_attributes.failure
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            return None
    return None


def failure_text(error: BaseException) -> str:
    """Return the kind of an error and its first line; the text is the code's, and may quote anything."""
    kind = error.type if isinstance(error, ApplicationError) else None
    message = error.message if isinstance(error, FailureError) else ""
    line = next(iter(message.splitlines()), "")
    parts = [kind or type(error).__name__, *([_NUMBERS.sub("…", line)] if line else [])]
    text = ": ".join(parts)
    return text if len(text) <= FAILURE_LENGTH else f"{text[: FAILURE_LENGTH - 1]}…"
