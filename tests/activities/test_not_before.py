"""A `not_before` binds every call of its contact, to the moment and over windows: the last gate asks it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from activities.messages import DialAnswer
from domain.contact import Contact, ContactStatus
from domain.gates import Gate
from tests.activities.world import FIRST_DIAL, World
from tests.builders import MONDAY_NOON, a_batch, a_campaign, a_campaign_rules, a_contact, a_dial_brief
from tests.domain.calling_hours import a_week, in_zone

INSTANT = timedelta.resolution
PARIS = "Europe/Paris"
BETWEEN = MONDAY_NOON - timedelta(hours=1)
WAITING = [
    pytest.param(a_contact(), id="first call"),
    pytest.param(a_contact(status=ContactStatus.RETRYING, next_retry_at=BETWEEN), id="retry"),
    pytest.param(a_contact(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=BETWEEN), id="follow-up"),
]
NOT_DIALLED_YET = pytest.param(
    a_contact(status=ContactStatus.DISPATCHED), id="attempt that is asked for again"
)


def planned(contact: Contact, not_before: datetime) -> Contact:
    return replace(contact, not_before=not_before)


@pytest.mark.parametrize("contact", [*WAITING, NOT_DIALLED_YET])
async def test_no_call_of_a_contact_begins_an_instant_too_early(contact: Contact) -> None:
    world = World(a_dial_brief(contact=planned(contact, MONDAY_NOON + INSTANT)))
    placed = await world.run(world.dialling.place_call, FIRST_DIAL)
    assert (placed.answer, placed.gate, placed.opens_at) == (
        DialAnswer.WITHHELD,
        Gate.OUTSIDE_HOURS,
        MONDAY_NOON + INSTANT,
    )
    assert world.provider.requests == []


@pytest.mark.parametrize("contact", WAITING)
async def test_call_at_the_moment_itself_is_placed(contact: Contact) -> None:
    world = World(a_dial_brief(contact=planned(contact, MONDAY_NOON)))
    placed = await world.run(world.dialling.place_call, FIRST_DIAL)
    assert (placed.answer, len(world.provider.requests)) == (DialAnswer.PLACED, 1)


@pytest.mark.parametrize(
    ("not_before", "opens_at"),
    [
        pytest.param("2026-09-07T15:00", "2026-09-07T15:00", id="within a window"),
        pytest.param("2026-09-07T17:59:59", "2026-09-07T17:59:59", id="just before it closes"),
        pytest.param("2026-09-07T18:00", "2026-09-08T09:00", id="when it closes"),
        pytest.param("2026-10-24T20:00", "2026-10-25T09:00", id="in the night in which clocks go back"),
        pytest.param("2027-03-27T20:00", "2027-03-28T09:00", id="in the night in which clocks go forward"),
    ],
)
async def test_call_waits_for_the_first_opening_from_its_time_on(not_before: str, opens_at: str) -> None:
    office = {"working_hours_enforced": True, "timezone": PARIS, "working_hours": a_week("09:00-18:00")}
    brief = a_dial_brief(
        contact=planned(a_contact(), in_zone(PARIS, not_before)),
        campaign=a_campaign(rules=a_campaign_rules(**office)),
    )
    world = World(brief)
    placed = await world.run(world.dialling.place_call, FIRST_DIAL)
    assert (placed.gate, placed.opens_at) == (Gate.OUTSIDE_HOURS, in_zone(PARIS, opens_at))


async def test_time_at_the_end_of_its_batch_has_no_opening() -> None:
    end = MONDAY_NOON + timedelta(hours=1)
    brief = a_dial_brief(contact=planned(a_contact(), end), batch=a_batch(scheduled_end=end))
    world = World(brief)
    placed = await world.run(world.dialling.place_call, FIRST_DIAL)
    assert (placed.gate, placed.opens_at) == (Gate.OUTSIDE_HOURS, None)
