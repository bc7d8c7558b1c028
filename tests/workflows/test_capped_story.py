"""Frequency caps and suppressed numbers in whole stories, on a clock that skips from call to call."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from domain.contact import ContactStatus, SkipReason
from domain.frequency import FrequencyCap
from domain.identity import BatchId, TokenId
from domain.redial import RedialPolicy
from domain.suppression import NewSuppression
from tests.builders import ORGANIZATION
from tests.fakes import FakeSuppressionStore
from tests.workflows.world import ANSWERED, BUSY, World, until

pytestmark = pytest.mark.server

DAY = timedelta(days=1)
MOMENT = timedelta(minutes=1)
"""A wake-up, a slot and a dial."""
ONCE_A_DAY = {"frequency_caps": (FrequencyCap(1, DAY),)}


def _asked_at(world: World, batch_id: BatchId) -> list[datetime]:
    return [call.started_at for call in world.calls(batch_id) if call.started_at is not None]


async def _asked_for(world: World, workflow_id: str) -> Counter[str]:
    """What a workflow had done: activities by name, local ones together, and other workflows it started."""
    history = await world.client.get_workflow_handle(workflow_id).fetch_history()
    done = Counter(
        each.activity_task_scheduled_event_attributes.activity_type.name
        for each in history.events
        if each.HasField("activity_task_scheduled_event_attributes")
    )
    done["local"] = sum(each.HasField("marker_recorded_event_attributes") for each in history.events)
    done["contacts started"] = sum(
        each.HasField("start_child_workflow_execution_initiated_event_attributes") for each in history.events
    )
    return done


async def test_capped_retry_sleeps_until_the_cap_lets_go_instead_of_its_cooldown(world: World) -> None:
    world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    batch_id = await world.a_batch(1, rules=ONCE_A_DAY)

    assert await (await world.start(batch_id)).result() == "completed"

    first, second = _asked_at(world, batch_id)
    assert DAY <= second - first < DAY + MOMENT
    (contact,) = world.contacts(batch_id)
    assert (contact.status, contact.retry_count) == (ContactStatus.COMPLETED, 1)
    done = await _asked_for(world, f"batch/{batch_id}/c/{contact.contact_id}")
    assert (done["place_call"], done["return_slot"]) == (3, 1)  # asked at noon, after 30 minutes, after a day


async def test_person_called_for_one_campaign_is_called_for_the_next_when_the_cap_lets_go(
    live_world: World,
) -> None:
    world, window = live_world, timedelta(seconds=4)
    world.telephone.script = lambda _, call: ANSWERED
    earlier = await world.a_batch(1)
    assert await (await world.start(earlier)).result() == "completed"
    once_in_a_while = {"frequency_caps": (FrequencyCap(max_calls=1, window=window),)}
    later = await world.a_batch(2, rules=once_in_a_while)

    assert await (await world.start(later)).result() == "completed"

    (called_at,) = _asked_at(world, earlier)
    again_at, fresh_at = _asked_at(world, later)
    assert window <= again_at - called_at < window + timedelta(seconds=10)
    assert fresh_at < again_at  # the other number waits for nobody
    done = await _asked_for(world, f"batch/{later}")
    assert done["contacts started"] == 2  # a capped one is left out, not started and sent away


async def test_whoever_was_never_called_and_is_capped_beyond_the_batchs_end_is_skipped_when_it_comes(
    world: World,
) -> None:
    world.telephone.script = lambda _, call: BUSY
    end = await world.env.get_current_time() + timedelta(hours=6)
    rules = {**ONCE_A_DAY, "retry_policy": RedialPolicy(max_retries=0)}
    await (await world.start(await world.a_batch(1, rules=rules))).result()
    batch_id = await world.a_batch(1, rules=rules, scheduled_end=end)

    assert await (await world.start(batch_id)).result() == "expired"

    (contact,) = world.contacts(batch_id)
    assert (contact.status, contact.skip_reason) == (ContactStatus.SKIPPED, SkipReason.BATCH_EXPIRED)
    assert world.calls(batch_id) == []


async def test_retry_that_is_capped_beyond_the_batchs_end_ends_at_once_as_its_last_call_did(
    world: World,
) -> None:
    world.telephone.script = lambda _, call: BUSY
    end = await world.env.get_current_time() + timedelta(hours=6)
    batch_id = await world.a_batch(1, rules=ONCE_A_DAY, scheduled_end=end)

    assert await (await world.start(batch_id)).result() == "completed"

    (contact,) = world.contacts(batch_id)
    assert (contact.status, contact.next_retry_at) == (ContactStatus.BUSY, None)
    assert len(world.calls(batch_id)) == 1
    assert await world.length(batch_id) < timedelta(hours=6)


async def test_batch_whose_people_are_all_suppressed_completes_without_a_call(world: World) -> None:
    world.telephone.script = lambda _, call: ANSWERED
    batch_id = await world.a_batch(2)
    await _suppress(world, [each.phone_number for each in world.contacts(batch_id)])

    assert await (await world.start(batch_id)).result() == "completed"

    assert world.calls(batch_id) == []
    assert {each.skip_reason for each in world.contacts(batch_id)} == {SkipReason.SUPPRESSED}


async def test_sleeper_whose_number_was_suppressed_unheard_ends_when_it_wakes(world: World) -> None:
    world.telephone.script = lambda _, call: BUSY
    batch_id = await world.a_batch(1)
    handle = await world.start(batch_id)
    await until(lambda: world.contacts(batch_id)[0].status is ContactStatus.RETRYING)
    await _suppress(world, [world.contacts(batch_id)[0].phone_number])

    assert await handle.result() == "completed"

    assert len(world.calls(batch_id)) == 1


async def _suppress(world: World, numbers: list[str]) -> None:
    now = await world.env.get_current_time()
    listed = [NewSuppression(phone_number=number) for number in numbers]
    await FakeSuppressionStore(world.tables).add_all(ORGANIZATION, listed, now, added_by=TokenId("tok_1"))
