"""What a batch's workflow did with its slots, read from its history, run by run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from workflows import names

READS_PAGES = "next_contacts"

Span = tuple[datetime, datetime]


@dataclass
class SlotStory:
    """Instants by the server's clock, in order."""

    given: list[tuple[datetime, str]] = field(default_factory=list)
    """When the workflow asked for a contact to be started."""
    returned: list[tuple[datetime, str]] = field(default_factory=list)
    """When a contact's report, or the end of its workflow, reached the batch's; both of some contacts."""
    reading: list[Span] = field(default_factory=list)
    """While a page of contacts was asked for, until the workflow had looked at it."""
    changing: list[Span] = field(default_factory=list)
    """From the last contact started by one run to the first one started by the next."""

    def lost_to(self, span: Span) -> str:
        """Say what a free slot waited for."""
        if any(_overlap(span, each) for each in self.changing):
            return "workflow continued as new"
        if any(_overlap(span, each) for each in self.reading):
            return "workflow read a page"
        return "workflow had other work"


async def read_story(client: Client, batch_id: str) -> SlotStory:
    """Read the histories of all runs of a batch, oldest first."""
    runs: list[list[HistoryEvent]] = []
    run_id: str | None = None
    while run_id != "":
        handle = client.get_workflow_handle(names.batch_workflow_id(batch_id), run_id=run_id)
        events = [each async for each in handle.fetch_history_events()]
        runs.insert(0, events)
        run_id = events[0].workflow_execution_started_event_attributes.continued_execution_run_id
    story = SlotStory()
    for events in runs:
        await _add_run(client, story, events)
    return story


async def _add_run(client: Client, story: SlotStory, events: Sequence[HistoryEvent]) -> None:
    given_before = len(story.given)
    for event in events:
        at = _instant(event.event_time)
        match event.event_type:
            case EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
                child = event.start_child_workflow_execution_initiated_event_attributes
                story.given.append((at, names.ids_in(child.workflow_id)["contact_id"]))
            case EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
                ended = event.child_workflow_execution_completed_event_attributes
                story.returned.append((at, names.ids_in(ended.workflow_execution.workflow_id)["contact_id"]))
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                signal = event.workflow_execution_signaled_event_attributes
                if signal.signal_name == names.ATTEMPT_REPORTED:
                    [report] = await client.data_converter.decode(signal.input.payloads, [dict[str, object]])
                    story.returned.append((at, str(report["contact_id"])))
    story.reading += _page_reads(events)
    if 0 < given_before < len(story.given):
        story.changing.append((story.given[given_before - 1][0], story.given[given_before][0]))


def _page_reads(events: Sequence[HistoryEvent]) -> Iterator[Span]:
    asked: dict[int, datetime] = {}
    read: list[datetime] = []
    for event in events:
        at = _instant(event.event_time)
        match event.event_type:
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                if event.activity_task_scheduled_event_attributes.activity_type.name == READS_PAGES:
                    asked[event.event_id] = at
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                began = asked.get(event.activity_task_completed_event_attributes.scheduled_event_id)
                read += [] if began is None else [began]
            case EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                yield from ((began, at) for began in read)
                read = []


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _instant(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
