"""Calls of contacts that were skipped while being set up: the provider is asked to end them."""

import pytest

from activities.messages import HangUpMachine, HangUpSkipped
from domain.call import CallStatus
from domain.contact import ContactStatus
from domain.disposition import AnsweredBy, OnMachine
from domain.errors import ProviderUnavailable
from domain.identity import BatchId, ContactId
from domain.telephony import HangUpResult
from tests.activities.world import World
from tests.builders import BATCH_ID, a_batch, a_campaign, a_campaign_rules, a_dial_brief

OTHER_BATCH = BatchId("btc_2")


async def hang_up(world: World) -> None:
    """End the calls of skipped contacts."""
    await world.run(world.hanging_up.hang_up_skipped, HangUpSkipped(BATCH_ID))


def add_skipped(world: World, position: int, **call: object) -> None:
    """Put a skipped person into the batch whose call is being set up as `call-{position}`."""
    skipped = world.add(position, ContactStatus.SKIPPED)
    told: dict[str, object] = {"call_status": CallStatus.QUEUED, "provider_call_id": f"call-{position}"}
    world.add_call(skipped, attempt=1, **told | call)


async def test_every_open_call_of_a_skipped_contact_is_hung_up() -> None:
    world = World()
    add_skipped(world, 2)
    add_skipped(world, 3, call_status=CallStatus.RINGING)
    add_skipped(world, 4, call_status=CallStatus.IN_PROGRESS)

    await hang_up(world)

    assert world.provider.hung_up == ["call-2", "call-3", "call-4"]


async def test_calls_that_are_over_unknown_to_the_provider_or_of_others_are_left_alone() -> None:
    world = World()
    add_skipped(world, 2, call_status=CallStatus.COMPLETED)
    add_skipped(world, 3, provider_call_id=None)
    world.add_call(world.add(4, ContactStatus.DISPATCHED), call_status=CallStatus.QUEUED)
    world.add_call(world.add(5, ContactStatus.IN_PROGRESS), call_status=CallStatus.IN_PROGRESS)
    world.tables.batches[OTHER_BATCH] = a_batch(batch_id=OTHER_BATCH)
    add_skipped(world, 6, batch_id=OTHER_BATCH)

    await hang_up(world)

    assert world.provider.hung_up == []


@pytest.mark.parametrize("result", list(HangUpResult))
async def test_call_that_does_not_end_keeps_no_other_from_being_hung_up(result: HangUpResult) -> None:
    world = World()
    world.provider.hang_up_result = result
    add_skipped(world, 2)
    add_skipped(world, 3)
    before = world.rows()

    await hang_up(world)

    assert world.provider.hung_up == ["call-2", "call-3"]
    assert world.rows() == before


async def test_provider_that_is_down_is_not_waited_for() -> None:
    world = World()
    world.provider.is_down = True
    add_skipped(world, 2)

    await hang_up(world)

    assert world.tables.contacts[ContactId("con_2")].status is ContactStatus.SKIPPED
    assert world.provider.hung_up == []


async def test_rerun_asks_again_only_for_what_is_still_open() -> None:
    world = World()
    add_skipped(world, 2)
    add_skipped(world, 3)
    await hang_up(world)
    add_skipped(world, 2, call_status=CallStatus.FAILED)

    await hang_up(world)

    assert world.provider.hung_up == ["call-2", "call-3", "call-3"]


MACHINE = {"answered_by": AnsweredBy.MACHINE, "call_status": CallStatus.IN_PROGRESS}


@pytest.mark.parametrize(
    ("on_machine", "call", "is_ended"),
    [
        pytest.param(OnMachine.HANG_UP, {}, True, id="machine on the line"),
        pytest.param(OnMachine.HANG_UP, {"answered_by": AnsweredBy.FAX}, True, id="fax on the line"),
        pytest.param(OnMachine.CONTINUE, {}, False, id="rules changed meanwhile"),
        pytest.param(OnMachine.HANG_UP, {"answered_by": AnsweredBy.HUMAN}, False, id="a human after all"),
        pytest.param(OnMachine.HANG_UP, {"call_status": CallStatus.COMPLETED}, False, id="over by itself"),
        pytest.param(OnMachine.HANG_UP, {"provider_call_id": None}, False, id="unknown to the provider"),
    ],
)
async def test_machine_is_hung_up_on_where_it_is_still_on_the_line(
    on_machine: OnMachine, call: dict[str, object], is_ended: bool
) -> None:
    rules = a_campaign_rules(on_machine=on_machine)
    world = World(a_dial_brief(campaign=a_campaign(rules=rules)))
    contact = world.add(2, ContactStatus.IN_PROGRESS)
    world.add_call(contact, attempt=1, **{"provider_call_id": "call-2", **MACHINE, **call})

    await world.run(world.hanging_up.hang_up_machine, HangUpMachine(contact_id=contact.contact_id, attempt=1))

    assert world.provider.hung_up == (["call-2"] if is_ended else [])


async def test_provider_that_does_not_answer_is_asked_again_to_hang_up() -> None:
    world = World(a_dial_brief(campaign=a_campaign(rules=a_campaign_rules(on_machine=OnMachine.HANG_UP))))
    world.provider.hang_up_result = HangUpResult.UNREACHABLE
    contact = world.add(2, ContactStatus.IN_PROGRESS)
    world.add_call(contact, attempt=1, provider_call_id="call-2", **MACHINE)

    with pytest.raises(ProviderUnavailable):
        await world.run(
            world.hanging_up.hang_up_machine, HangUpMachine(contact_id=contact.contact_id, attempt=1)
        )
