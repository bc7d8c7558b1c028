"""Changed rules are followed to their end, off the request, however often it breaks off."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from api.campaigns.rescheduling import SETTLED_AFTER, Rescheduler, follow_change
from domain.call import CallStatus
from domain.campaign import CampaignRules
from domain.contact import Contact, ContactStatus
from domain.errors import EngineUnavailable
from domain.identity import BatchId, CampaignId, ExecutionId
from domain.ports import OutdatedCampaign, RescheduledPage
from domain.redial import RedialPolicy
from tests.api.house import ORGANIZATION, House
from tests.api.scene import Scene, a_scene
from tests.fakes import FakeRescheduleStore

HOUR = timedelta(hours=1)


def _longer(rules: CampaignRules) -> CampaignRules:
    return replace(rules, retry_policy=RedialPolicy(cooldown=HOUR))


async def _busy_scene(house: House) -> Scene:
    """Everybody of the batch was busy at noon and waits half an hour."""
    scene = await a_scene(house)
    for contact in house.tables.contacts_of(scene.batch_id)[1:]:
        call = next(iter(house.tables.calls.values()))
        mine = replace(
            call, execution_id=ExecutionId(f"exec_{contact.position}"), contact_id=contact.contact_id
        )
        house.tables.calls[mine.execution_id] = mine
    for call in list(house.tables.calls.values()):
        ended = replace(call, call_status=CallStatus.BUSY, ended_at=house.clock())
        house.tables.calls[call.execution_id] = ended
    for contact in house.tables.contacts_of(scene.batch_id):
        _wait_again(house, contact)
    return scene


def _wait_again(house: House, contact: Contact) -> None:
    """Settle a contact by the rules that held at noon."""
    (ended_at,) = {each.ended_at for each in house.tables.calls.values()}
    assert ended_at is not None
    house.tables.contacts[contact.contact_id] = replace(
        contact, status=ContactStatus.RETRYING, next_retry_at=ended_at + HOUR / 2
    )


async def _change(house: House, scene: Scene) -> Sequence[BatchId]:
    _, batches = await house.parts.campaigns.change(ORGANIZATION, scene.campaign_id, _longer, house.clock())
    return batches


def _waits(house: House, scene: Scene) -> list[timedelta]:
    return [
        each.next_retry_at - house.clock()
        for each in house.tables.contacts_of(scene.batch_id)
        if each.next_retry_at is not None
    ]


async def test_change_is_followed_off_the_request_too(house: House) -> None:
    scene = await _busy_scene(house)
    await _change(house, scene)

    assert await Rescheduler(house.parts).follow_all() == 3

    assert _waits(house, scene) == [HOUR] * 3
    assert house.engine.policy_changes == [scene.batch_id]


async def test_batch_hears_since_when_its_sleepers_were_moved_so_that_it_can_tell_them(
    house: House,
) -> None:
    scene = await _busy_scene(house)
    house.clock.pass_time(timedelta(minutes=1))

    await follow_change(house.parts, await _change(house, scene))

    assert house.engine.reschedules == [(scene.batch_id, house.clock())]
    moved = house.tables.contacts_of(scene.batch_id)
    assert {each.updated_at for each in moved} == {house.clock()}


async def test_batch_whose_sleepers_stay_where_they_were_is_told_of_no_move(house: House) -> None:
    scene = await _busy_scene(house)

    await follow_change(house.parts, [scene.batch_id])

    assert (house.engine.policy_changes, house.engine.reschedules) == ([scene.batch_id], [])


async def test_sleepers_moved_off_the_request_are_told_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.campaigns.rescheduling.CONTACTS_AT_ONCE", 2)
    scene = await _busy_scene(house)
    await follow_change(house.parts, await _change(house, scene))
    house.clock.pass_time(timedelta(seconds=5))

    await Rescheduler(house.parts).follow_all()

    later = house.clock()
    assert house.engine.reschedules == [
        (scene.batch_id, later - timedelta(seconds=5)),
        (scene.batch_id, later),
    ]


async def test_sleepers_whose_news_was_lost_are_told_again_once_the_change_is_settled(house: House) -> None:
    scene = await _busy_scene(house)
    rescheduler = Rescheduler(house.parts)
    changed_at = house.clock()
    house.engine.is_down = True
    await follow_change(house.parts, await _change(house, scene))
    house.engine.is_down = False

    await rescheduler.follow_all()
    assert house.engine.reschedules == []
    house.clock.pass_time(SETTLED_AFTER)
    await rescheduler.follow_all()
    await rescheduler.follow_all()

    assert house.engine.reschedules == [(scene.batch_id, changed_at)]


async def test_large_batches_are_followed_in_pages_and_the_request_does_only_the_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.campaigns.rescheduling.CONTACTS_AT_ONCE", 2)
    scene = await _busy_scene(house)

    await follow_change(house.parts, await _change(house, scene))

    assert _waits(house, scene) == [HOUR, HOUR, HOUR / 2]
    assert await Rescheduler(house.parts).follow_all() == 1
    assert _waits(house, scene) == [HOUR] * 3


async def test_contact_settled_by_the_old_rules_after_the_change_is_found_once_these_are_past(
    house: House,
) -> None:
    scene = await _busy_scene(house)
    rescheduler = Rescheduler(house.parts)
    await _change(house, scene)
    await rescheduler.follow_all()
    late = house.tables.contacts_of(scene.batch_id)[0]
    _wait_again(house, late)

    assert await rescheduler.follow_all() == 0
    house.clock.pass_time(SETTLED_AFTER)
    assert await rescheduler.follow_all() == 1

    assert house.tables.contacts[late.contact_id].next_retry_at == house.clock() + HOUR - SETTLED_AFTER
    assert await house.parts.reschedules.outdated(9) == []
    assert await rescheduler.follow_all() == 0


async def test_change_is_not_forgotten_before_every_batch_was_told(house: House) -> None:
    scene = await _busy_scene(house)
    rescheduler = Rescheduler(house.parts)
    await _change(house, scene)
    house.clock.pass_time(SETTLED_AFTER)
    house.engine.is_down = True

    with pytest.raises(EngineUnavailable):
        await rescheduler.follow_all()

    house.engine.is_down = False
    await rescheduler.follow_all()
    assert house.engine.policy_changes == [scene.batch_id]
    assert house.tables.recomputed_versions == {scene.campaign_id: 2}


async def test_newer_change_is_followed_although_the_older_one_was(house: House) -> None:
    scene = await _busy_scene(house)
    rescheduler = Rescheduler(house.parts)
    await _change(house, scene)
    await rescheduler.follow_all()

    def shorter(rules: CampaignRules) -> CampaignRules:
        return replace(rules, retry_policy=RedialPolicy(cooldown=HOUR / 4))

    await house.parts.campaigns.change(ORGANIZATION, scene.campaign_id, shorter, house.clock())

    assert await rescheduler.follow_all() == 3
    assert _waits(house, scene) == [HOUR / 4] * 3


async def test_change_of_a_campaign_without_unfinished_batches_is_soon_forgotten(house: House) -> None:
    campaign_id = CampaignId((await house.create_campaign())["campaign_id"])
    await house.parts.campaigns.change(ORGANIZATION, campaign_id, _longer, house.clock())
    house.clock.pass_time(SETTLED_AFTER)

    assert await Rescheduler(house.parts).follow_all() == 0
    assert await house.parts.reschedules.outdated(9) == []


class _Signs(FakeRescheduleStore):
    """Tells when it was asked."""

    def __init__(self, house: House) -> None:
        super().__init__(house.tables)
        self.asked, self.timed = asyncio.Event(), asyncio.Event()

    async def outdated(self, limit: int) -> Sequence[OutdatedCampaign]:
        """Say that somebody asks."""
        self.asked.set()
        return await super().outdated(limit)

    async def reschedule(
        self,
        batch_id: BatchId,
        after_position: int,
        limit: int,
        now: datetime,
        *,
        quiet_after_unknown: timedelta = timedelta(),
    ) -> RescheduledPage:
        """Say that somebody was timed."""
        page = await super().reschedule(
            batch_id, after_position, limit, now, quiet_after_unknown=quiet_after_unknown
        )
        self.timed.set()
        return page


async def test_loop_survives_a_database_that_fails_and_goes_on(house: House) -> None:
    scene = await _busy_scene(house)
    await _change(house, scene)
    store = _Signs(house)
    parts = replace(house.parts, reschedules=store)
    house.tables.is_down = True
    with capture_logs() as logs:
        loop = asyncio.create_task(Rescheduler(parts).keep_following(timedelta(milliseconds=1)))
        async with asyncio.timeout(5):
            await store.asked.wait()
            house.tables.is_down = False
            await store.timed.wait()
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)

    assert _waits(house, scene) == [HOUR] * 3
    assert logs[0] == {
        "event": "following changed rules failed",
        "log_level": "warning",
        "failure": "StoreUnavailable",
    }
