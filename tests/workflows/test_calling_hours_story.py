"""A batch obeys the hours of the people it calls: on a clock that skips from opening to opening."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.batch import BatchOverrides
from domain.contact import ContactStatus
from domain.identity import BatchId
from domain.redial import RedialPolicy
from domain.working_hours import DEFAULT_WORKING_HOURS, OPENING_SPREAD, CallingHours, is_open
from tests.workflows.hours import close_until_soon
from tests.workflows.world import ANSWERED, BUSY, World, until

pytestmark = pytest.mark.server
KOLKATA = ZoneInfo("Asia/Kolkata")
OFFICE: Mapping[str, object] = {"working_hours_enforced": True, "timezone": "Asia/Kolkata"}
FRIDAY, SATURDAY = 4, 5


async def advance_to(world: World, weekday: int, local: time) -> datetime:
    """Let time pass until the next such weekday and local time in Kolkata; return it in UTC."""
    now = (await world.env.get_current_time()).astimezone(KOLKATA)
    days = (weekday - now.weekday()) % 7 or 7
    at = datetime.combine(now.date() + timedelta(days=days), local, tzinfo=KOLKATA)
    await world.env.sleep(at - now)
    return at.astimezone(UTC)


def started(world: World, batch_id: BatchId, attempt: int) -> list[datetime]:
    """Return when the attempts with this number were dialled, in order."""
    calls = [call for call in world.calls(batch_id) if call.attempt == attempt]
    return sorted(call.started_at for call in calls if call.started_at is not None)


async def test_batch_started_on_friday_at_five_to_six_ends_on_monday_with_no_call_outside_hours(
    world: World,
) -> None:
    world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    friday = await advance_to(world, FRIDAY, time(17, 55))
    batch_id = await world.a_batch(24, concurrency_limit=8, rules=OFFICE)

    assert await (await world.start(batch_id)).result() == "completed"

    monday = friday + timedelta(days=2, hours=15, minutes=5)  # Friday 17:55 to Monday 09:00
    assert monday.astimezone(KOLKATA).time() == time(9)
    first, second = started(world, batch_id, 1), started(world, batch_id, 2)
    assert len(first) == len(second) == 24
    assert friday <= first[0] <= first[-1] < friday + timedelta(minutes=5)
    # 17:55 + 30 minutes of cooldown lies behind the closing at 18:00.
    assert monday <= second[0] <= second[-1] < monday + OPENING_SPREAD + timedelta(seconds=30)
    hours = CallingHours(enforced=True, timezone="Asia/Kolkata", working_hours=DEFAULT_WORKING_HOURS)
    assert all(is_open(hours, at) for at in [*first, *second])
    assert {contact.status for contact in world.contacts(batch_id)} == {ContactStatus.COMPLETED}


async def test_batch_started_on_saturday_sleeps_until_monday_without_asking_anybody(world: World) -> None:
    saturday = await advance_to(world, SATURDAY, time(12))
    batch_id = await world.a_batch(3, rules=OFFICE)

    await (await world.start(batch_id)).result()

    monday = saturday + timedelta(days=1, hours=21)  # Saturday 12:00 to Monday 09:00
    times = started(world, batch_id, 1)
    assert monday <= times[0] <= times[-1] < monday + timedelta(seconds=30)
    described = await world.client.get_workflow_handle(f"batch/{batch_id}").describe()
    assert described.history_length < 1000  # it slept, it did not look again and again


async def test_contact_in_another_zone_is_called_at_their_own_hours(world: World) -> None:
    friday = await advance_to(world, FRIDAY, time(17, 0))  # 11:30 UTC, 06:30 in New York
    batch_id = await world.a_batch(2, rules=OFFICE)
    abroad = world.contacts(batch_id)[0]
    world.tables.contacts[abroad.contact_id] = replace(abroad, timezone="America/New_York")

    await (await world.start(batch_id)).result()

    first, second = (call.started_at for call in world.calls(batch_id))
    assert first is not None
    assert second is not None
    local = first.astimezone(ZoneInfo("America/New_York"))
    assert (local.hour, local.minute) == (9, 0)
    assert second - friday < timedelta(seconds=30)


async def test_batch_without_hours_of_its_own_calls_although_its_campaign_is_closed(world: World) -> None:
    saturday = await advance_to(world, SATURDAY, time(12))
    free = BatchOverrides(working_hours_enforced=False)
    batch_id = await world.a_batch(2, rules=OFFICE, overrides=free)

    await (await world.start(batch_id)).result()

    assert started(world, batch_id, 1)[-1] - saturday < timedelta(seconds=30)


async def test_blackout_date_is_kept_also_without_working_hours(world: World) -> None:
    saturday = await advance_to(world, SATURDAY, time(12))
    dates = (saturday.astimezone(KOLKATA).date(),)
    batch_id = await world.a_batch(rules={"timezone": "Asia/Kolkata", "blackout_dates": dates})

    await (await world.start(batch_id)).result()

    [at] = started(world, batch_id, 1)
    sunday = saturday + timedelta(hours=12)  # Saturday 12:00 to midnight
    assert sunday <= at < sunday + timedelta(seconds=30)


async def test_redials_withheld_until_the_same_opening_are_called_after_it_and_their_rows_say_when(
    live_world: World,
) -> None:
    """In real time: the skipping server refuses a task when a timer is cancelled just as it fires."""
    world = live_world
    world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    patient = {"retry_policy": RedialPolicy(cooldown=timedelta(seconds=4))}
    batch_id = await world.a_batch(20, concurrency_limit=20, rules=patient)
    batch = await world.start(batch_id)
    await until(lambda: len(world.calls(batch_id)) == 20)
    opens_at = close_until_soon(world, batch_id, await world.env.get_current_time())

    # Their cooldowns end, and nobody has timed them anew.
    await until(lambda: {each.next_retry_at for each in world.contacts(batch_id)} == {opens_at}, seconds=20)
    await batch.result()
    second = started(world, batch_id, 2)
    assert len(second) == 20
    assert opens_at <= second[0] <= second[-1] < opens_at + timedelta(seconds=30)


async def test_rule_that_cannot_be_read_calls_nobody(world: World) -> None:
    end_at = await world.env.get_current_time() + timedelta(hours=2)
    batch_id = await world.a_batch(2, rules={"timezone": "Nowhere/Land"}, scheduled_end=end_at)

    assert await (await world.start(batch_id)).result() == "expired"

    assert world.telephone.requests == []
    assert {contact.status for contact in world.contacts(batch_id)} == {ContactStatus.SKIPPED}
