"""Batches that are added to, kept open and closed, and contacts that wait for a time, on a skipped clock."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.batch import BatchStatus
from domain.contact import NewContact
from domain.identity import BatchId
from domain.lifecycle import Action
from domain.working_hours import DEFAULT_WORKING_HOURS, CallingHours, is_open
from tests.builders import ORGANIZATION, a_new_contact
from tests.fakes import FakeBatchStore
from tests.workflows.world import World, until
from workflows import names
from workflows.messages import PolicyChanged

pytestmark = pytest.mark.server

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE: Mapping[str, object] = {"working_hours_enforced": True, "timezone": "Europe/Berlin"}


async def append(world: World, batch_id: BatchId, *people: NewContact) -> None:
    """Add people as the API does, and signal the batch."""
    store = FakeBatchStore(world.tables)
    await store.append(ORGANIZATION, batch_id, people, await world.env.get_current_time())
    await world.client.get_workflow_handle(names.batch_workflow_id(batch_id)).signal(names.POLICY_CHANGED)


async def act(world: World, batch_id: BatchId, action: Action) -> None:
    """Pause, resume or close as the API does, and signal the batch."""
    await FakeBatchStore(world.tables).act(batch_id, action, await world.env.get_current_time())
    batch = world.client.get_workflow_handle(names.batch_workflow_id(batch_id))
    await batch.signal(names.POLICY_CHANGED, PolicyChanged(action))


def plan(world: World, batch_id: BatchId, times: Sequence[datetime]) -> None:
    """Give the contacts of a batch, by position, a time each."""
    for contact, not_before in zip(world.contacts(batch_id), times, strict=True):
        world.tables.contacts[contact.contact_id] = replace(contact, not_before=not_before)


def dialled(world: World, batch_id: BatchId) -> list[datetime]:
    """Return when each contact was dialled, by position."""
    at = {call.contact_id: call.started_at for call in world.calls(batch_id)}
    called = [at[each.contact_id] for each in world.contacts(batch_id)]
    return [each for each in called if each is not None]


async def events(world: World, batch_id: BatchId) -> int:
    described = await world.client.get_workflow_handle(names.batch_workflow_id(batch_id)).describe()
    return described.history_length


async def test_batch_that_is_kept_open_costs_no_event_however_long_it_rests(world: World) -> None:
    batch_id = await world.a_batch(2, keep_open=True)
    batch = await world.start(batch_id)
    await until(lambda: batch_id in world.tables.rests_since)
    await world.env.sleep(timedelta(seconds=10))  # the last count
    before = await events(world, batch_id)

    await world.env.sleep(30 * DAY)

    assert await events(world, batch_id) == before
    assert world.tables.batches[batch_id].status is BatchStatus.IN_PROGRESS
    await act(world, batch_id, Action.CLOSE)
    assert await batch.result() == "completed"


async def test_person_who_is_added_to_a_resting_batch_is_called_at_once(world: World) -> None:
    batch_id = await world.a_batch(1, keep_open=True)
    batch = await world.start(batch_id)
    await until(lambda: batch_id in world.tables.rests_since)
    await world.env.sleep(DAY)
    now = await world.env.get_current_time()

    await append(world, batch_id, a_new_contact(2))
    await until(lambda: len(world.calls(batch_id)) == 2)
    await until(lambda: batch_id in world.tables.rests_since)

    assert dialled(world, batch_id)[1] - now < timedelta(seconds=5)
    await act(world, batch_id, Action.CLOSE)
    assert await batch.result() == "completed"


@pytest.mark.parametrize(
    ("people", "status"), [pytest.param(1, "completed", id="done"), pytest.param(2, "expired", id="not")]
)
async def test_end_completes_an_open_batch_where_everybody_is_done(
    world: World, people: int, status: str
) -> None:
    now = await world.env.get_current_time()
    end = now + DAY
    batch_id = await world.a_batch(people, keep_open=True, scheduled_end=end)
    plan(world, batch_id, [now, end][:people])

    assert await (await world.start(batch_id)).result() == status

    assert abs(await world.length(batch_id) - DAY) < timedelta(minutes=1)


async def test_each_contact_is_called_when_its_time_comes_by_one_timer_at_a_time(world: World) -> None:
    now = await world.env.get_current_time()
    times = [now + 5 * HOUR, now, now + HOUR, now + 5 * HOUR]
    batch_id = await world.a_batch(4)
    plan(world, batch_id, times)

    assert await (await world.start(batch_id)).result() == "completed"

    late = [called - planned for called, planned in zip(dialled(world, batch_id), times, strict=True)]
    assert all(timedelta() <= each < timedelta(seconds=10) for each in late)


async def test_time_in_a_closed_window_waits_for_the_opening_across_a_clock_change(world: World) -> None:
    now = await world.env.get_current_time()
    # The last Sunday of October, when clocks go back; Monday 09:00 is an hour later by UTC.
    year = now.year if now.month < 10 else now.year + 1
    change = max(day for n in range(25, 32) if (day := datetime(year, 10, n, tzinfo=BERLIN)).weekday() == 6)
    times = [
        change.replace(hour=12),  # Sunday: closed
        (change - timedelta(days=2)).replace(hour=17, minute=59),  # Friday, a minute before closing
        (change - timedelta(days=2)).replace(hour=18),  # Friday, when it closes
    ]
    opening = (change + DAY).replace(hour=9)
    await world.env.sleep((change - timedelta(days=2)).replace(hour=12).astimezone(UTC) - now)
    batch_id = await world.a_batch(3, rules=OFFICE)
    plan(world, batch_id, [each.astimezone(UTC) for each in times])

    assert await (await world.start(batch_id)).result() == "completed"

    first, second, third = dialled(world, batch_id)
    for called, planned in ((first, opening), (second, times[1]), (third, opening)):
        assert timedelta() <= called - planned.astimezone(UTC) < timedelta(seconds=30)
    hours = CallingHours(enforced=True, timezone="Europe/Berlin", working_hours=DEFAULT_WORKING_HOURS)
    assert all(is_open(hours, at) for at in (first, second, third))


async def test_time_that_comes_in_a_pause_is_followed_at_the_resume(world: World) -> None:
    now = await world.env.get_current_time()
    batch_id = await world.a_batch(1)
    plan(world, batch_id, [now + HOUR])
    batch = await world.start(batch_id)
    await act(world, batch_id, Action.PAUSE)
    await world.env.sleep(2 * HOUR)
    assert world.calls(batch_id) == []

    await act(world, batch_id, Action.RESUME)

    assert await batch.result() == "completed"
    assert dialled(world, batch_id)[0] - now >= 2 * HOUR
