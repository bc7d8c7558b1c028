"""A cancel in the middle of busy batches, some of whose contacts wait for a redial."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from console.api_client import JsonObject
from console.ledger_check import faults
from tests.e2e.scenes import a_batch, a_campaign
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(240)]

CONTACTS, EACH, LIMIT = 40, 24, 8
LONG_COOLDOWN = {"max_retries": 2, "cooldown_minutes": 60}
UNDER_WAY = timedelta(seconds=1)
"""A request that had left before the cancel was answered is not recalled."""
OUTCOMES = {"completed", "busy"}
"""What the numbers called here come to; a cancelled contact is never redialled."""


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent() as opened:
        yield opened


def a_mixed_batch(world: World, campaign_id: str, *, contacts: int, area: int) -> str:
    """Upload a batch every third of whose contacts is busy."""
    numbers = [f"+1{area}55{number:03}{'55' if number % 3 else '01'}" for number in range(contacts)]
    return a_batch(world, campaign_id, numbers, concurrency_limit=LIMIT)


def by_status(contacts: list[JsonObject], status: str) -> set[str]:
    return {str(each["contact_id"]) for each in contacts if each["status"] == status}


def last_request(world: World, batch_id: str) -> datetime:
    return max(datetime.fromisoformat(str(each["at"])) for each in world.create_requests(batch_id))


def wait_until_nobody_runs(world: World, query: str) -> None:
    world.wait_for(lambda: world.running_workflows(query) == 0, 60)


def skip_reasons(contacts: list[JsonObject]) -> set[object]:
    return {each["skip_reason"] for each in contacts if each["status"] == "skipped"}


def test_cancelled_batch_calls_nobody_more_and_lets_who_is_on_the_phone_finish(world: World) -> None:
    campaign_id = a_campaign(world, retry_policy=LONG_COOLDOWN)
    batch_id = a_mixed_batch(world, campaign_id, contacts=CONTACTS, area=415)
    world.wait_for(lambda: world.finished(batch_id) >= CONTACTS // 5)
    slept = by_status(list(world.api.contacts(batch_id, ["retrying"])), "retrying")

    world.api.act("batches", batch_id, "cancel")
    cancelled_at = datetime.now(UTC)
    at_once = world.contacts(batch_id)
    wait_until_nobody_runs(world, f"BatchId='{batch_id}'")

    assert last_request(world, batch_id) <= cancelled_at + UNDER_WAY
    contacts = world.contacts(batch_id)
    statuses = {str(each["contact_id"]): each["status"] for each in contacts}
    assert slept
    assert {statuses[each] for each in slept} == {"skipped"}
    assert {statuses[each] for each in by_status(at_once, "in_progress")} <= {"completed"}
    assert (
        set(statuses.values()) == {"skipped", *OUTCOMES} & set(statuses.values()) >= {"skipped", "completed"}
    )
    assert skip_reasons(contacts) == {"batch_cancelled"}
    assert (world.api.batch(batch_id)["status"], world.api.campaign(campaign_id)["status"]) == (
        "cancelled",
        "completed",
    )
    assert faults(world.reckoning(batch_id), contacts=CONTACTS, limit=LIMIT) == []


def test_cancelled_campaign_ends_all_its_batches(world: World) -> None:
    campaign_id = a_campaign(world, retry_policy=LONG_COOLDOWN)
    batches = [a_mixed_batch(world, campaign_id, contacts=EACH, area=area) for area in (212, 312)]
    for batch_id in batches:
        world.wait_for(lambda batch_id=batch_id: world.finished(batch_id) >= 10)  # type: ignore[misc]

    world.api.act("campaigns", campaign_id, "cancel")
    cancelled_at = datetime.now(UTC)
    wait_until_nobody_runs(world, f"CampaignId='{campaign_id}'")

    assert world.api.campaign(campaign_id)["status"] == "cancelled"
    for batch_id in batches:
        contacts = world.contacts(batch_id)
        assert world.api.batch(batch_id)["status"] == "cancelled"
        assert last_request(world, batch_id) <= cancelled_at + UNDER_WAY
        assert skip_reasons(contacts) == {"campaign_cancelled"}
        assert {str(each["status"]) for each in contacts} <= {"skipped", *OUTCOMES}
        assert sum(world.counters(batch_id)[0].values()) == EACH
