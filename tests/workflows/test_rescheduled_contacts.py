"""Contacts that sleep while their times move: woken early, put off, sent home, granted a slot."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from domain.batch import BatchStatus
from domain.call import AttemptKind, CallStatus, StatusEvent
from domain.contact import Contact, ContactStatus
from domain.identity import BatchId
from domain.redial import RedialPolicy
from tests.workflows.world import ANSWERED, BUSY, World, until
from workflows import names, search_attributes
from workflows.batch import activity_calls
from workflows.batch.workflow import BatchWorkflow
from workflows.messages import BatchInput, BatchState, DueChanged, PolicyChanged, SlotRequested

pytestmark = pytest.mark.server
Batch = WorkflowHandle[BatchWorkflow, str]
COOLDOWN = timedelta(hours=1)
SOON = timedelta(seconds=5)
"""From an instant to the dial that follows it."""
RULES = {"retry_policy": RedialPolicy(cooldown=COOLDOWN)}


async def asleep(world: World, people: int = 1) -> tuple[BatchId, Batch]:
    """Return a batch whose contacts were busy and sleep for an hour; they answer the next call."""
    world.telephone.script = lambda _request, call: BUSY if call == 1 else ANSWERED
    batch_id = await world.a_batch(people, rules=RULES)
    batch = await world.start(batch_id)
    await until(lambda: {each.status for each in world.contacts(batch_id)} == {ContactStatus.RETRYING})
    for contact in world.contacts(batch_id):
        await world.listening(contact)
    return batch_id, batch


def move_row(world: World, contact: Contact, due_at: datetime, now: datetime) -> None:
    """Time a contact anew in the database."""
    moved = replace(contact, next_retry_at=due_at, updated_at=now)
    world.tables.contacts[contact.contact_id] = moved


async def tell(world: World, contact: Contact, due_at: datetime | None, *, attempt: int = 2) -> None:
    """Signal a contact's workflow as its batch does."""
    await world.contact_story(contact).signal(names.DUE_CHANGED, DueChanged(attempt, due_at))


async def tell_batch(batch: Batch, since: datetime) -> None:
    """Signal the batch's workflow as the API does."""
    await batch.signal(names.POLICY_CHANGED, PolicyChanged(rescheduled_since=since))


def redialled_at(world: World, batch_id: BatchId) -> datetime:
    """Return when the second call of the only contact was placed."""
    [_, second] = world.calls(batch_id)
    assert second.started_at is not None
    return second.started_at


@pytest.mark.parametrize(
    "moved_by",
    [
        pytest.param(timedelta(minutes=-1), id="due a minute ago"),
        pytest.param(timedelta(minutes=10), id="earlier than before"),
        pytest.param(timedelta(hours=3), id="later than before"),
    ],
)
async def test_sleeper_is_called_at_the_time_its_batch_tells(world: World, moved_by: timedelta) -> None:
    batch_id, batch = await asleep(world)
    now = await world.env.get_current_time()
    [contact] = world.contacts(batch_id)
    due_at = now + moved_by

    move_row(world, contact, due_at, now)
    await tell_batch(batch, now)

    assert await batch.result() == BatchStatus.COMPLETED
    not_before = max(now, due_at)
    assert not_before <= redialled_at(world, batch_id) < not_before + SOON


async def test_sleeper_is_called_at_the_last_time_it_was_told(world: World) -> None:
    batch_id, batch = await asleep(world)
    now = await world.env.get_current_time()
    [contact] = world.contacts(batch_id)
    move_row(world, contact, now + timedelta(minutes=5), now)

    for minutes in (120, 1, 5):
        await tell(world, contact, now + timedelta(minutes=minutes))
    await batch.result()

    assert timedelta(minutes=5) <= redialled_at(world, batch_id) - now < timedelta(minutes=5) + SOON


async def test_sleeper_that_need_not_wait_ends_and_its_batch_completes_without_another_ring(
    world: World,
) -> None:
    batch_id, batch = await asleep(world, 2)
    now = await world.env.get_current_time()
    contacts = world.contacts(batch_id)
    for each in contacts:
        done = replace(each, status=ContactStatus.BUSY, next_retry_at=None, updated_at=now)
        world.tables.contacts[each.contact_id] = done

    await tell_batch(batch, now)

    await until(lambda: world.tables.batches[batch_id].status is BatchStatus.COMPLETED)
    assert (await batch.query(names.COUNTERS))["busy"] == 2
    for each in contacts:
        assert await world.contact_story(each).result()
    assert await world.env.get_current_time() - now < timedelta(minutes=1)
    assert len(world.telephone.requests) == 2


async def test_end_told_before_the_sleep_begins_is_kept(world: World) -> None:
    world.telephone.script = lambda _request, _call: (CallStatus.RINGING,)
    batch_id = await world.a_batch(rules=RULES)
    await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    [contact] = world.contacts(batch_id)
    now = await world.env.get_current_time()

    await tell(world, contact, None)
    await world.hear(
        world.telephone.requests[0].execution_id, StatusEvent(status=CallStatus.BUSY, happened_at=now)
    )

    assert await world.contact_story(contact).result()
    assert await world.env.get_current_time() - now < timedelta(minutes=1)


@pytest.mark.parametrize("attempt", [0, 1, 3], ids=["none", "the one before", "the one after"])
async def test_news_of_another_attempt_moves_nobody(world: World, attempt: int) -> None:
    batch_id, batch = await asleep(world)
    now = await world.env.get_current_time()
    [contact] = world.contacts(batch_id)

    await tell(world, contact, now + timedelta(hours=9), attempt=attempt)
    await batch.result()

    assert redialled_at(world, batch_id) - now < COOLDOWN + SOON


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="nothing"),
        pytest.param([None], id="null"),
        pytest.param(["now"], id="text"),
        pytest.param([{"attempt": 2}], id="no time"),
        pytest.param([{"attempt": 2, "due_at": "tomorrow"}], id="no instant"),
        pytest.param([{"attempt": 2, "due_at": "2099-01-31T09:00:00"}], id="an instant without a zone"),
        pytest.param([{"due_at": "2099-01-31T09:00:00Z"}], id="no attempt"),
        pytest.param([[2, None]], id="a list"),
    ],
)
async def test_ill_typed_news_moves_nobody_and_wedges_nothing(world: World, arguments: list[object]) -> None:
    batch_id, batch = await asleep(world)
    now = await world.env.get_current_time()
    [contact] = world.contacts(batch_id)

    await world.contact_story(contact).signal(names.DUE_CHANGED, args=arguments)
    await batch.result()

    assert redialled_at(world, batch_id) - now < COOLDOWN + SOON
    assert world.contacts(batch_id)[0].status is ContactStatus.COMPLETED


@pytest.mark.parametrize("since", ["tomorrow", "2030-01-31T09:00:00", 7], ids=["text", "no zone", "number"])
async def test_ill_typed_instant_still_makes_the_batch_read_its_rules(world: World, since: object) -> None:
    _, batch = await asleep(world)

    await batch.signal(names.POLICY_CHANGED, {"rescheduled_since": since})

    assert await batch.result() == BatchStatus.COMPLETED


async def test_sleeper_that_is_granted_its_slot_early_dials_at_once(world: World) -> None:
    batch_id, batch = await asleep(world)
    now = await world.env.get_current_time()
    [contact] = world.contacts(batch_id)
    move_row(world, contact, now, now)

    await batch.signal(names.SLOT_REQUESTED, SlotRequested(contact.contact_id, 2, AttemptKind.RETRY))

    assert await batch.result() == BatchStatus.COMPLETED
    assert redialled_at(world, batch_id) - now < SOON


async def test_sleeper_can_be_found_by_the_time_it_was_moved_to(world: World) -> None:
    batch_id, batch = await asleep(world)
    now = await world.env.get_current_time()
    [contact] = world.contacts(batch_id)
    story = world.contact_story(contact)

    for moved_by in (timedelta(hours=4), timedelta(minutes=20)):
        await tell(world, contact, now + moved_by)
        found = (await story.describe()).typed_search_attributes
        while found[search_attributes.NEXT_ACTION_AT] != now + moved_by:
            found = (await story.describe()).typed_search_attributes
        assert (found[search_attributes.CONTACT_STATUS], found[search_attributes.ATTEMPT]) == ("retrying", 2)

    move_row(world, contact, now, now)
    await tell(world, contact, now)
    await batch.result()

    shown = (await story.describe()).typed_search_attributes[search_attributes.NEXT_ACTION_AT]
    assert shown.astimezone(UTC) - now < SOON


async def test_moved_sleepers_are_told_page_by_page_and_all_of_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity_calls, "NOTIFIED_AT_ONCE", 2)
    batch_id, batch = await asleep(world, 5)
    now = await world.env.get_current_time()
    for contact in world.contacts(batch_id):
        move_row(world, contact, now, now)

    await tell_batch(batch, now)
    await tell_batch(batch, now)  # while the first pages are told

    await until(lambda: len(world.telephone.requests) == 10)
    assert await batch.result() == BatchStatus.COMPLETED
    assert await world.length(batch_id) < timedelta(minutes=1)


async def test_sleeper_whose_workflow_is_gone_keeps_nobody_from_being_told(live_world: World) -> None:
    world = live_world
    batch_id, batch = await asleep(world, 2)
    now = await world.env.get_current_time()
    first, second = world.contacts(batch_id)
    story = world.contact_story(first)
    await story.terminate("by hand")
    assert (await story.describe()).status is WorkflowExecutionStatus.TERMINATED
    for contact in (first, second):
        move_row(world, world.tables.contacts[contact.contact_id], now, now)

    await tell_batch(batch, now)

    await until(lambda: world.tables.contacts[second.contact_id].status is ContactStatus.COMPLETED)


async def test_sleepers_that_one_run_of_the_batch_did_not_tell_are_told_by_the_next(
    live_world: World,
) -> None:
    world = live_world
    batch_id, batch = await asleep(world, 2)
    await batch.terminate("the run is over")
    now = await world.env.get_current_time()
    for contact in world.contacts(batch_id):
        move_row(world, contact, now, now)
    carried = BatchState(rescheduled_since=now, notified_up_to=1, followed_version=1)
    campaign_id = world.tables.batches[batch_id].campaign_id

    await world.client.start_workflow(
        BatchWorkflow.run,
        BatchInput(batch_id=batch_id, campaign_id=campaign_id, state=carried),
        id=names.batch_workflow_id(batch_id),
        task_queue=names.CONTROL_QUEUE,
    )

    first, second = world.contacts(batch_id)
    await until(lambda: world.tables.contacts[second.contact_id].status is ContactStatus.COMPLETED)
    assert world.tables.contacts[first.contact_id].status is ContactStatus.RETRYING  # told by the run before
