"""The last gate before a dial: the callee's window, by the clocks of the zone in force."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from activities.messages import DialAnswer, PlacedCall
from domain.batch import BatchOverrides, BatchStatus
from domain.call import AttemptKind, DialState
from domain.campaign import CampaignStatus
from domain.contact import ContactStatus
from domain.gates import Gate
from domain.ports import DialBrief
from domain.telephony import Throttled
from tests.activities.world import FIRST_DIAL, TIMING, World, a_dialled_call
from tests.builders import (
    CAMPAIGN_ID,
    MONDAY_NOON,
    a_batch,
    a_campaign,
    a_campaign_rules,
    a_contact,
    a_dial_brief,
)
from tests.domain.calling_hours import a_week, in_zone

# At Monday noon UTC it is 14:00 in Paris, 21:00 in Tokyo, 05:00 in Los Angeles.
PARIS, TOKYO, LOS_ANGELES, NOWHERE = "Europe/Paris", "Asia/Tokyo", "America/Los_Angeles", "Mars/Olympus"
OPENS_IN_TOKYO = in_zone(TOKYO, "2026-09-08T09:00")
INSTANT = timedelta.resolution
THAT_DAY = (date(2026, 9, 7),)


def a_brief(
    zone: str | None = None,
    *,
    overrides: BatchOverrides | None = None,
    scheduled_end: datetime | None = None,
    **rules: object,
) -> DialBrief:
    """A dial under hours of 09:00-18:00 every day in Paris; `zone` is the contact's own."""
    office = {"working_hours_enforced": True, "timezone": PARIS, "working_hours": a_week("09:00-18:00")}
    return a_dial_brief(
        contact=a_contact(timezone=zone),
        batch=a_batch(overrides=overrides or BatchOverrides(), scheduled_end=scheduled_end),
        campaign=a_campaign(rules=a_campaign_rules(**office | rules)),
    )


def zones(contact: str | None, batch: str | None, campaign: str) -> DialBrief:
    """A dial with the zones that three have a say in."""
    return a_brief(contact, overrides=BatchOverrides(timezone=batch), timezone=campaign)


def outside_hours(opens_at: datetime | None, asked_at: datetime = MONDAY_NOON) -> PlacedCall:
    """The answer of the closed window."""
    return PlacedCall(
        answer=DialAnswer.WITHHELD, asked_at=asked_at, gate=Gate.OUTSIDE_HOURS, opens_at=opens_at
    )


@pytest.mark.parametrize(
    "brief",
    [
        pytest.param(a_brief(), id="inside the window"),
        pytest.param(a_brief(working_hours=a_week("14:00-18:00")), id="just when it opens"),
        pytest.param(a_brief(working_hours=a_week("09:00-14:00:00.000001")), id="an instant before closing"),
        pytest.param(zones(PARIS, TOKYO, NOWHERE), id="contact's zone is open"),
        pytest.param(zones(None, PARIS, TOKYO), id="batch's zone is open"),
        pytest.param(a_brief(TOKYO, working_hours_enforced=False), id="hours not enforced"),
        pytest.param(
            a_brief(TOKYO, overrides=BatchOverrides(working_hours_enforced=False)),
            id="hours not enforced by the batch",
        ),
        pytest.param(
            a_brief(TOKYO, overrides=BatchOverrides(working_hours=a_week("20:00-22:00"))), id="batch's hours"
        ),
        pytest.param(a_brief(blackout_dates=(date(2026, 9, 8),)), id="blackout is tomorrow"),
        pytest.param(a_brief(scheduled_end=MONDAY_NOON + INSTANT), id="the batch ends in an instant"),
    ],
)
async def test_call_is_placed_while_the_callees_window_is_open(brief: DialBrief) -> None:
    world = World(brief)

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert (placed.answer, placed.gate, placed.opens_at) == (DialAnswer.PLACED, None, None)
    assert len(world.provider.requests) == 1


@pytest.mark.parametrize(
    ("brief", "opens_at"),
    [
        pytest.param(
            a_brief(working_hours=a_week("14:00:00.000001-18:00")),
            MONDAY_NOON + INSTANT,
            id="an instant before it opens",
        ),
        pytest.param(
            a_brief(working_hours=a_week("09:00-14:00")),
            in_zone(PARIS, "2026-09-08T09:00"),
            id="just when it closes",
        ),
        pytest.param(zones(TOKYO, PARIS, PARIS), OPENS_IN_TOKYO, id="contact's zone before the batch's"),
        pytest.param(zones(None, TOKYO, PARIS), OPENS_IN_TOKYO, id="batch's zone before the campaign's"),
        pytest.param(zones(None, None, TOKYO), OPENS_IN_TOKYO, id="campaign's zone"),
        pytest.param(
            zones(LOS_ANGELES, TOKYO, PARIS),
            in_zone(LOS_ANGELES, "2026-09-07T09:00"),
            id="opens the same day",
        ),
        pytest.param(
            a_brief(overrides=BatchOverrides(working_hours=a_week("15:00-16:00"))),
            in_zone(PARIS, "2026-09-07T15:00"),
            id="batch's hours before the campaign's",
        ),
        pytest.param(
            a_brief(overrides=BatchOverrides(working_hours_enforced=True), timezone=TOKYO),
            OPENS_IN_TOKYO,
            id="hours enforced by the batch",
        ),
        pytest.param(
            a_brief(working_hours_enforced=False, blackout_dates=THAT_DAY),
            in_zone(PARIS, "2026-09-08T00:00"),
            id="blackout date without enforced hours",
        ),
        pytest.param(
            a_brief(working_hours_enforced=False, holidays="US"),
            in_zone(PARIS, "2026-09-08T00:00"),
            id="public holiday without enforced hours",
        ),
        pytest.param(
            a_brief(blackout_dates=THAT_DAY), in_zone(PARIS, "2026-09-08T09:00"), id="blackout date"
        ),
        pytest.param(
            a_brief(TOKYO, scheduled_end=OPENS_IN_TOKYO + INSTANT),
            OPENS_IN_TOKYO,
            id="opens an instant before the batch ends",
        ),
        pytest.param(a_brief(TOKYO, scheduled_end=OPENS_IN_TOKYO), None, id="opens when the batch ends"),
        pytest.param(a_brief(working_hours=a_week("")), None, id="closed for ever"),
        pytest.param(zones(NOWHERE, PARIS, PARIS), None, id="zone nobody knows"),
        pytest.param(
            a_brief(NOWHERE, working_hours_enforced=False), None, id="zone nobody knows, hours not enforced"
        ),
        pytest.param(zones(None, "../etc", PARIS), None, id="zone that is no name"),
    ],
)
async def test_closed_window_withholds_the_call_and_says_when_it_opens(
    brief: DialBrief, opens_at: datetime | None
) -> None:
    world = World(brief)
    before = world.rows()

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert placed == outside_hours(opens_at)
    assert (world.provider.requests, world.rows()) == ([], before)


@pytest.mark.parametrize("status", [ContactStatus.RETRYING, ContactStatus.FOLLOWUP_SCHEDULED])
async def test_retry_and_follow_up_wait_for_the_window_too(status: ContactStatus) -> None:
    brief = a_brief()
    world = World(replace(brief, contact=a_contact(timezone=TOKYO, status=status)))
    again = replace(FIRST_DIAL, attempt=2, kind=AttemptKind.RETRY)

    assert await world.run(world.dialling.place_call, again) == outside_hours(OPENS_IN_TOKYO)


@pytest.mark.parametrize(
    ("brief", "gate"),
    [
        pytest.param(
            replace(a_brief(timezone=TOKYO), batch=a_batch(status=BatchStatus.PAUSED)),
            Gate.BATCH_HELD,
            id="batch paused",
        ),
        pytest.param(
            replace(a_brief(timezone=TOKYO), batch=a_batch(status=BatchStatus.EXPIRED)),
            Gate.BATCH_OVER,
            id="batch expired",
        ),
        pytest.param(
            replace(a_brief(timezone=TOKYO), contact=a_contact(status=ContactStatus.SKIPPED)),
            Gate.CONTACT_CLOSED,
            id="contact skipped",
        ),
    ],
)
async def test_window_is_asked_for_only_when_every_other_gate_is_open(brief: DialBrief, gate: Gate) -> None:
    world = World(brief)

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert placed == PlacedCall(answer=DialAnswer.WITHHELD, asked_at=MONDAY_NOON, gate=gate)


@pytest.mark.parametrize("zone", [pytest.param(PARIS, id="open"), pytest.param(TOKYO, id="closed")])
@pytest.mark.parametrize(
    "scheduled_end",
    [pytest.param(MONDAY_NOON, id="now"), pytest.param(MONDAY_NOON - timedelta(days=1), id="past")],
)
async def test_batch_whose_end_has_come_dials_nobody_also_before_it_was_expired(
    scheduled_end: datetime, zone: str
) -> None:
    world = World(a_brief(zone, scheduled_end=scheduled_end))
    before = world.rows()

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert placed == PlacedCall(answer=DialAnswer.WITHHELD, asked_at=MONDAY_NOON, gate=Gate.BATCH_OVER)
    assert (world.provider.requests, world.rows()) == ([], before)


async def test_paused_campaign_is_named_before_its_closed_window() -> None:
    brief = a_brief(timezone=TOKYO)
    world = World(brief)
    world.tables.campaigns[CAMPAIGN_ID] = replace(brief.campaign, status=CampaignStatus.PAUSED)

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert (placed.gate, placed.opens_at) == (Gate.BATCH_HELD, None)


async def test_window_that_closes_while_a_throttled_dial_waits_withholds_it() -> None:
    world = World(a_brief())
    world.provider.dial_results = [Throttled(timedelta(seconds=10))]
    await world.run(world.dialling.place_call, FIRST_DIAL)
    before = world.rows()
    world.clock.now = closing = datetime(2026, 9, 7, 16, tzinfo=UTC)  # 18:00 in Paris

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert placed == outside_hours(in_zone(PARIS, "2026-09-08T09:00"), asked_at=closing)
    assert (len(world.provider.requests), world.rows()) == (1, before)


@pytest.mark.parametrize("state", [DialState.DIALLING, DialState.ACCEPTED, DialState.AMBIGUOUS])
async def test_call_that_was_asked_for_is_followed_also_when_its_window_has_closed(state: DialState) -> None:
    placed_before = a_dialled_call(dial_state=state)
    brief = replace(a_brief(timezone=TOKYO), record=placed_before)
    world = World(replace(brief, contact=a_contact(status=ContactStatus.DISPATCHED)))

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert (placed.gate, placed.timing) == (None, TIMING)
    assert world.provider.requests == []


async def test_call_that_a_preset_closes_is_withheld_under_its_name_though_hours_are_not_enforced() -> None:
    # 14:00 in Paris: open by one law until 20:00, in Los Angeles not before 08:00, at 15:00 UTC.
    presets = ("us-tcpa", "us-fl")
    open_here = World(a_brief(PARIS, working_hours_enforced=False, presets=presets))
    asleep = World(a_brief(LOS_ANGELES, working_hours_enforced=False, presets=presets))

    placed = await open_here.run(open_here.dialling.place_call, FIRST_DIAL)
    withheld = await asleep.run(asleep.dialling.place_call, FIRST_DIAL)

    assert placed.answer is DialAnswer.PLACED
    assert withheld == replace(outside_hours(in_zone(LOS_ANGELES, "2026-09-07T08:00")), presets=presets)
    assert asleep.provider.requests == []
