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
from tests.workflows.world import Stage, until
from workflows import names
from workflows.messages import PolicyChanged

pytestmark = pytest.mark.server

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE: Mapping[str, object] = {"working_hours_enforced": True, "timezone": "Europe/Berlin"}


async def append(stage: Stage, batch_id: BatchId, *people: NewContact) -> None:
    """Add people as the API does, and signal the batch."""
    store = FakeBatchStore(stage.tables)
    await store.append(ORGANIZATION, batch_id, people, await stage.env.get_current_time())
    await stage.client.get_workflow_handle(names.batch_workflow_id(batch_id)).signal(names.POLICY_CHANGED)


async def act(stage: Stage, batch_id: BatchId, action: Action) -> None:
    """Pause, resume or close as the API does, and signal the batch."""
    await FakeBatchStore(stage.tables).act(batch_id, action, await stage.env.get_current_time())
    batch = stage.client.get_workflow_handle(names.batch_workflow_id(batch_id))
    await batch.signal(names.POLICY_CHANGED, PolicyChanged(action))


def plan(stage: Stage, batch_id: BatchId, times: Sequence[datetime]) -> None:
    """Give the contacts of a batch, by position, a time each."""
    for contact, not_before in zip(stage.contacts(batch_id), times, strict=True):
        stage.tables.contacts[contact.contact_id] = replace(contact, not_before=not_before)


def dialled(stage: Stage, batch_id: BatchId) -> list[datetime]:
    """Return when each contact was dialled, by position."""
    at = {call.contact_id: call.started_at for call in stage.calls(batch_id)}
    called = [at[each.contact_id] for each in stage.contacts(batch_id)]
    return [each for each in called if each is not None]


async def events(stage: Stage, batch_id: BatchId) -> int:
    described = await stage.client.get_workflow_handle(names.batch_workflow_id(batch_id)).describe()
    return described.history_length


async def test_batch_that_is_kept_open_costs_no_event_however_long_it_rests(stage: Stage) -> None:
    batch_id = await stage.a_batch(2, keep_open=True)
    batch = await stage.start(batch_id)
    await until(lambda: batch_id in stage.tables.rests_since)
    await stage.env.sleep(timedelta(seconds=10))  # the last count
    before = await events(stage, batch_id)

    await stage.env.sleep(30 * DAY)

    assert await events(stage, batch_id) == before
    assert stage.tables.batches[batch_id].status is BatchStatus.IN_PROGRESS
    await act(stage, batch_id, Action.CLOSE)
    assert await batch.result() == "completed"


async def test_person_who_is_added_to_a_resting_batch_is_called_at_once(stage: Stage) -> None:
    batch_id = await stage.a_batch(1, keep_open=True)
    batch = await stage.start(batch_id)
    await until(lambda: batch_id in stage.tables.rests_since)
    await stage.env.sleep(DAY)
    now = await stage.env.get_current_time()

    await append(stage, batch_id, a_new_contact(2))
    await until(lambda: len(stage.calls(batch_id)) == 2)
    await until(lambda: batch_id in stage.tables.rests_since)

    assert dialled(stage, batch_id)[1] - now < timedelta(seconds=5)
    await act(stage, batch_id, Action.CLOSE)
    assert await batch.result() == "completed"


@pytest.mark.parametrize(
    ("people", "status"), [pytest.param(1, "completed", id="done"), pytest.param(2, "expired", id="not")]
)
async def test_end_completes_an_open_batch_where_everybody_is_done(
    stage: Stage, people: int, status: str
) -> None:
    now = await stage.env.get_current_time()
    end = now + DAY
    batch_id = await stage.a_batch(people, keep_open=True, scheduled_end=end)
    plan(stage, batch_id, [now, end][:people])

    assert await (await stage.start(batch_id)).result() == status

    assert abs(await stage.length(batch_id) - DAY) < timedelta(minutes=1)


async def test_each_contact_is_called_when_its_time_comes_by_one_timer_at_a_time(stage: Stage) -> None:
    now = await stage.env.get_current_time()
    times = [now + 5 * HOUR, now, now + HOUR, now + 5 * HOUR]
    batch_id = await stage.a_batch(4)
    plan(stage, batch_id, times)

    assert await (await stage.start(batch_id)).result() == "completed"

    late = [called - planned for called, planned in zip(dialled(stage, batch_id), times, strict=True)]
    assert all(timedelta() <= each < timedelta(seconds=10) for each in late)


async def test_time_in_a_closed_window_waits_for_the_opening_across_a_clock_change(stage: Stage) -> None:
    now = await stage.env.get_current_time()
    # The last Sunday of October, when clocks go back; Monday 09:00 is an hour later by UTC.
    year = now.year if now.month < 10 else now.year + 1
    change = max(day for n in range(25, 32) if (day := datetime(year, 10, n, tzinfo=BERLIN)).weekday() == 6)
    times = [
        change.replace(hour=12),  # Sunday: closed
        (change - timedelta(days=2)).replace(hour=17, minute=59),  # Friday, a minute before closing
        (change - timedelta(days=2)).replace(hour=18),  # Friday, when it closes
    ]
    opening = (change + DAY).replace(hour=9)
    await stage.env.sleep((change - timedelta(days=2)).replace(hour=12).astimezone(UTC) - now)
    batch_id = await stage.a_batch(3, rules=OFFICE)
    plan(stage, batch_id, [each.astimezone(UTC) for each in times])

    assert await (await stage.start(batch_id)).result() == "completed"

    first, second, third = dialled(stage, batch_id)
    for called, planned in ((first, opening), (second, times[1]), (third, opening)):
        assert timedelta() <= called - planned.astimezone(UTC) < timedelta(seconds=30)
    hours = CallingHours(enforced=True, timezone="Europe/Berlin", working_hours=DEFAULT_WORKING_HOURS)
    assert all(is_open(hours, at) for at in (first, second, third))


async def test_time_that_comes_in_a_pause_is_followed_at_the_resume(stage: Stage) -> None:
    now = await stage.env.get_current_time()
    batch_id = await stage.a_batch(1)
    plan(stage, batch_id, [now + HOUR])
    batch = await stage.start(batch_id)
    await act(stage, batch_id, Action.PAUSE)
    await stage.env.sleep(2 * HOUR)
    assert stage.calls(batch_id) == []

    await act(stage, batch_id, Action.RESUME)

    assert await batch.result() == "completed"
    assert dialled(stage, batch_id)[0] - now >= 2 * HOUR
