"""What a batch decides instead of its campaign: shown as it was given, and obeyed in the calls."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from console.api_client import JsonObject
from tests.e2e.scenes import a_batch, a_campaign, answering_numbers, busy_number, fresh_numbers
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(180)]

OVERRIDES = (
    *("retry_policy", "working_hours_enforced", "working_hours", "timezone"),
    *("phone_numbers", "phone_number_strategy"),
)
CAMPAIGN_IDS = ["+14155550180", "+14155550181"]
OWN_IDS = ["+14155550190", "+14155550191"]
EIGHT = ("51", "52", "53", "54", "55", "56", "57", "58")
QUICK_RETRY = {"max_retries": 1, "cooldown_minutes": 0.01}
SIX_HOURS_EAST = "Etc/GMT-6"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent() as opened:
        yield opened


def hours_around(instant: datetime) -> JsonObject:
    """Return hours, the same every day, that are open from an hour before to an hour after an instant."""
    start, end = instant - timedelta(hours=1), instant + timedelta(hours=1)
    day = {"start": f"{start:%H:%M}", "end": f"{end:%H:%M}", "enabled": True}
    return dict.fromkeys(DAYS, day)


def open_now() -> JsonObject:
    return hours_around(datetime.now(UTC))


def closed_now() -> JsonObject:
    return hours_around(datetime.now(UTC) + timedelta(hours=12))


def callers(world: World, batch_id: str) -> Counter[object]:
    return Counter(each["from"] for each in world.create_requests(batch_id))


def calls_of_only_contact(world: World, batch_id: str) -> tuple[object, int]:
    [contact] = world.contacts(batch_id)
    records = contact["call_records"]
    assert isinstance(records, list)
    return contact["status"], len(records)


def overrides_shown(world: World, batch_id: str) -> JsonObject:
    batch = world.api.batch(batch_id)
    return {name: batch[name] for name in OVERRIDES}


def test_batch_shows_the_overrides_it_was_given_and_null_for_those_it_was_not(world: World) -> None:
    given = {
        "retry_policy": {
            "max_retries": 2,
            "strategy": "exponential",
            "cooldown_minutes": 5,
            "max_cooldown_minutes": 60,
            "retry_on": ["busy"],
        },
        "working_hours_enforced": True,
        "working_hours": closed_now(),
        "timezone": SIX_HOURS_EAST,
        "phone_numbers": OWN_IDS,
        "phone_number_strategy": "random",
    }
    campaign_id = a_campaign(world)
    without = a_batch(world, campaign_id, [busy_number()])
    with_all = a_batch(world, campaign_id, [busy_number()], **given)

    assert overrides_shown(world, without) == dict.fromkeys(OVERRIDES)
    assert overrides_shown(world, with_all) == given
    shown = {str(each["batch_id"]): each for each in world.api.batches(campaign_id=campaign_id)}
    assert {name: shown[with_all][name] for name in OVERRIDES} == given


def test_batch_calls_from_its_own_numbers_by_its_own_strategy(world: World) -> None:
    campaign_id = a_campaign(world, phone_numbers=CAMPAIGN_IDS)
    follows = a_batch(world, campaign_id, fresh_numbers(*EIGHT))
    own_numbers = a_batch(world, campaign_id, fresh_numbers(*EIGHT), phone_numbers=OWN_IDS)
    least_loaded = {"phone_numbers": OWN_IDS[:1], "phone_number_strategy": "least_loaded"}
    own_both = a_batch(world, campaign_id, fresh_numbers(*EIGHT), **least_loaded)
    for batch_id in (follows, own_numbers, own_both):
        world.wait_for_end(batch_id)

    assert callers(world, follows) == dict.fromkeys(CAMPAIGN_IDS, 4)
    assert callers(world, own_numbers) == dict.fromkeys(OWN_IDS, 4)
    assert callers(world, own_both) == {OWN_IDS[0]: 8}


def test_batch_redials_by_its_own_policy_and_its_sibling_by_the_campaigns(world: World) -> None:
    campaign_id = a_campaign(world, retry_policy=QUICK_RETRY)
    follows = a_batch(world, campaign_id, [busy_number()])
    own = a_batch(world, campaign_id, [busy_number()], retry_policy={**QUICK_RETRY, "max_retries": 0})
    own_kinds = a_batch(
        world, campaign_id, [busy_number()], retry_policy={**QUICK_RETRY, "retry_on": ["no_answer"]}
    )
    capped = a_batch(
        world,
        campaign_id,
        [busy_number()],
        retry_policy={**QUICK_RETRY, "max_retries": 0},
        max_retries_override=2,
    )
    for batch_id in (follows, own, own_kinds, capped):
        world.wait_for_end(batch_id)

    assert calls_of_only_contact(world, follows) == ("max_retries_reached", 2)
    assert calls_of_only_contact(world, own) == ("busy", 1)
    assert calls_of_only_contact(world, own_kinds) == ("busy", 1)
    assert calls_of_only_contact(world, capped) == ("max_retries_reached", 3)


CLOSED_BY = [
    # What the campaign says, what the closed batch says instead, what the open one says instead.
    pytest.param(
        {"working_hours_enforced": False, "working_hours": closed_now()},
        {"working_hours_enforced": True},
        {},
        id="enforcement",
    ),
    pytest.param(
        {"working_hours_enforced": True, "working_hours": closed_now()},
        {},
        {"working_hours_enforced": False},
        id="freedom",
    ),
    pytest.param(
        {"working_hours_enforced": True, "working_hours": open_now()},
        {"working_hours": closed_now()},
        {},
        id="hours",
    ),
    pytest.param(
        {"working_hours_enforced": True, "working_hours": open_now()},
        {"timezone": SIX_HOURS_EAST},
        {},
        id="zone",
    ),
]


@pytest.mark.parametrize(("campaign", "closed", "opened"), CLOSED_BY)
def test_batch_whose_hours_are_closed_calls_nobody_while_its_sibling_calls(
    world: World, campaign: JsonObject, closed: JsonObject, opened: JsonObject
) -> None:
    campaign_id = a_campaign(world, **campaign)
    waits = a_batch(world, campaign_id, answering_numbers(), **closed)
    calls = a_batch(world, campaign_id, answering_numbers(), **opened)

    world.wait_for_end(calls)

    assert len(world.create_requests(calls)) == 2
    assert world.create_requests(waits) == []
    assert world.live_counters(waits)["pending"] == 2
    assert world.api.batch(waits)["status"] == "in_progress"
