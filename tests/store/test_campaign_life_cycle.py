"""What becomes of a campaign when it is acted on, and how it spreads; real stores and fakes alike.

What is legal in which status is the table of `tests/domain/test_lifecycle.py`.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.batch import Batch, BatchStatus, PausedBy
from domain.campaign import Campaign, CampaignStatus
from domain.contact import ContactStatus, SkipReason
from domain.errors import CampaignNotFound, IllegalTransition
from domain.identity import CampaignId, OrganizationId
from domain.lifecycle import Action
from tests.builders import MONDAY_NOON, ORGANIZATION
from tests.store.scenes import LATER, World

pytestmark = pytest.mark.store

SOON = MONDAY_NOON + timedelta(hours=2)
B, C = BatchStatus, CampaignStatus


async def _act(world: World, campaign: Campaign, action: Action) -> Campaign:
    acted, _ = await world.campaigns.act(ORGANIZATION, campaign.campaign_id, action, MONDAY_NOON)
    return acted


async def _a_campaign_that_is(world: World, status: CampaignStatus) -> Campaign:
    campaign = await world.a_kept_campaign()
    if status is not C.DRAFT:
        last = B.COMPLETED if status is C.COMPLETED else B.IN_PROGRESS
        await world.a_batch_that_is(last, campaign)
    if status in (C.PAUSED, C.CANCELLED):
        return await _act(world, campaign, Action.PAUSE if status is C.PAUSED else Action.CANCEL)
    return await world.campaigns.get(ORGANIZATION, campaign.campaign_id)


async def _a_mixed_campaign(world: World) -> tuple[Campaign, dict[str, Batch]]:
    """An active campaign with a batch of every kind."""
    campaign = await world.a_kept_campaign()
    batches = {status.value: await world.a_batch_that_is(status, campaign) for status in B}
    return await world.campaigns.get(ORGANIZATION, campaign.campaign_id), batches


async def _stands(world: World, batches: dict[str, Batch]) -> dict[str, tuple[BatchStatus, PausedBy | None]]:
    now = {name: await world.batch(batch) for name, batch in batches.items()}
    return {name: (batch.status, batch.paused_by) for name, batch in now.items()}


OVER = {
    "completed": (B.COMPLETED, None),
    "cancelled": (B.CANCELLED, None),
    "expired": (B.EXPIRED, None),
}


@pytest.mark.parametrize(
    ("status", "action", "becomes"),
    [
        (C.ACTIVE, Action.PAUSE, C.PAUSED),
        (C.PAUSED, Action.RESUME, C.ACTIVE),
        (C.ACTIVE, Action.CANCEL, C.CANCELLED),
    ],
)
async def test_legal_action_moves_the_campaign(
    world: World, status: CampaignStatus, action: Action, becomes: CampaignStatus
) -> None:
    campaign = await _a_campaign_that_is(world, status)
    acted, _ = await world.campaigns.act(ORGANIZATION, campaign.campaign_id, action, SOON)
    assert acted == replace(campaign, status=becomes, updated_at=SOON)
    assert await world.campaigns.get(ORGANIZATION, campaign.campaign_id) == acted


async def test_repeat_changes_neither_campaign_nor_batches(world: World) -> None:
    campaign = await _a_campaign_that_is(world, C.PAUSED)
    acted = await world.campaigns.act(ORGANIZATION, campaign.campaign_id, Action.PAUSE, SOON)
    assert acted == (campaign, [])


async def test_illegal_action_is_refused_and_changes_nothing(world: World) -> None:
    campaign = await _a_campaign_that_is(world, C.COMPLETED)
    with pytest.raises(IllegalTransition):
        await _act(world, campaign, Action.PAUSE)
    assert await world.campaigns.get(ORGANIZATION, campaign.campaign_id) == campaign


async def test_pause_holds_what_runs_or_waits_and_leaves_the_rest(world: World) -> None:
    campaign, batches = await _a_mixed_campaign(world)
    _, changed = await world.campaigns.act(ORGANIZATION, campaign.campaign_id, Action.PAUSE, SOON)
    assert set(changed) == {batches["pending"].batch_id, batches["in_progress"].batch_id}
    assert await _stands(world, batches) == OVER | {
        "pending": (B.PAUSED, PausedBy.CAMPAIGN),
        "in_progress": (B.PAUSED, PausedBy.CAMPAIGN),
        "paused": (B.PAUSED, PausedBy.BATCH),
    }


@pytest.mark.parametrize("all_batches", [False, True], ids=["own", "all"])
async def test_resume_brings_back_what_was_paused_with_the_campaign_or_all(
    world: World, all_batches: bool
) -> None:
    campaign, batches = await _a_mixed_campaign(world)
    await _act(world, campaign, Action.PAUSE)
    _, changed = await world.campaigns.act(
        ORGANIZATION, campaign.campaign_id, Action.RESUME, SOON, all_batches=all_batches
    )
    resumed = {"pending", "in_progress"} | ({"paused"} if all_batches else set())
    assert set(changed) == {batches[name].batch_id for name in resumed}
    assert await _stands(world, batches) == OVER | {
        "pending": (B.PENDING, None),
        "in_progress": (B.IN_PROGRESS, None),
        "paused": (B.IN_PROGRESS, None) if all_batches else (B.PAUSED, PausedBy.BATCH),
    }


async def test_resume_of_a_running_campaign_leaves_its_paused_batch_even_with_all(world: World) -> None:
    campaign, batches = await _a_mixed_campaign(world)
    acted = await world.campaigns.act(
        ORGANIZATION, campaign.campaign_id, Action.RESUME, SOON, all_batches=True
    )
    assert acted == (campaign, [])
    assert await world.batch(batches["paused"]) == batches["paused"]


async def test_batch_made_during_the_pause_is_resumed_with_the_campaign(world: World) -> None:
    campaign = await _a_campaign_that_is(world, C.PAUSED)
    batch = await world.a_kept_batch(campaign=campaign, scheduled_start=LATER)
    assert batch.paused_by is PausedBy.CAMPAIGN
    _, changed = await world.campaigns.act(ORGANIZATION, campaign.campaign_id, Action.RESUME, SOON)
    assert batch.batch_id in changed
    assert (await world.batch(batch)).status is B.PENDING


async def test_cancel_ends_every_batch_that_is_not_over_and_says_so_of_its_people(world: World) -> None:
    campaign, batches = await _a_mixed_campaign(world)
    _, changed = await world.campaigns.act(ORGANIZATION, campaign.campaign_id, Action.CANCEL, SOON)
    ended = ("pending", "in_progress", "paused")
    assert set(changed) == {batches[name].batch_id for name in ended}
    assert await _stands(world, batches) == OVER | dict.fromkeys(ended, (B.CANCELLED, None))
    for name in ended:
        (person,) = await world.people_of(batches[name])
        assert (person.status, person.skip_reason) == (ContactStatus.SKIPPED, SkipReason.CAMPAIGN_CANCELLED)
    (before,) = await world.people_of(batches["cancelled"])
    assert before.skip_reason is SkipReason.BATCH_CANCELLED


async def test_campaign_of_another_is_left_alone(world: World) -> None:
    running, other = await world.a_batch_that_is(B.IN_PROGRESS), await world.a_batch_that_is(B.IN_PROGRESS)
    await world.campaigns.act(ORGANIZATION, running.campaign_id, Action.CANCEL, SOON)
    assert await world.batch(other) == other
    assert (await world.campaign_of(other)).status is C.ACTIVE


@pytest.mark.parametrize(
    ("organization", "campaign"),
    [pytest.param("org_other", None, id="foreign"), pytest.param(ORGANIZATION, "cmp_no", id="unknown")],
)
async def test_unknown_campaign_is_not_found(world: World, organization: str, campaign: str | None) -> None:
    mine = await _a_campaign_that_is(world, C.ACTIVE)
    campaign_id = mine.campaign_id if campaign is None else CampaignId(campaign)
    with pytest.raises(CampaignNotFound):
        await world.campaigns.act(OrganizationId(organization), campaign_id, Action.PAUSE, SOON)
