"""Closed gates: nobody is asked, nothing is written, and the workflow learns which gate it was."""

from dataclasses import replace
from datetime import timedelta

import pytest

from activities.messages import DialAnswer, PlacedCall
from domain.batch import BatchStatus
from domain.call import CallStatus
from domain.campaign import CampaignStatus
from domain.contact import Contact, ContactStatus
from domain.gates import Gate
from domain.identity import BatchId, ContactId, ExecutionId
from domain.ports import DialBrief
from tests.activities.world import FIRST_DIAL, World, a_dialled_call
from tests.builders import (
    BATCH_ID,
    CAMPAIGN_ID,
    MONDAY_NOON,
    a_batch,
    a_call_record,
    a_campaign,
    a_contact,
    a_dial_brief,
)


def withheld(gate: Gate) -> PlacedCall:
    """The answer of a closed gate."""
    return PlacedCall(answer=DialAnswer.WITHHELD, asked_at=MONDAY_NOON, gate=gate)


@pytest.mark.parametrize(
    ("brief", "gate"),
    [
        pytest.param(
            a_dial_brief(campaign=a_campaign(status=CampaignStatus.PAUSED)),
            Gate.BATCH_HELD,
            id="campaign paused",
        ),
        pytest.param(
            a_dial_brief(campaign=a_campaign(status=CampaignStatus.CANCELLED)),
            Gate.BATCH_OVER,
            id="campaign cancelled",
        ),
        *(
            pytest.param(a_dial_brief(batch=a_batch(status=status)), gate, id=f"batch {status}")
            for status, gate in {
                BatchStatus.PENDING: Gate.BATCH_HELD,
                BatchStatus.PAUSED: Gate.BATCH_HELD,
                BatchStatus.COMPLETED: Gate.BATCH_OVER,
                BatchStatus.CANCELLED: Gate.BATCH_OVER,
                BatchStatus.EXPIRED: Gate.BATCH_OVER,
            }.items()
        ),
        *(
            pytest.param(
                a_dial_brief(contact=a_contact(status=status)), Gate.CONTACT_CLOSED, id=f"contact {status}"
            )
            for status in (
                ContactStatus.IN_PROGRESS,
                ContactStatus.COMPLETED,
                ContactStatus.BUSY,
                ContactStatus.NO_ANSWER,
                ContactStatus.FAILED,
                ContactStatus.MAX_RETRIES_REACHED,
                ContactStatus.SKIPPED,
            )
        ),
        pytest.param(
            a_dial_brief(
                batch=a_batch(status=BatchStatus.PAUSED),
                record=a_call_record(),
                contact=a_contact(status=ContactStatus.DISPATCHED),
            ),
            Gate.BATCH_HELD,
            id="batch paused while a throttled dial waited",
        ),
    ],
)
async def test_closed_gate_withholds_the_call_and_writes_nothing(brief: DialBrief, gate: Gate) -> None:
    world = World(brief)
    before = world.rows()

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert placed == withheld(gate)
    assert (world.provider.requests, world.rows()) == ([], before)


@pytest.mark.parametrize(
    "contact",
    [
        pytest.param(
            a_contact(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON + timedelta(hours=1)),
            id="retry",
        ),
        pytest.param(
            a_contact(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=MONDAY_NOON + timedelta(hours=1)),
            id="follow-up",
        ),
    ],
)
async def test_contact_that_changed_rules_have_put_off_is_withheld_until_then(contact: Contact) -> None:
    world = World(a_dial_brief(contact=contact))
    before = world.rows()

    placed = await world.run(world.dialling.place_call, replace(FIRST_DIAL, attempt=2))

    assert placed == replace(withheld(Gate.OUTSIDE_HOURS), opens_at=MONDAY_NOON + timedelta(hours=1))
    assert (world.provider.requests, world.rows()) == ([], before)


async def test_contact_that_wakes_a_moment_early_by_this_clock_is_called() -> None:
    in_a_moment = MONDAY_NOON + timedelta(seconds=5)
    contact = a_contact(status=ContactStatus.RETRYING, next_retry_at=in_a_moment)
    world = World(a_dial_brief(contact=contact))

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert placed.answer is DialAnswer.PLACED


async def test_contact_that_is_gone_is_withheld() -> None:
    world = World()
    world.tables.contacts.clear()

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert placed == withheld(Gate.BATCH_GONE)
    assert (world.provider.requests, world.tables.calls) == ([], {})


async def test_batch_paused_between_the_look_and_the_claim_is_withheld() -> None:
    world = World()
    paused = a_batch(status=BatchStatus.PAUSED)
    world.calls.meanwhile = lambda: world.tables.batches.update({BATCH_ID: paused})

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert placed == withheld(Gate.BATCH_HELD)
    assert (world.provider.requests, world.tables.calls) == ([], {})
    assert world.contact == a_contact()


async def test_number_that_is_on_the_phone_is_withheld_for_a_moment_and_written_nowhere() -> None:
    world = World()
    elsewhere = a_dialled_call(
        execution_id=ExecutionId("exec_elsewhere"),
        contact_id=ContactId("con_elsewhere"),
        batch_id=BatchId("btc_elsewhere"),
    )
    world.tables.calls[elsewhere.execution_id] = elsewhere
    before = world.rows()

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    in_a_moment = MONDAY_NOON + timedelta(seconds=5)
    assert placed == replace(withheld(Gate.NUMBER_BUSY), opens_at=in_a_moment)
    assert (world.provider.requests, world.rows()) == ([], before)

    world.tables.calls[elsewhere.execution_id] = replace(elsewhere, call_status=CallStatus.BUSY)
    placed = await world.run(world.dialling.place_call, FIRST_DIAL)
    assert placed.answer is DialAnswer.PLACED


async def test_rules_changed_between_the_look_and_the_claim_are_read_again_before_anybody_is_called() -> None:
    world = World()
    before = world.rows()

    def change_the_rules() -> None:
        world.tables.policy_versions[CAMPAIGN_ID] = 2

    world.calls.meanwhile = change_the_rules
    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert placed.answer is DialAnswer.ASK_AGAIN
    assert (world.provider.requests, world.rows()) == ([], before)
    assert (await world.run(world.dialling.place_call, FIRST_DIAL)).answer is DialAnswer.PLACED
