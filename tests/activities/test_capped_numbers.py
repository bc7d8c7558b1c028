"""Numbers that were called as often as they may be, or that must not be called, are left alone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from activities.messages import DialAnswer, PlaceCall, PlacedCall, ReturnSlot
from domain.batch import BatchOverrides
from domain.call import AttemptKind, CallStatus
from domain.contact import ContactStatus, SkipReason
from domain.frequency import FrequencyCap
from domain.gates import Gate
from domain.identity import SuppressionId
from domain.suppression import Suppression
from tests.activities.world import World
from tests.builders import (
    BATCH_ID,
    CALLEE,
    CONTACT_ID,
    MONDAY_NOON,
    ORGANIZATION,
    a_batch,
    a_campaign,
    a_campaign_rules,
    a_contact,
    a_dial_brief,
)
from tests.domain.calling_hours import a_week

HOUR = timedelta(hours=1)
ONCE_IN_EIGHT_HOURS = (FrequencyCap(1, 8 * HOUR),)
ANY_HOUR: Mapping[str, object] = {}
OFFICE: Mapping[str, object] = {"working_hours_enforced": True, "working_hours": a_week("09:00-18:00")}
CALLED_AT = MONDAY_NOON - HOUR
FREE_AT = CALLED_AT + 8 * HOUR
TUESDAY_NINE = MONDAY_NOON + 21 * HOUR
RETRY = PlaceCall(contact_id=CONTACT_ID, attempt=2, kind=AttemptKind.RETRY)
FIRST = PlaceCall(contact_id=CONTACT_ID, attempt=1, kind=AttemptKind.INITIAL)


def a_world(
    status: ContactStatus = ContactStatus.RETRYING,
    *,
    scheduled_end: datetime | None = None,
    hours: Mapping[str, object] = ANY_HOUR,
) -> World:
    """The person was called an hour ago, with a cap of one call in eight hours."""
    campaign = a_campaign(rules=a_campaign_rules(frequency_caps=ONCE_IN_EIGHT_HOURS, **hours))
    batch = a_batch(overrides=BatchOverrides(), scheduled_end=scheduled_end)
    world = World(a_dial_brief(contact=a_contact(status=status), campaign=campaign, batch=batch))
    other = world.contact if status is ContactStatus.RETRYING else world.add(7, ContactStatus.COMPLETED)
    world.add_call(other, to_number=CALLEE, started_at=CALLED_AT)
    return world


def suppress(world: World) -> None:
    entry = Suppression(
        suppression_id=SuppressionId("sup_1"),
        organization_id=ORGANIZATION,
        phone_number=CALLEE,
        created_at=MONDAY_NOON,
        updated_at=MONDAY_NOON,
    )
    world.tables.suppressions[entry.suppression_id] = entry


@pytest.mark.parametrize(
    ("world", "opens_at"),
    [
        pytest.param(a_world(), FREE_AT, id="when the cap lets go"),
        pytest.param(a_world(hours=OFFICE), TUESDAY_NINE, id="at the opening after 19:00"),
        pytest.param(
            a_world(scheduled_end=FREE_AT, hours=OFFICE), None, id="never, for the batch ends before"
        ),
        pytest.param(
            a_world(scheduled_end=TUESDAY_NINE + HOUR, hours=OFFICE),
            TUESDAY_NINE,
            id="before the end",
        ),
    ],
)
async def test_capped_retry_is_withheld_until_it_may_be_called(
    world: World, opens_at: datetime | None
) -> None:
    placed = await world.run(world.dialling.place_call, RETRY)
    assert placed == PlacedCall(
        answer=DialAnswer.WITHHELD, asked_at=MONDAY_NOON, gate=Gate.FREQUENCY_CAPPED, opens_at=opens_at
    )
    assert world.provider.requests == []


async def test_follow_up_that_is_capped_beyond_the_batchs_end_waits_for_that_end() -> None:
    world = a_world(ContactStatus.FOLLOWUP_SCHEDULED, scheduled_end=FREE_AT, hours=OFFICE)

    placed = await world.run(world.dialling.place_call, replace(RETRY, kind=AttemptKind.FOLLOW_UP))

    assert (placed.gate, placed.opens_at) == (Gate.FREQUENCY_CAPPED, FREE_AT)


async def test_retry_is_dialled_once_the_cap_has_let_go() -> None:
    world = a_world()
    world.clock.pass_time(7 * HOUR)
    placed = await world.run(world.dialling.place_call, RETRY)
    assert placed.answer is DialAnswer.PLACED


async def test_capped_retry_that_gives_its_slot_back_shows_the_instant_it_waits_for() -> None:
    world = a_world()
    request = ReturnSlot(batch_id=BATCH_ID, contact_id=CONTACT_ID, attempt=2, due_at=FREE_AT)
    returned = await world.run(world.of_contacts.return_slot, request)
    assert returned.status is ContactStatus.RETRYING
    assert world.contact.next_retry_at == FREE_AT


async def test_suppressed_contact_is_withheld_and_skipped_when_it_gives_its_slot_back() -> None:
    world = World()
    suppress(world)
    placed = await world.run(world.dialling.place_call, FIRST)
    assert placed == PlacedCall(answer=DialAnswer.WITHHELD, asked_at=MONDAY_NOON, gate=Gate.SUPPRESSED)
    assert world.provider.requests == []
    request = ReturnSlot(batch_id=BATCH_ID, contact_id=CONTACT_ID, attempt=1)
    returned = await world.run(world.of_contacts.return_slot, request)
    assert returned.status is ContactStatus.SKIPPED
    assert world.contact.skip_reason is SkipReason.SUPPRESSED


async def test_number_that_a_presets_cap_withholds_is_told_with_the_presets_name() -> None:
    world = a_world()
    talked = next(iter(world.tables.calls.values()))
    world.tables.calls[talked.execution_id] = replace(talked, call_status=CallStatus.COMPLETED)
    rules = a_campaign_rules(presets=("us-reg-f",))
    world.tables.campaigns[talked.campaign_id] = a_campaign(rules=rules)

    placed = await world.run(world.dialling.place_call, RETRY)

    assert (placed.gate, placed.presets) == (Gate.FREQUENCY_CAPPED, ("us-reg-f",))
    # seven days after the talk it is 11:00 UTC, and open by the hours of the law
    assert placed.opens_at == CALLED_AT + timedelta(days=7)
    assert world.provider.requests == []
