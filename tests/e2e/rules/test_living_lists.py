"""Lists that live, on a whole stack: added to at full speed and at their end, and changed field by field."""

import random
import time
from collections.abc import Iterator

import pytest

from console.api_client import JsonObject
from tests.e2e.living_lists import append_at_full_speed, numbers
from tests.e2e.scenes import a_batch, a_campaign, ahead, fresh_numbers
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(240)]

TALK_SECONDS = 0.3
AT_ONCE = 20
"""Seconds; whoever waited for an old time would wait for an hour."""


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent(talk_seconds=TALK_SECONDS) as opened:
        yield opened


def test_urgent_contacts_added_at_full_speed_come_first_and_counters_are_exact_at_every_look(
    world: World,
) -> None:
    """`python -m tests.e2e.living_lists` adds ten times five hundred."""
    appended = append_at_full_speed(world, first=0, called=12, appends=3, contacts=8, limit=4)

    assert (appended.not_called_once, appended.inversions, appended.inexact_looks) == (0, 0, 0)
    assert (appended.contacts, appended.completed) == (36, 36)


def test_contact_added_as_the_last_one_ends_is_refused_or_called(world: World) -> None:
    campaign_id, pauses = a_campaign(world), random.Random(7)
    for turn in range(4):
        last, added = numbers(5_000 + 2 * turn, 2)
        batch_id = a_batch(world, campaign_id, [last])
        _pass(world, TALK_SECONDS + pauses.random())
        body = {"contacts": [{"phone_number": added}]}
        answer = world.ask("POST", f"/batches/{batch_id}/contacts", body)

        world.wait_for_end(batch_id)
        called = {str(each["to"]) for each in world.create_requests(batch_id)}
        assert (answer.status_code, called) in [(201, {last, added}), (409, {last})]


def _pass(world: World, seconds: float) -> None:
    end = time.monotonic() + seconds
    world.wait_for(lambda: time.monotonic() >= end, every=0.01)


CHANGES: tuple[JsonObject, ...] = (
    {"name": "north side"},
    {"metadata": {"ticket": 118}},
    {"call_context": {"desk": "7"}},
    {"concurrency_limit": 3},
    {"scheduled_end": ahead(hours=9)[:19] + "Z"},
    {"keep_open": True},
    {"timezone": "Asia/Tokyo"},
    {"working_hours_enforced": False},
    {"phone_numbers": ["+14155550181"]},
    {"phone_number_strategy": "random"},
    {"on_machine": "hang_up"},
    {"max_retries_override": 1},
    {"keep_open": False},
)


def test_every_field_of_a_running_batch_is_changed_and_its_sleepers_wake_for_the_one_that_moves_them(
    world: World,
) -> None:
    campaign_id = a_campaign(world, retry_policy={"max_retries": 2, "cooldown_minutes": 60})
    batch_id = a_batch(world, campaign_id, (*fresh_numbers("04"), *fresh_numbers("04")))
    world.wait_for(lambda: world.counters(batch_id)[0]["retrying"] == 2)

    for change in CHANGES:
        changed = world.api.change_batch(batch_id, change)
        assert {name: changed[name] for name in change} == change
    assert world.counters(batch_id)[0]["retrying"] == 2
    world.api.change_batch(batch_id, {"retry_policy": {"max_retries": 1, "cooldown_minutes": 0.01}})

    world.wait_for_end(batch_id, AT_ONCE)
    assert [each["retry_count"] for each in world.contacts(batch_id)] == [1, 1]
    later = [each["from"] for each in world.create_requests(batch_id)][2:]
    assert later == ["+14155550181", "+14155550181"]
