"""The moves a batch's workflow makes in the store: begin, act, expire, finish; twice is as good as once."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from activities.messages import ActOnBatch, BeginBatch, ExpireBatch, FinishBatch, FinishedBatch
from domain.batch import BatchStatus, PausedBy
from domain.campaign import CampaignStatus
from domain.contact import ContactStatus, SkipReason
from domain.lifecycle import Action
from tests.activities.world import World
from tests.builders import BATCH_ID, CONTACT_ID, MONDAY_NOON, a_batch, a_campaign, a_contact, a_dial_brief

HOUR = timedelta(hours=1)
LATER = MONDAY_NOON + HOUR
PENDING, IN_PROGRESS, PAUSED = BatchStatus.PENDING, BatchStatus.IN_PROGRESS, BatchStatus.PAUSED
COMPLETED, CANCELLED, EXPIRED = BatchStatus.COMPLETED, BatchStatus.CANCELLED, BatchStatus.EXPIRED

Run = Callable[[World], Awaitable[object]]


def an_hour_later(status: BatchStatus, **changes: object) -> World:
    """The world an hour after a batch was last touched; it waits for its first contact's call."""
    world = World(a_dial_brief(batch=a_batch(status=status, **changes)))
    world.clock.pass_time(HOUR)
    return world


def acting(action: Action) -> Run:
    request = ActOnBatch(batch_id=BATCH_ID, action=action)
    return lambda world: world.run(world.of_batches.act_on_batch, request)


def begin(world: World) -> Awaitable[None]:
    return world.run(world.of_batches.begin_batch, BeginBatch(BATCH_ID))


def expire(world: World) -> Awaitable[None]:
    return world.run(world.of_batches.expire_batch, ExpireBatch(BATCH_ID))


def finish(world: World) -> Awaitable[FinishedBatch]:
    return world.run(world.of_batches.finish_batch, FinishBatch(BATCH_ID))


@pytest.mark.parametrize(
    ("run", "changes", "status", "becomes"),
    [
        pytest.param(begin, {}, PENDING, IN_PROGRESS, id="begin"),
        pytest.param(acting(Action.PAUSE), {}, IN_PROGRESS, PAUSED, id="pause"),
        pytest.param(acting(Action.RESUME), {}, PAUSED, IN_PROGRESS, id="resume"),
        pytest.param(
            acting(Action.RESUME),
            {"scheduled_start": LATER + HOUR},
            PAUSED,
            PENDING,
            id="resume before the start",
        ),
        pytest.param(acting(Action.CANCEL), {}, PENDING, CANCELLED, id="cancel"),
        pytest.param(expire, {"scheduled_end": LATER}, PAUSED, EXPIRED, id="expire at the end"),
    ],
)
async def test_batch_is_moved_once_however_often_it_is_asked_for(
    run: Run, changes: dict[str, object], status: BatchStatus, becomes: BatchStatus
) -> None:
    world = an_hour_later(status, **changes)

    await run(world)
    once = world.rows()
    await run(world)

    after = world.tables.batches[BATCH_ID]
    assert (after.status, after.updated_at) == (becomes, LATER)
    assert world.rows() == once


@pytest.mark.parametrize(
    ("run", "changes", "status"),
    [
        *(
            pytest.param(begin, {}, status, id=f"begin {status}")
            for status in BatchStatus
            if status is not PENDING
        ),
        pytest.param(acting(Action.PAUSE), {}, COMPLETED, id="pause what is over"),
        pytest.param(acting(Action.DISPATCH), {}, IN_PROGRESS, id="dispatch"),
        pytest.param(expire, {"scheduled_end": LATER}, CANCELLED, id="expire what is over"),
        pytest.param(
            expire,
            {"scheduled_end": LATER + timedelta.resolution},
            IN_PROGRESS,
            id="expire an instant before the end",
        ),
        pytest.param(expire, {}, IN_PROGRESS, id="expire without an end"),
        pytest.param(finish, {}, IN_PROGRESS, id="finish while somebody waits"),
    ],
)
async def test_what_is_not_possible_changes_nothing_and_fails_no_activity(
    run: Run, changes: dict[str, object], status: BatchStatus
) -> None:
    world = an_hour_later(status, **changes)
    before = world.rows()

    await run(world)

    assert world.rows() == before


async def test_paused_batch_knows_that_it_was_paused_itself() -> None:
    world = an_hour_later(IN_PROGRESS)

    await acting(Action.PAUSE)(world)

    paused = a_batch(status=PAUSED, paused_by=PausedBy.BATCH, updated_at=LATER)
    assert world.tables.batches[BATCH_ID] == paused
    assert world.contact == a_contact()


async def test_batch_under_a_paused_campaign_is_not_resumed() -> None:
    held = a_batch(status=PAUSED, paused_by=PausedBy.CAMPAIGN)
    world = World(a_dial_brief(batch=held, campaign=a_campaign(status=CampaignStatus.PAUSED)))
    before = world.rows()

    await acting(Action.RESUME)(world)

    assert world.rows() == before


@pytest.mark.parametrize("action", list(Action))
async def test_action_on_a_batch_that_does_not_exist_is_passed_over(action: Action) -> None:
    world = World()
    before = world.rows()

    await world.run(world.of_batches.act_on_batch, ActOnBatch(batch_id="btc_none", action=action))

    assert world.rows() == before


@pytest.mark.parametrize(
    ("run", "scheduled_end", "reason"),
    [
        pytest.param(acting(Action.CANCEL), None, SkipReason.BATCH_CANCELLED, id="cancelled"),
        pytest.param(expire, LATER, SkipReason.BATCH_EXPIRED, id="expired"),
    ],
)
@pytest.mark.parametrize(
    "waiting", [ContactStatus.PENDING, ContactStatus.RETRYING, ContactStatus.FOLLOWUP_SCHEDULED]
)
async def test_whoever_waits_is_skipped_with_the_batch_and_the_campaign_is_completed_with_its_last(
    run: Run, scheduled_end: datetime | None, reason: SkipReason, waiting: ContactStatus
) -> None:
    world = an_hour_later(IN_PROGRESS, scheduled_end=scheduled_end)
    world.tables.contacts[CONTACT_ID] = a_contact(status=waiting)

    await run(world)

    skipped = {"status": ContactStatus.SKIPPED, "skip_reason": reason, "updated_at": LATER}
    assert world.contact == a_contact(**skipped)
    campaign = next(iter(world.tables.campaigns.values()))
    assert campaign == a_campaign(status=CampaignStatus.COMPLETED, updated_at=LATER)


@pytest.mark.parametrize(
    ("run", "scheduled_end", "dispatched"),
    [
        pytest.param(acting(Action.CANCEL), None, ContactStatus.SKIPPED, id="cancel skips who is set up"),
        pytest.param(expire, LATER, ContactStatus.DISPATCHED, id="expiry lets them go on"),
    ],
)
async def test_whoever_talks_when_the_batch_ends_goes_on_talking(
    run: Run, scheduled_end: datetime | None, dispatched: ContactStatus
) -> None:
    world = an_hour_later(IN_PROGRESS, scheduled_end=scheduled_end)
    world.add(2, ContactStatus.DISPATCHED)
    world.add(3, ContactStatus.IN_PROGRESS)

    await run(world)

    stand = [each.status for each in world.tables.contacts_of(BATCH_ID)]
    assert stand == [ContactStatus.SKIPPED, dispatched, ContactStatus.IN_PROGRESS]


@pytest.mark.parametrize(
    ("contact", "batch", "is_over", "after"),
    [
        pytest.param(ContactStatus.COMPLETED, PENDING, True, COMPLETED, id="all are done before the start"),
        pytest.param(ContactStatus.COMPLETED, IN_PROGRESS, True, COMPLETED, id="all are done"),
        pytest.param(ContactStatus.SKIPPED, PAUSED, True, COMPLETED, id="all are done during a pause"),
        pytest.param(ContactStatus.RETRYING, IN_PROGRESS, False, IN_PROGRESS, id="one waits"),
        pytest.param(
            ContactStatus.FOLLOWUP_SCHEDULED, IN_PROGRESS, False, IN_PROGRESS, id="one is to be called again"
        ),
        pytest.param(ContactStatus.DISPATCHED, IN_PROGRESS, False, IN_PROGRESS, id="one is called"),
        pytest.param(ContactStatus.IN_PROGRESS, CANCELLED, True, CANCELLED, id="cancelled while one talks"),
        pytest.param(ContactStatus.DISPATCHED, EXPIRED, True, EXPIRED, id="expired while one is called"),
    ],
)
async def test_batch_is_completed_when_nobody_is_left_to_call(
    contact: ContactStatus, batch: BatchStatus, is_over: bool, after: BatchStatus
) -> None:
    standing = a_batch(status=batch)
    world = World(a_dial_brief(contact=a_contact(status=contact), batch=standing))

    finished = await finish(world)

    assert finished == FinishedBatch(is_over=is_over)
    assert replace(world.tables.batches[BATCH_ID], counters=standing.counters) == replace(
        standing, status=after
    )
