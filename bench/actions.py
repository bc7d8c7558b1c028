"""How many events and billable actions a contact costs Temporal: `python -m bench --only actions`.

One batch answers its first call; another is engaged then, and answers the second. Read from the histories of
the batch and of all its contacts, every run of them. What counts as an action is said in
https://docs.temporal.io/cloud/actions, read on 2026-11-30. Queries and heartbeats are billed too and leave no
event: nobody watches this batch, and an activity that is shorter than its first heartbeat has none.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecution

from activities.bounded_gather import gather_bounded
from bench.figures import Figure, Size
from bench.full_path import create_campaign, rate_of, start_batch, upload_batch, who_are_busy
from bench.server import api_of, client_of
from embedded.stack import RunningStack

LIMIT = 20
TALK_SECONDS = 2
_COOLDOWN_MINUTES = 0.1
_AT_ONCE = 10

# A child's start is two: the command of its parent, and the run. Only the receiver's side of a signal counts.
_ACTIONS = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "workflow runs",
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: "child workflow starts",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signals",
    EventType.EVENT_TYPE_TIMER_STARTED: "timers",
    EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED: "activities",
    EventType.EVENT_TYPE_MARKER_RECORDED: "local activities",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attribute upserts",
}


@dataclass
class Cost:
    """Of one workflow type, all its runs together."""

    events: int = 0
    actions: Counter[str] = field(default_factory=Counter)

    def add(self, event: HistoryEvent) -> None:
        """Count one event."""
        self.events += 1
        if (action := _ACTIONS.get(event.event_type)) is not None:
            self.actions[action] += _times(event)


Costs = Mapping[str, Cost]
"""By workflow type."""


def _times(event: HistoryEvent) -> int:
    """Return how often a worker began what one event tells of: activities tell of all their tries at once.

    The try that an activity waits for, while the call it placed goes on, never begins when the call's end
    completes it. The server writes its start all the same, with the completion and without a request's id.
    """
    if not event.HasField("activity_task_started_event_attributes"):
        return 1
    started = event.activity_task_started_event_attributes
    return max(started.attempt, 1) if started.request_id else max(started.attempt - 1, 1)


async def measure_actions(stack: RunningStack, *, contacts: int, limit: int) -> tuple[Costs, Costs]:
    """Call two batches to their ends; return the cost by workflow type of either."""
    async with api_of(stack) as api:
        answered = await start_batch(api, contacts=contacts, window=limit)
        await rate_of(api, answered)
        campaign_id = await create_campaign(api, retry_policy={"cooldown_minutes": _COOLDOWN_MINUTES})
        busy = who_are_busy(contacts, at_first=True)
        redialled = await upload_batch(api, campaign_id, busy, window=limit)
        await rate_of(api, redialled)
    client = await client_of(stack)
    return await _costs(client, answered.batch_id), await _costs(client, redialled.batch_id)


async def _costs(client: Client, batch_id: str) -> Costs:
    costs: dict[str, Cost] = {}

    async def count(run: WorkflowExecution) -> None:
        cost = costs.setdefault(run.workflow_type, Cost())
        async for event in client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history_events():
            cost.add(event)

    runs = [each async for each in client.list_workflows(f"BatchId = '{batch_id}'")]
    await gather_bounded(runs, count, at_once=_AT_ONCE)
    return costs


def action_figures(costs: Costs, contacts: int) -> Sequence[Figure]:
    """Return the sums; the goals are a third below what was counted first, 26.1 events and 7.8 actions."""
    events = sum(each.events for each in costs.values()) / contacts
    actions = sum(each.actions.total() for each in costs.values()) / contacts
    return [
        Figure("Temporal events of an answered contact", events, 17.4),
        Figure("billable actions of an answered contact", actions, 5.2),
    ]


def show_actions(console: Console, costs: Costs, title: str, contacts: int) -> None:
    """Print what each workflow type costs a contact, and their sum."""
    table = Table(title=f"{contacts} {title}, per contact")
    for column in ("", *costs, "together"):
        table.add_column(column, justify="left" if column == "" else "right")
    rows = {"events": [each.events for each in costs.values()]}
    rows |= {name: [each.actions[name] for each in costs.values()] for name in _ACTIONS.values()}
    rows["actions"] = [each.actions.total() for each in costs.values()]
    for name, counts in rows.items():
        table.add_row(name, *(f"{count / contacts:.2f}" for count in (*counts, sum(counts))))
    console.print(table)


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    answered, redialled = asyncio.run(measure_actions(stack, contacts=size.contacts, limit=size.limit))
    show_actions(console, answered, "contacts who answer the first call", size.contacts)
    show_actions(console, redialled, "contacts who answer the second call", size.contacts)
    return action_figures(answered, size.contacts)
