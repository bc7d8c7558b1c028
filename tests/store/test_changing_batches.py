"""Batches that change; real stores and fakes alike."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.batch import Batch, BatchOverrides, BatchStatus
from domain.call import CallStatus
from domain.caller_id import CallerIdStrategy
from domain.campaign import Campaign
from domain.contact import ContactStatus
from domain.disposition import DispositionRule, OnMachine, Then
from domain.errors import BatchNotFound, IllegalTransition
from domain.identity import OrganizationId
from domain.ports import ChangedBatch, RulesChanged
from domain.redial import RedialPolicy
from domain.settlement import Settlement
from domain.working_hours import DEFAULT_WORKING_HOURS
from tests.builders import MONDAY_NOON, ORGANIZATION, a_claim
from tests.store.scenes import AFTER_ALL, World

pytestmark = pytest.mark.store

MINUTE = timedelta(minutes=1)
SOON = MONDAY_NOON + 5 * MINUTE
WAITS = Settlement(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON + 30 * MINUTE)
EVERYTHING: dict[str, Any] = {
    "name": "north side",
    "concurrency_limit": 3,
    "scheduled_end": MONDAY_NOON + timedelta(days=1),
    "call_context": {"clinic": "Lakeside"},
    "metadata": {"ticket": 118},
    "overrides": BatchOverrides(
        max_retries_override=0,
        retry_policy=RedialPolicy(cooldown=7 * MINUTE),
        working_hours_enforced=True,
        working_hours=DEFAULT_WORKING_HOURS,
        timezone="Asia/Tokyo",
        phone_numbers=("+14155550181",),
        phone_number_strategy=CallerIdStrategy.RANDOM,
        on_machine=OnMachine.HANG_UP,
        disposition_rules=(DispositionRule(disposition="refused", then=Then.COMPLETE),),
    ),
}


def _to(**fields: Any) -> Callable[[Batch, Campaign], Batch]:
    return lambda batch, _: replace(batch, **fields)


async def _change(world: World, batch: Batch, *, bears_on_calls: bool = True, **fields: Any) -> ChangedBatch:
    return await world.batches.change(
        ORGANIZATION, batch.batch_id, _to(**fields), SOON, bears_on_calls=bears_on_calls
    )


async def test_change_keeps_every_field_and_the_counters(world: World) -> None:
    batch = await world.a_kept_batch(2)
    changed = await _change(world, batch, **EVERYTHING)
    assert changed.batch == replace(batch, **EVERYTHING, updated_at=SOON)
    assert await world.batch(batch) == changed.batch
    assert (changed.is_to_be_signalled, changed.others_know) == (True, True)
    assert changed.campaign.campaign_id == batch.campaign_id


async def test_the_very_same_batch_is_no_change(world: World) -> None:
    batch = await world.a_kept_batch()
    changed = await world.batches.change(
        ORGANIZATION, batch.batch_id, lambda same, _: same, SOON, bears_on_calls=True
    )
    assert (changed.batch, changed.is_to_be_signalled) == (batch, False)
    assert await world.batch(batch) == batch
    assert await world.reschedules.unannounced(AFTER_ALL, 9) == []


async def test_refused_change_leaves_the_batch_as_it_was(world: World) -> None:
    batch = await world.a_kept_batch()

    def refuse(*_: object) -> Batch:
        raise IllegalTransition

    with pytest.raises(IllegalTransition):
        await world.batches.change(ORGANIZATION, batch.batch_id, refuse, SOON, bears_on_calls=True)
    assert await world.batch(batch) == batch


async def test_foreign_and_deleted_batches_are_not_changed(world: World) -> None:
    kept, gone = await world.a_kept_batch(), await world.a_batch_that_is(BatchStatus.COMPLETED)
    await world.campaigns.delete(ORGANIZATION, gone.campaign_id, SOON)
    for organization, batch in ((OrganizationId("org_other"), kept), (ORGANIZATION, gone)):
        with pytest.raises(BatchNotFound):
            await world.batches.change(
                organization, batch.batch_id, _to(name="x"), SOON, bears_on_calls=False
            )
    assert await world.batch(kept) == kept


async def test_pending_batch_whose_start_is_taken_away_begins(world: World) -> None:
    batch = await world.a_kept_batch(scheduled_start=MONDAY_NOON + timedelta(days=1))
    later = await _change(world, batch, scheduled_start=MONDAY_NOON + timedelta(days=2))
    begun = await _change(world, batch, scheduled_start=None)
    assert (later.batch.status, begun.batch.status) == (BatchStatus.PENDING, BatchStatus.IN_PROGRESS)
    assert await world.batch(batch) == begun.batch


async def test_grant_tells_a_batch_of_its_own_change_and_its_siblings_of_none(world: World) -> None:
    campaign = await world.a_kept_campaign()
    batch, sibling = await world.a_kept_batch(campaign=campaign), await world.a_kept_batch(campaign=campaign)

    async def versions() -> list[int | None]:
        granted = [await world.grant(each.batch_id, SOON) for each in (batch, sibling)]
        return [each.policy_version for each in granted]

    assert await versions() == [1, 1]
    await _change(world, batch, concurrency_limit=3)
    assert await versions() == [2, 1]
    await world.campaigns.change(
        ORGANIZATION, campaign.campaign_id, lambda rules: replace(rules, name="October"), SOON
    )
    assert await versions() == [3, 2]
    await _change(world, batch, bears_on_calls=False, name="north")
    assert await versions() == [3, 2]


async def test_waiting_contact_is_timed_by_the_changed_batch(world: World) -> None:
    person = await world.a_person()
    await world.ended(person, CallStatus.BUSY, WAITS)
    batch = (await world.batches.load(person.batch_id))[0]
    overrides = BatchOverrides(retry_policy=RedialPolicy(cooldown=7 * MINUTE))
    await _change(world, batch, overrides=overrides)
    page = await world.reschedules.reschedule(batch.batch_id, 0, 10, SOON)
    assert page.changed == 1
    assert (await world.contact(person)).next_retry_at == MONDAY_NOON + 7 * MINUTE


async def test_claim_that_rests_on_the_former_batch_is_told_to_read_it_again(world: World) -> None:
    person = await world.a_person()
    brief = await world.calls.dial_brief(person.contact_id, 1)
    assert brief is not None
    await _change(world, brief.batch, overrides=BatchOverrides(phone_numbers=("+14155550181",)))
    stale = a_claim(person.contact_id, policy_version=brief.policy_version)

    assert await world.calls.claim_attempt(stale, SOON) == RulesChanged()

    again = await world.calls.dial_brief(person.contact_id, 1)
    assert again is not None
    assert again.policy_version == brief.policy_version + 1
    assert again.batch.overrides.phone_numbers == ("+14155550181",)


async def test_change_is_announced_late_until_it_is_noted(world: World) -> None:
    batch = await world.a_kept_batch()
    await _change(world, batch, concurrency_limit=3)
    (behind,) = await world.reschedules.unannounced(AFTER_ALL, 9)
    assert (behind.campaign_id, behind.touched_at, behind.batches) == (
        batch.campaign_id,
        SOON,
        [batch.batch_id],
    )
    await world.reschedules.mark_announced(batch.campaign_id, SOON)
    assert await world.reschedules.unannounced(AFTER_ALL, 9) == []


async def test_second_change_knows_that_the_first_is_not_announced(world: World) -> None:
    batch = await world.a_kept_batch()
    first = await _change(world, batch, concurrency_limit=3)
    second = await _change(world, batch, concurrency_limit=4)
    assert (first.others_know, second.others_know) == (True, False)


async def test_words_about_a_batch_are_announced_to_nobody(world: World) -> None:
    batch = await world.a_kept_batch()
    changed = await _change(world, batch, bears_on_calls=False, name="north", metadata={"ticket": 1})
    assert (changed.is_to_be_signalled, changed.batch.name) == (False, "north")
    assert await world.reschedules.unannounced(AFTER_ALL, 9) == []
