"""Rules changed under running batches: the simulator's ledger says what was dialled before and after."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from console.api_client import JsonObject
from tests.e2e.scenes import a_batch, a_campaign, fresh_numbers
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(240)]

OLD, NEW = "+14155550180", "+14155550181"
AN_HOUR: Mapping[str, object] = {"max_retries": 2, "cooldown_minutes": 60}
A_SECOND = timedelta(seconds=1)
A_LOOK = 3
"""Seconds from a change to the rows that its batch has timed."""
AT_ONCE = 20
"""Seconds; whoever waited for an old time would wait for an hour."""


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent(talk_seconds=0.5) as opened:
        yield opened


def people(count: int, ending: str) -> tuple[str, ...]:
    """Return the fresh numbers of people who all behave as the ending says."""
    return tuple(number for _ in range(count) for number in fresh_numbers(ending))


def patch(world: World, campaign_id: str, **rules: object) -> tuple[datetime, datetime]:
    """Change the rules; return when that was asked for, and when it was answered."""
    asked_at = datetime.now(UTC)
    world.api.change_campaign(campaign_id, rules)
    return asked_at, datetime.now(UTC)


def asleep(world: World, numbers: Sequence[str]) -> tuple[str, str]:
    """Return a campaign and its batch, all of whose people were busy and sleep for an hour."""
    campaign_id = a_campaign(world, retry_policy=AN_HOUR)
    batch_id = a_batch(world, campaign_id, numbers)
    world.wait_for(lambda: world.counters(batch_id)[0]["retrying"] == len(numbers))
    return campaign_id, batch_id


def dials(world: World, batch_id: str) -> list[tuple[datetime, str]]:
    """Return when the provider was asked for each call of a batch, and the number it was to show."""
    asked = world.create_requests(batch_id)
    return [(datetime.fromisoformat(str(each["at"])), str(each["from"])) for each in asked]


def statuses(world: World, batch_id: str) -> list[tuple[object, list[object]]]:
    """Return where the contacts stand, and how their calls ended."""
    return [(each["status"], _call_statuses(each)) for each in world.contacts(batch_id)]


def _call_statuses(contact: JsonObject) -> list[object]:
    records = contact["call_records"]
    assert isinstance(records, list)
    return [each["call_status"] for each in records]


def policy_versions(world: World, batch_id: str) -> set[tuple[str, int]]:
    """Return which numbers were shown under which version of the rules."""
    with psycopg.connect(world.stack.database_url.replace("+psycopg", "")) as connection:
        query = "SELECT from_number, policy_version FROM calls WHERE batch_id = %s"
        return {(str(number), int(version)) for number, version in connection.execute(query, [batch_id])}


def test_closed_window_stops_dialling_within_a_second_and_an_opened_one_calls_everybody_at_once(
    world: World,
) -> None:
    campaign_id = a_campaign(world, retry_policy={"max_retries": 1, "cooldown_minutes": 0.05})
    numbers = (*people(4, "04"), *people(16, "55"))
    batch_id = a_batch(world, campaign_id, numbers, concurrency_limit=4)
    world.wait_for(lambda: len(dials(world, batch_id)) >= 8)
    today = datetime.now(UTC).date()
    closed_days = [str(today + timedelta(days=days)) for days in range(3)]

    _, closed_at = patch(world, campaign_id, blackout_dates=closed_days)
    world.wait_for(lambda: _live(world, batch_id) == 0)
    world.wait_for(lambda: world.api.debug(batch_id)["diagnosis"] == "outside_working_hours", AT_ONCE)

    closed = dials(world, batch_id)
    assert len(closed) < len(numbers)
    assert max(at for at, _ in closed) <= closed_at + A_SECOND
    for contact in world.contacts(batch_id):
        if contact["status"] == "retrying":
            assert str(contact["next_retry_at"]) > closed_days[-1]

    opened_at, _ = patch(world, campaign_id, blackout_dates=[])
    world.wait_for_end(batch_id, AT_ONCE)

    later = [at for at, _ in dials(world, batch_id)[len(closed) :]]
    assert min(later) >= opened_at
    assert {status for status, _ in statuses(world, batch_id)} == {"completed"}
    assert len(dials(world, batch_id)) == len(numbers) + 4


def _live(world: World, batch_id: str) -> int:
    numbers, _ = world.counters(batch_id)
    return numbers["dispatched"] + numbers["in_flight"]


def test_shorter_cooldown_wakes_whoever_sleeps_at_once(world: World) -> None:
    campaign_id, batch_id = asleep(world, people(5, "04"))

    patch(world, campaign_id, retry_policy={**AN_HOUR, "cooldown_minutes": 0.01})

    world.wait_for_end(batch_id, AT_ONCE)
    assert statuses(world, batch_id) == [("completed", ["busy", "completed"])] * 5


def test_longer_cooldown_shows_on_the_contact_and_calls_nobody(world: World) -> None:
    campaign_id, batch_id = asleep(world, people(1, "04"))
    [contact] = world.contacts(batch_id)

    patch(world, campaign_id, retry_policy={**AN_HOUR, "cooldown_minutes": 120})

    world.wait_for(lambda: world.contacts(batch_id)[0]["next_retry_at"] != contact["next_retry_at"], A_LOOK)
    [moved] = world.contacts(batch_id)
    due, later = (datetime.fromisoformat(str(each["next_retry_at"])) for each in (contact, moved))
    assert later - due == timedelta(hours=1)
    story = f"batch/{batch_id}/c/{contact['contact_id']}"
    told = f"sleeps until {later:%Y-%m-%d %H:%M}"
    world.wait_for(lambda: told in world.temporal("metadata", "-w", story).stdout, AT_ONCE)
    assert len(dials(world, batch_id)) == 1
    world.api.act("batches", batch_id, "cancel")


def test_contacts_whose_retries_are_over_end_without_another_ring_and_the_batch_completes(
    world: World,
) -> None:
    campaign_id, batch_id = asleep(world, people(5, "01"))
    stories = [f"batch/{batch_id}/c/{each['contact_id']}" for each in world.contacts(batch_id)]

    patch(world, campaign_id, retry_policy={**AN_HOUR, "max_retries": 0})

    world.wait_for_end(batch_id, AT_ONCE)
    assert statuses(world, batch_id) == [("busy", ["busy"])] * 5
    assert len(dials(world, batch_id)) == 5
    numbers, _ = world.counters(batch_id)
    assert numbers == {**dict.fromkeys(numbers, 0), "busy": 5}
    world.wait_for(lambda: all(map(world.is_closed, stories)), AT_ONCE)


def test_changed_numbers_are_shown_from_the_next_dial_on_and_attempts_say_which_rules_they_obeyed(
    world: World,
) -> None:
    campaign_id = a_campaign(world)
    batch_id = a_batch(world, campaign_id, people(6, "55"), concurrency_limit=1)
    world.wait_for(lambda: len(dials(world, batch_id)) == 2, every=0.02)  # the second one talks

    asked_at, changed_at = patch(world, campaign_id, phone_numbers=[NEW])

    world.wait_for_end(batch_id)
    shown = dials(world, batch_id)
    assert {number for at, number in shown if at <= asked_at} == {OLD}
    assert {number for at, number in shown if at > changed_at} == {NEW}
    assert policy_versions(world, batch_id) == {(OLD, 1), (NEW, 2)}
