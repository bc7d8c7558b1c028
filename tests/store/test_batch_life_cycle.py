"""What becomes of a batch and its row when it is acted on; real stores and fakes alike.

What is legal in which status is the table of `tests/domain/test_lifecycle.py`.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.batch import Batch, BatchStatus, PausedBy
from domain.campaign import CampaignStatus
from domain.errors import BatchNotFound, CampaignPaused, IllegalTransition
from domain.identity import BatchId, OrganizationId
from domain.lifecycle import Action
from tests.builders import MONDAY_NOON, ORGANIZATION
from tests.store.scenes import LATER, World

pytestmark = pytest.mark.store

SOON = MONDAY_NOON + timedelta(hours=2)
"""Before the start of a batch that is pending."""

B = BatchStatus


async def _do(world: World, batch: Batch, action: Action, now: datetime = SOON) -> Batch:
    if action is Action.DISPATCH:
        return (await world.batches.dispatch(ORGANIZATION, batch.batch_id, now, start_now=False))[0]
    return await world.batches.act(batch.batch_id, action, now)


@pytest.mark.parametrize(
    ("status", "action", "becomes"),
    [
        (B.IN_PROGRESS, Action.PAUSE, B.PAUSED),
        (B.PAUSED, Action.RESUME, B.IN_PROGRESS),
        (B.IN_PROGRESS, Action.CANCEL, B.CANCELLED),
    ],
)
async def test_legal_action_moves_the_batch(
    world: World, status: BatchStatus, action: Action, becomes: BatchStatus
) -> None:
    batch = await world.a_batch_that_is(status)
    acted = await _do(world, batch, action)
    by = PausedBy.BATCH if becomes is B.PAUSED else None
    assert acted == await world.batch(batch)
    assert acted == replace(batch, status=becomes, paused_by=by, updated_at=SOON, counters=acted.counters)


async def test_repeat_changes_nothing(world: World) -> None:
    batch = await world.a_batch_that_is(B.PAUSED)
    assert await _do(world, batch, Action.PAUSE) == batch
    assert await world.batch(batch) == batch


@pytest.mark.parametrize("action", [Action.PAUSE, Action.DISPATCH])
async def test_illegal_action_is_refused_and_changes_nothing(world: World, action: Action) -> None:
    batch = await world.a_batch_that_is(B.COMPLETED)
    with pytest.raises(IllegalTransition):
        await _do(world, batch, action)
    assert await world.batch(batch) == batch


@pytest.mark.parametrize(
    ("now", "becomes"),
    [
        pytest.param(LATER - timedelta(seconds=1), B.PENDING, id="its start lies ahead"),
        pytest.param(LATER, B.IN_PROGRESS, id="its start has come"),
    ],
)
async def test_resumed_batch_waits_for_its_start(world: World, now: datetime, becomes: BatchStatus) -> None:
    batch = await world.a_batch_that_is(B.PENDING)
    await _do(world, batch, Action.PAUSE)
    assert (await _do(world, batch, Action.RESUME, now)).status is becomes


async def test_batch_is_not_resumed_under_a_paused_campaign(world: World) -> None:
    batch = await world.a_batch_that_is(B.PAUSED)
    await world.campaigns.act(ORGANIZATION, batch.campaign_id, Action.PAUSE, MONDAY_NOON)
    with pytest.raises(CampaignPaused, match=r"^Campaign is paused; resume the campaign first$"):
        await _do(world, batch, Action.RESUME)
    assert await world.batch(batch) == batch


async def test_batch_dispatched_before_its_start_is_told_until_when_it_waits(world: World) -> None:
    start = datetime.fromisoformat("2026-09-07T15:00:00+02:00")
    batch = await world.a_kept_batch(scheduled_start=start)
    with pytest.raises(IllegalTransition) as refused:
        await _do(world, batch, Action.DISPATCH, MONDAY_NOON)
    assert refused.value.message == (
        "Batch is pending until 2026-09-07T13:00:00Z and cannot be dispatched;"
        " use ?now=true to start it at once"
    )


async def test_pending_batch_is_started_at_once_when_asked(world: World) -> None:
    batch = await world.a_kept_batch(3, scheduled_start=LATER)
    begun = replace(batch, status=B.IN_PROGRESS, scheduled_start=SOON, updated_at=SOON)
    dispatched = await world.batches.dispatch(ORGANIZATION, batch.batch_id, SOON, start_now=True)
    assert dispatched == (begun, 3)
    assert await world.batch(batch) == begun


@pytest.mark.parametrize("start_now", [False, True], ids=["as it is", "now"])
async def test_running_batch_is_dispatched_as_it_is_and_pending_people_are_counted(
    world: World, start_now: bool
) -> None:
    batch = await world.a_kept_batch(3)
    first, *_ = await world.people_of(batch)
    await world.claimed(first)
    dispatched = await world.batches.dispatch(ORGANIZATION, batch.batch_id, SOON, start_now=start_now)
    assert dispatched == (await world.batch(batch), 2)
    assert dispatched[0].updated_at == MONDAY_NOON


@pytest.mark.parametrize(
    ("status", "now", "becomes"),
    [
        pytest.param(B.PENDING, LATER, B.EXPIRED, id="pending"),
        pytest.param(B.IN_PROGRESS, LATER, B.EXPIRED, id="running"),
        pytest.param(B.PAUSED, LATER, B.EXPIRED, id="paused"),
        pytest.param(B.IN_PROGRESS, LATER - timedelta(seconds=1), B.IN_PROGRESS, id="a second early"),
        pytest.param(B.CANCELLED, LATER, B.CANCELLED, id="cancelled"),
    ],
)
async def test_batch_expires_when_its_end_has_come(
    world: World, status: BatchStatus, now: datetime, becomes: BatchStatus
) -> None:
    start = LATER + timedelta(hours=1) if status is B.PENDING else None
    batch = await world.a_kept_batch(scheduled_start=start, scheduled_end=LATER)
    if status in (B.PAUSED, B.CANCELLED):
        action = Action.PAUSE if status is B.PAUSED else Action.CANCEL
        batch = await _do(world, batch, action, MONDAY_NOON)
    expired = await world.batches.expire(batch.batch_id, now)
    assert expired == await world.batch(batch)
    assert (expired.status, expired.paused_by) == (becomes, None)
    assert (expired == batch) is (becomes is status)


async def test_batch_without_an_end_does_not_expire(world: World) -> None:
    batch = await world.a_batch_that_is(B.IN_PROGRESS)
    assert await world.batches.expire(batch.batch_id, LATER) == batch


@pytest.mark.parametrize("held", [False, True], ids=["active", "paused"])
@pytest.mark.parametrize("status", [B.CANCELLED, B.EXPIRED])
async def test_campaign_is_completed_when_its_last_batch_is_over(
    world: World, status: BatchStatus, held: bool
) -> None:
    campaign = await world.a_kept_campaign()
    other = await world.a_kept_batch(campaign=campaign, scheduled_end=LATER)
    if held:
        await world.campaigns.act(ORGANIZATION, campaign.campaign_id, Action.PAUSE, MONDAY_NOON)
    await world.a_batch_that_is(status, campaign)
    stands = CampaignStatus.PAUSED if held else CampaignStatus.ACTIVE
    assert (await world.campaign_of(other)).status is stands
    if status is B.EXPIRED:
        await world.batches.expire(other.batch_id, LATER)
    else:
        await _do(world, other, Action.CANCEL)
    assert (await world.campaign_of(other)).status is CampaignStatus.COMPLETED


async def test_batch_of_somebody_else_does_not_exist(world: World) -> None:
    batch = await world.a_batch_that_is(B.IN_PROGRESS)
    foreign = OrganizationId("org_other")
    with pytest.raises(BatchNotFound):
        await world.batches.act(batch.batch_id, Action.PAUSE, SOON, organization_id=foreign)
    with pytest.raises(BatchNotFound):
        await world.batches.dispatch(foreign, batch.batch_id, SOON, start_now=True)
    mine = await world.batches.act(batch.batch_id, Action.PAUSE, SOON, organization_id=ORGANIZATION)
    assert mine.status is B.PAUSED


async def test_unknown_batch_is_not_found(world: World) -> None:
    unknown = BatchId("btc_no")
    with pytest.raises(BatchNotFound):
        await world.batches.act(unknown, Action.CANCEL, SOON)
    with pytest.raises(BatchNotFound):
        await world.batches.expire(unknown, SOON)
