"""Who is granted a first slot: by position, and only where the window is open; real store and fake alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from domain.batch import Batch, BatchOverrides
from domain.slots import WINDOW_OPENS, GrantedSlots
from domain.zones import FROM_NUMBER
from tests.builders import MONDAY_NOON, a_campaign_rules, a_new_contact
from tests.domain.calling_hours import a_week, in_zone
from tests.store.scenes import Stores, World

pytestmark = pytest.mark.store

# At Monday noon UTC it is 14:00 in Paris, 21:00 in Tokyo, 05:00 in Los Angeles.
PARIS, TOKYO, LOS_ANGELES = "Europe/Paris", "Asia/Tokyo", "America/Los_Angeles"
OPENS_IN_LOS_ANGELES = in_zone(LOS_ANGELES, "2026-09-07T09:00")
OPENS_IN_TOKYO = in_zone(TOKYO, "2026-09-08T09:00")
OFFICE = {"working_hours_enforced": True, "timezone": PARIS, "working_hours": a_week("09:00-18:00")}


@dataclass(frozen=True)
class Granted:
    """Who was granted a slot, by position, and when the next closed window opens."""

    positions: Sequence[int]
    opens_at: datetime | None = None


def at(*positions: int, opens_at: datetime | None = None) -> Granted:
    return Granted(list(positions), opens_at)


async def a_batch(
    world: World,
    zones: Sequence[str | None],
    *,
    overrides: BatchOverrides | None = None,
    rules: dict[str, Any] | None = None,
    scheduled_end: datetime | None = None,
) -> Batch:
    """A batch with one contact for each zone, from position 1; hours are 09:00-18:00 in Paris."""
    campaign = await world.a_kept_campaign(a_campaign_rules(**OFFICE | (rules or {})))
    people = [a_new_contact(number, timezone=zone) for number, zone in enumerate(zones, start=1)]
    told = {"overrides": overrides} if overrides else {}
    return await world.a_kept_batch(people, campaign=campaign, scheduled_end=scheduled_end, **told)


async def granted(world: World, batch: Batch, now: datetime = MONDAY_NOON, **request: Any) -> Granted:
    """Ask for slots, and tell by position who got one."""
    return await told(world, batch, await world.grant(batch.batch_id, now, **request), now)


async def told(world: World, batch: Batch, stands: GrantedSlots, now: datetime) -> Granted:
    positions = {each.contact_id: each.position for each in await world.people_of(batch)}
    opens_in = next((each.after for each in stands.rereads if each.what == WINDOW_OPENS), None)
    opens_at = None if opens_in is None else now + opens_in
    return Granted([positions[each.contact_id] for each in stands.granted], opens_at)


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        pytest.param((None, PARIS, None, PARIS), at(1, 2, 3, 4), id="all open"),
        pytest.param((TOKYO, None, TOKYO, PARIS), at(2, 4, opens_at=OPENS_IN_TOKYO), id="one zone closed"),
        pytest.param(
            (TOKYO, LOS_ANGELES, None, PARIS),
            at(3, 4, opens_at=OPENS_IN_LOS_ANGELES),
            id="the first of two openings",
        ),
        pytest.param(
            (TOKYO, LOS_ANGELES, TOKYO, LOS_ANGELES), at(opens_at=OPENS_IN_LOS_ANGELES), id="all closed"
        ),
        pytest.param(
            ("Mars/Olympus", None, LOS_ANGELES, "Mars/Olympus"),
            at(2, opens_at=OPENS_IN_LOS_ANGELES),
            id="a zone nobody knows is closed",
        ),
        pytest.param(("Mars/Olympus", None, None, None), at(2, 3, 4), id="a zone nobody knows never opens"),
    ],
)
async def test_contacts_of_closed_zones_are_left_out_and_the_first_opening_is_named(
    world: World, zones: tuple[str | None, ...], expected: Granted
) -> None:
    assert await granted(world, await a_batch(world, zones)) == expected


OF_NUMBER = {"timezone": FROM_NUMBER, "fallback_timezone": TOKYO}


@pytest.mark.parametrize(
    ("person", "rules", "expected"),
    [
        pytest.param({"number_timezones": (PARIS,)}, OF_NUMBER, at(1), id="zone of its number"),
        pytest.param(
            {"number_timezones": (LOS_ANGELES, PARIS)},
            {**OF_NUMBER, "working_hours": a_week("08:00-18:00")},
            at(opens_at=in_zone(LOS_ANGELES, "2026-09-07T08:00")),
            id="open in one of two zones",
        ),
        pytest.param({"number_timezones": ()}, OF_NUMBER, at(opens_at=OPENS_IN_TOKYO), id="fallback"),
        pytest.param({}, OF_NUMBER, at(), id="not learnt"),
        pytest.param(
            {"timezone": FROM_NUMBER, "number_timezones": (TOKYO,)},
            {"fallback_timezone": PARIS},
            at(opens_at=OPENS_IN_TOKYO),
            id="asked for by the contact",
        ),
        pytest.param(
            {"timezone": FROM_NUMBER, "number_timezones": ()},
            {"fallback_timezone": PARIS},
            at(1),
            id="contact's, by the fallback",
        ),
        pytest.param({"timezone": PARIS}, OF_NUMBER, at(1), id="zone of its own"),
        pytest.param({"number_timezones": (TOKYO,)}, {}, at(1), id="no longer asked for"),
    ],
)
async def test_window_of_a_fresh_contact_is_that_of_its_number_where_that_is_asked_for(
    world: World, person: dict[str, Any], rules: dict[str, Any], expected: Granted
) -> None:
    campaign = await world.a_kept_campaign(a_campaign_rules(**OFFICE | rules))
    batch = await world.a_kept_batch([a_new_contact(1, **person)], campaign=campaign)

    assert await granted(world, batch) == expected


async def test_contacts_of_different_numbers_are_told_apart(world: World) -> None:
    campaign = await world.a_kept_campaign(a_campaign_rules(**OFFICE | OF_NUMBER))
    zones = ((PARIS,), (TOKYO,), (), (PARIS, "Europe/Berlin"))
    people = [a_new_contact(number, number_timezones=each) for number, each in enumerate(zones, start=1)]
    batch = await world.a_kept_batch(people, campaign=campaign)

    assert await granted(world, batch) == at(1, 4, opens_at=OPENS_IN_TOKYO)


async def test_closed_zone_does_not_use_up_the_slots(world: World) -> None:
    batch = await a_batch(world, (TOKYO, TOKYO, None, TOKYO, None))

    assert await granted(world, batch, at_most=2) == at(3, 5, opens_at=OPENS_IN_TOKYO)


async def test_contact_that_was_left_out_is_found_from_the_start_once_its_window_opens(world: World) -> None:
    batch = await a_batch(world, (TOKYO, None))
    assert await granted(world, batch) == at(2, opens_at=OPENS_IN_TOKYO)

    # 09:00 in Tokyo is 02:00 in Paris.
    assert (await granted(world, batch, OPENS_IN_TOKYO)).positions == [1]


async def test_zones_that_are_known_are_not_read_again(stores: Stores) -> None:
    batch = await a_batch(stores, (TOKYO, None))
    stands = await stores.grant(batch.batch_id)
    assert stands.zones is not None
    assert set(stands.zones) == {None, TOKYO}

    # As if the rows had none: nobody is asked for a zone, so nobody is left out for it.
    assert (await granted(stores, batch, zones=())).positions == [1]


async def test_zones_are_those_of_pending_people(stores: Stores) -> None:
    batch = await a_batch(stores, (None, TOKYO, None, PARIS, TOKYO))
    *_, paris, _ = await stores.people_of(batch)
    await stores.claimed(paris)

    assert (await stores.grant(batch.batch_id, at_most=1)).zones == (None, TOKYO)


@pytest.mark.parametrize(
    ("zone", "rules", "overrides", "expected"),
    [
        pytest.param(
            None, {"timezone": TOKYO}, BatchOverrides(), at(opens_at=OPENS_IN_TOKYO), id="campaign's zone"
        ),
        pytest.param(
            None,
            {},
            BatchOverrides(timezone=TOKYO),
            at(opens_at=OPENS_IN_TOKYO),
            id="batch's before the campaign's",
        ),
        pytest.param(
            PARIS,
            {"timezone": TOKYO},
            BatchOverrides(timezone=TOKYO),
            at(1),
            id="contact's before the batch's",
        ),
        pytest.param(
            TOKYO, {"working_hours_enforced": False}, BatchOverrides(), at(1), id="hours not enforced"
        ),
        pytest.param(
            TOKYO,
            {},
            BatchOverrides(working_hours_enforced=False),
            at(1),
            id="hours not enforced by the batch",
        ),
        pytest.param(
            None,
            {},
            BatchOverrides(working_hours=a_week("15:00-16:00")),
            at(opens_at=in_zone(PARIS, "2026-09-07T15:00")),
            id="batch's hours before the campaign's",
        ),
        pytest.param(
            PARIS,
            {"working_hours_enforced": False, "blackout_dates": (date(2026, 9, 7),)},
            BatchOverrides(),
            at(opens_at=in_zone(PARIS, "2026-09-08T00:00")),
            id="blackout date without enforced hours",
        ),
        pytest.param(
            PARIS,
            {"holidays": "US"},
            BatchOverrides(),
            at(opens_at=in_zone(PARIS, "2026-09-08T09:00")),
            id="public holiday",
        ),
        pytest.param(None, {"working_hours": a_week("")}, BatchOverrides(), at(), id="closed for ever"),
    ],
)
async def test_hours_of_a_fresh_contact_are_those_in_force(
    world: World, zone: str | None, rules: dict[str, Any], overrides: BatchOverrides, expected: Granted
) -> None:
    batch = await a_batch(world, (zone,), overrides=overrides, rules=rules)

    assert await granted(world, batch) == expected


@pytest.mark.parametrize(
    ("scheduled_end", "opens_at"),
    [
        pytest.param(
            OPENS_IN_TOKYO + timedelta.resolution, OPENS_IN_TOKYO, id="opens an instant before the end"
        ),
        pytest.param(OPENS_IN_TOKYO, None, id="opens at the end"),
        pytest.param(MONDAY_NOON + timedelta(hours=1), None, id="opens after the end"),
    ],
)
async def test_nobody_waits_for_a_window_that_opens_when_the_batch_is_over(
    world: World, scheduled_end: datetime, opens_at: datetime | None
) -> None:
    batch = await a_batch(world, (TOKYO, None), scheduled_end=scheduled_end)

    assert await granted(world, batch) == at(2, opens_at=opens_at)


async def test_busy_number_is_looked_at_again_before_a_far_window_opens(world: World) -> None:
    talking = await world.a_person()
    await world.claimed(talking)
    batch = await a_batch(world, (None, TOKYO))

    stands = await world.grant(batch.batch_id)

    assert stands.granted == ()
    again_in = {each.what: each.after for each in stands.rereads}
    assert again_in == {
        WINDOW_OPENS: OPENS_IN_TOKYO - MONDAY_NOON,
        "some could not be called: look again": timedelta(seconds=5),
    }


async def test_fresh_contacts_whom_a_preset_closes_are_left_out_though_hours_are_not_enforced(
    world: World,
) -> None:
    rules = {"working_hours_enforced": False, "timezone": LOS_ANGELES, "presets": ("us-tcpa",)}
    campaign = await world.a_kept_campaign(a_campaign_rules(**rules))
    assert (await world.campaigns.get(campaign.organization_id, campaign.campaign_id)).rules == campaign.rules
    people = [a_new_contact(1), a_new_contact(2, timezone=PARIS)]
    batch = await world.a_kept_batch(people, campaign=campaign)

    assert await granted(world, batch) == at(2, opens_at=in_zone(LOS_ANGELES, "2026-09-07T08:00"))
