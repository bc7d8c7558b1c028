"""What people see of a batch and its contacts in Temporal, and what becomes of what they type."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from temporalio.client import WorkflowHandle

from domain.batch import BatchStatus, PausedBy
from domain.contact import ContactStatus as S
from domain.disposition import AnsweredBy
from domain.redial import RedialPolicy
from domain.slots import WINDOW_OPENS, GrantedSlots
from tests.workflows.world import ANSWERED, BUSY, QUICK, SILENCE, World, until
from workflows import messages, names, search_attributes
from workflows.batch import dashboard
from workflows.batch.workflow import BatchWorkflow
from workflows.contact.workflow import ContactWorkflow
from workflows.descriptions import DESCRIPTIONS
from workflows.messages import BatchState, Entry
from workflows.text import plain

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
AN_HOUR = {"retry_policy": RedialPolicy(cooldown=timedelta(hours=1))}
READS: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(
        (names.PAUSE, names.RESUME, names.CANCEL, names.DISPATCH), messages.OPERATOR_REQUEST.validate_json
    ),
    names.POLICY_CHANGED: messages.POLICY_CHANGED.validate_json,
    names.ATTEMPT_REPORTED: messages.ATTEMPT_REPORTED.validate_json,
    names.SLOT_REQUESTED: messages.SLOT_REQUESTED.validate_json,
    names.CONTACT_SKIPPED: messages.CONTACT_SKIPPED.validate_json,
    names.FOLLOW_UP_SCHEDULED: messages.FOLLOW_UP_SCHEDULED.validate_json,
    names.CALL_EVENT: messages.CALL_EVENT.validate_json,
    names.SLOT_GRANTED: messages.SLOT_GRANT.validate_json,
    names.DUE_CHANGED: messages.DUE_CHANGED.validate_json,
}


async def kinds_of(story: "WorkflowHandle[Any, Any]") -> list[str]:
    """Return the names of a history's events in order."""
    history = json.loads((await story.fetch_history()).to_json())
    return [str(each["eventType"]).removeprefix("EVENT_TYPE_") for each in history["events"]]


async def unexplained(story: "WorkflowHandle[Any, Any]") -> Iterator[str]:
    """Return the timers and activities of a history without a summary."""
    history = json.loads((await story.fetch_history()).to_json())
    explained = ("EVENT_TYPE_TIMER_STARTED", "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED")
    events = [each for each in history["events"] if each["eventType"] in explained]
    return (json.dumps(each) for each in events if "summary" not in each.get("userMetadata", {}))


async def debugged(world: World, batch_id: str) -> dict[str, list[dict[str, str]]]:
    batch = world.client.get_workflow_handle(names.batch_workflow_id(batch_id))
    view: dict[str, list[dict[str, str]]] = await batch.query(names.DEBUG)
    return view


def standing(**changes: Any) -> GrantedSlots:
    """What a request for slots said of a paused batch of nine, with one of four slots in use."""
    told: dict[str, Any] = {
        "status": BatchStatus.PAUSED,
        "paused_by": PausedBy.BATCH,
        "total_contacts": 9,
        "concurrency_limit": 4,
        "campaign_limit": None,
        "in_use": 1,
        "campaign_in_use": None,
    }
    return GrantedSlots(**told | changes)


def test_page_shows_slots_clocks_who_paused_and_what_was_asked_for() -> None:
    opens_at = NOON + timedelta(hours=1)
    state = BatchState(
        stands=standing(campaign_limit=6, campaign_in_use=5),
        counts={S.PENDING: 3, S.DISPATCHED: 1, S.RETRYING: 2, S.COMPLETED: 3, S.SKIPPED: 0},
        answered_by={AnsweredBy.HUMAN: 3, AnsweredBy.MACHINE: 1},
        dispositions={"promised": 2},
        rereads={WINDOW_OPENS: opens_at},
        next_wake=(opens_at, WINDOW_OPENS),
        actions=[Entry(NOON, "resume by the API", "now in_progress"), Entry(NOON, "pause by ops: lunch")],
        notes=[Entry(NOON, "dispatch", "done, but its input was not understood")],
    )

    shown = dashboard.details(state, NOON).replace("\N{NO-BREAK SPACE}", " ")

    assert re.sub(" +", " ", shown) == (
        "**paused** at 2030-01-31 12:00:00 UTC\n\n"
        "| | |\n|---|---|\n"
        "| paused by | pause by ops: lunch, 2030-01-31 12:00:00 UTC |\n"
        "| slots in use | 1 of 4 |\n"
        "| its campaign's slots in use | 5 of 6 |\n"
        "| calling hours | closed for some contacts until 2030-01-31 13:00:00 UTC |\n"
        "| next wake | 2030-01-31 13:00:00 UTC: next window opens |\n\n"
        "| contacts | of 9 |\n|---|---|\n"
        "| pending | 3 |\n| live | 1 |\n| retrying | 2 |\n| completed | 3 |\n\n"
        "| answered by | of 4 calls |\n|---|---|\n| a human | 3 (75%) |\n| a machine | 1 (25%) |\n\n"
        "| came to | of 2 calls |\n|---|---|\n| `promised` | 2 (100%) |\n\n"
        "| when, in UTC | asked for | what came of it |\n|---|---|---|\n"
        "| 31 Jan 12:00:00 | pause by ops: lunch | under way |\n"
        "| 31 Jan 12:00:00 | resume by the API | now in_progress |\n\n"
        "| when, in UTC | signal not understood | |\n|---|---|---|\n"
        "| 31 Jan 12:00:00 | dispatch | done, but its input was not understood |"
    )


@pytest.mark.parametrize(
    ("paused_by", "actions", "told"),
    [
        pytest.param(PausedBy.CAMPAIGN, [Entry(NOON, "pause")], "its campaign", id="with its campaign"),
        pytest.param(PausedBy.BATCH, [Entry(NOON, "resume")], "the API", id="nobody left a line"),
    ],
)
def test_page_says_who_paused(paused_by: PausedBy, actions: list[Entry], told: str) -> None:
    state = BatchState(stands=standing(paused_by=paused_by), actions=actions)

    shown = dashboard.details(state, NOON)

    assert re.search(rf"paused by\W+{told} \|", shown)


def test_page_of_a_batch_nobody_has_looked_at_says_so() -> None:
    assert dashboard.details(BatchState(), NOON) == "not looked at yet"
    assert dashboard.view(BatchState())["status"] is None


def test_text_somebody_typed_becomes_one_short_line_without_markup() -> None:
    assert plain(" a | b\n`c` <d> [e](f) ") == "a b c d e (f)"
    assert plain("x" * 81) == "x" * 79 + "…"


@pytest.mark.parametrize("workflow", [BatchWorkflow, ContactWorkflow])
def test_every_signal_and_query_says_what_it_does_with_an_example_that_fits(
    workflow: type[BatchWorkflow] | type[ContactWorkflow],
) -> None:
    definition = workflow.__temporal_workflow_definition  # type: ignore[union-attr]
    handlers = {**definition.signals, **definition.queries}

    assert {name: each.description for name, each in handlers.items()} == {
        name: DESCRIPTIONS[str(name)] for name in handlers
    }
    for name in handlers:
        example = re.search(r"{.*}", DESCRIPTIONS[str(name)])
        assert (example is not None) == (name in READS)
        if example is not None:
            READS[str(name)](example[0])


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        pytest.param(messages.POLICY_CHANGED, {"rescheduled_since": "{}"}, id="policy_changed"),
        pytest.param(messages.DUE_CHANGED, {"attempt": 2, "due_at": "{}"}, id="due_changed"),
        pytest.param(
            messages.FOLLOW_UP_SCHEDULED, {"contact_id": "con_1", "attempt": 2, "at": "{}"}, id="follow-up"
        ),
    ],
)
def test_instant_without_a_zone_does_not_fit(shape: TypeAdapter[object], said: Mapping[str, object]) -> None:
    def at(text: str) -> dict[str, object]:
        return {key: text if value == "{}" else value for key, value in said.items()}

    assert shape.validate_python(at("2030-01-31T09:00:00Z"))
    with pytest.raises(ValidationError):
        shape.validate_python(at("2030-01-31T09:00:00"))


def test_search_attributes_are_the_registered_ones() -> None:
    typed = {key.name: key._metadata_type for key in search_attributes.KEYS}

    assert typed == dict(names.SEARCH_ATTRIBUTES)


@pytest.mark.server
async def test_what_people_signal_is_kept_with_what_came_of_it(world: World) -> None:
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch(1)
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    await world.listening(world.contacts(batch_id)[0])

    inputs: tuple[object, ...] = ({"reason": "lunch", "by": "ops", "more": 1}, "a | text", [1], None)
    for said in inputs:
        await batch.signal(names.PAUSE, said)
    await batch.signal(names.ATTEMPT_REPORTED, "x")
    await batch.signal(names.DISPATCH)
    await batch.signal(names.POLICY_CHANGED, {"action": "pause"})
    view = await debugged(world, batch_id)
    while any(not each["came_of"] for each in view["actions"]):
        await asyncio.sleep(0.05)
        view = await debugged(world, batch_id)

    told = ["pause by ops: lunch", "pause: a text", "pause", "pause", "dispatch", "pause by the API"]
    assert [(each["what"], each["came_of"]) for each in view["actions"]] == [
        (what, "now paused") for what in told
    ]
    assert [(each["what"], each["came_of"]) for each in view["notes"]] == [
        ("pause", "done, but its input was not understood"),
        ("attempt_reported", "ignored, for its input does not fit"),
    ]


@pytest.mark.server
async def test_action_that_is_not_possible_is_kept_with_its_refusal(world: World) -> None:
    batch_id = await world.a_batch(scheduled_start=await world.env.get_current_time() + timedelta(hours=1))
    batch = await world.start(batch_id)
    for number in range(12):
        await batch.signal(names.RESUME, f"number {number}")
    await batch.signal(names.CANCEL)
    await batch.signal(names.RESUME, "too late")
    await batch.result()

    view = await debugged(world, batch_id)

    assert len(view["actions"]) == 10
    assert [(each["what"], each["came_of"]) for each in view["actions"][-3:]] == [
        ("resume: number 11", "now pending"),
        ("cancel", "now cancelled"),
        ("resume: too late", "Batch is cancelled and cannot be resumed"),
    ]


@pytest.mark.server
async def test_contact_called_once_costs_no_change_of_attributes(world: World) -> None:
    world.telephone.script = lambda _request, call: BUSY if call == 1 else ANSWERED
    batch_id = await world.a_batch(1, rules=QUICK)
    batch = await world.start(batch_id)
    await batch.result()

    # A cooldown of a second is too short to be shown.
    kinds = await kinds_of(world.contact_story(world.contacts(batch_id)[0]))

    assert "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES" not in kinds
    # The library names its three patches, and the batch is completed.
    assert (await kinds_of(batch)).count("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES") == 4


@pytest.mark.server
async def test_contact_that_sleeps_long_is_found_by_why_until_when_and_for_which_attempt(
    world: World,
) -> None:
    world.telephone.script = lambda _request, call: BUSY if call == 1 else ANSWERED
    batch_id = await world.a_batch(1, rules=AN_HOUR)
    batch = await world.start(batch_id)
    await batch.result()

    story = world.contact_story(world.contacts(batch_id)[0])
    found = (await story.describe()).typed_search_attributes
    at = found[search_attributes.NEXT_ACTION_AT]
    first, second = world.calls(batch_id)

    assert (await kinds_of(story)).count("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES") == 1
    assert (found[search_attributes.CONTACT_STATUS], found[search_attributes.ATTEMPT]) == ("retrying", 2)
    assert first.ended_at is not None
    assert timedelta(hours=1) <= at - first.ended_at < timedelta(hours=1, minutes=1)
    assert second.started_at is not None
    assert second.started_at >= at


@pytest.mark.server
async def test_every_timer_and_activity_says_what_it_is_for(world: World) -> None:
    world.telephone.script = lambda _request, call: (BUSY, SILENCE, ANSWERED)[min(call, 3) - 1]
    now = await world.env.get_current_time()
    batch_id = await world.a_batch(
        2, rules=QUICK, scheduled_start=now + timedelta(hours=1), scheduled_end=now + timedelta(hours=9)
    )
    batch = await world.start(batch_id)
    await batch.result()

    stories: list[WorkflowHandle[Any, Any]] = [
        batch,
        *(world.contact_story(each) for each in world.contacts(batch_id)),
    ]
    assert [each for story in stories for each in await unexplained(story)] == []
