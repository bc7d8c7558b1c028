"""Batches never started, and changes never signalled, are found again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from temporalio.testing import ActivityEnvironment

from activities import housekeeping
from activities.housekeeping import ANNOUNCED_WITHIN, AT_ONCE, HousekeepingActivities, HousekeepingTerm
from domain.batch import Batch, BatchStatus
from domain.campaign import CampaignRules
from domain.errors import EngineUnavailable
from domain.identity import BatchId, CampaignId
from domain.redial import RedialPolicy
from tests import fakes
from tests.builders import ORGANIZATION, a_campaign_rules, a_new_batch, a_new_contact
from tests.workflows.world import until

A_MOMENT = ANNOUNCED_WITHIN + timedelta(seconds=1)


@dataclass
class Engine(fakes.FakeEngine):
    """Refuses some batches, and knows how much is asked of it at once."""

    refused: set[BatchId] = field(default_factory=set)
    under_way: int = 0
    most_under_way: int = 0

    async def start_batch(self, batch: Batch) -> None:
        await self._take(batch.batch_id)
        await super().start_batch(batch)

    async def policy_changed(self, batch_id: BatchId, **changed: object) -> None:
        await self._take(batch_id)
        await super().policy_changed(batch_id)

    async def _take(self, batch_id: BatchId) -> None:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        if batch_id in self.refused:
            raise EngineUnavailable


class Deployment:
    """Some batches, and who looks after them."""

    def __init__(self) -> None:
        self.tables = fakes.Tables()
        self.engine = Engine()
        self.clock = fakes.FakeClock()
        self.campaigns = fakes.FakeCampaignStore(self.tables)
        self.activities = HousekeepingActivities(
            fakes.FakeBatchStore(self.tables),
            fakes.FakeRescheduleStore(self.tables),
            self.engine,
            self.clock,
        )

    async def a_campaign(self) -> CampaignId:
        """Store a campaign."""
        return (await self.campaigns.create(ORGANIZATION, a_campaign_rules(), self.clock())).campaign_id

    async def batches(self, count: int = 1, *, campaign_id: CampaignId | None = None) -> list[BatchId]:
        """Store so many batches, none of which is started."""
        campaign_id = campaign_id or await self.a_campaign()
        new = a_new_batch(campaign_id=campaign_id)
        store = fakes.FakeBatchStore(self.tables)
        stored = [await store.create(new, [a_new_contact(1)], self.clock()) for _ in range(count)]
        return [each.batch_id for each in stored]

    async def change(self, campaign_id: CampaignId) -> None:
        """Change rules that move contacts; the process dies before it signals that."""

        def longer(rules: CampaignRules) -> CampaignRules:
            return replace(rules, retry_policy=RedialPolicy(cooldown=timedelta(hours=1)))

        await self.campaigns.change(ORGANIZATION, campaign_id, longer, self.clock())


@pytest.fixture
def deployment() -> Deployment:
    return Deployment()


async def test_batch_left_behind_is_started_once_and_noted(deployment: Deployment) -> None:
    [batch_id] = await deployment.batches()

    assert await deployment.activities.start_unstarted() == 1
    assert await deployment.activities.start_unstarted() == 0
    assert list(deployment.engine.started) == [batch_id]
    assert deployment.tables.started_at == {batch_id: deployment.clock()}


async def test_batch_of_a_process_whose_clock_runs_ahead_is_started_all_the_same(
    deployment: Deployment,
) -> None:
    deployment.clock.pass_time(timedelta(hours=1))
    await deployment.batches()
    deployment.clock.pass_time(timedelta(hours=-1))

    assert await deployment.activities.start_unstarted() == 1


@pytest.mark.parametrize("status", [BatchStatus.CANCELLED, BatchStatus.EXPIRED])
async def test_batch_that_is_over_is_not_started(deployment: Deployment, status: BatchStatus) -> None:
    [batch_id] = await deployment.batches()
    over = replace(deployment.tables.batches[batch_id], status=status)
    deployment.tables.batches[batch_id] = over

    assert await deployment.activities.start_unstarted() == 0


async def test_batch_is_kept_for_later_while_temporal_is_down(deployment: Deployment) -> None:
    await deployment.batches()
    deployment.engine.is_down = True
    with pytest.raises(EngineUnavailable):
        await deployment.activities.start_unstarted()
    deployment.engine.is_down = False

    assert await deployment.activities.start_unstarted() == 1


async def test_starts_that_fail_hold_up_no_other_however_many_they_are(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "PAGE", 3)
    batch_ids = sorted(await deployment.batches(10))
    deployment.engine.refused = set(batch_ids[:9])

    assert await deployment.activities.start_unstarted() == 1
    assert list(deployment.engine.started) == batch_ids[9:]


async def test_batch_that_is_gone_holds_up_no_other(deployment: Deployment) -> None:
    [gone] = await deployment.batches()
    [other] = await deployment.batches()
    deployment.tables.deleted.add(deployment.tables.batches[gone].campaign_id)

    assert await deployment.activities.start_unstarted() == 1
    assert list(deployment.engine.started) == [other]


async def test_only_a_few_starts_are_under_way_at_once(deployment: Deployment) -> None:
    await deployment.batches(3 * AT_ONCE)

    assert await deployment.activities.start_unstarted() == 3 * AT_ONCE
    assert deployment.engine.most_under_way == AT_ONCE


async def test_change_that_was_stored_and_not_signalled_is_signalled_once(deployment: Deployment) -> None:
    campaign_id = await deployment.a_campaign()
    batch_ids = await deployment.batches(3, campaign_id=campaign_id)
    await deployment.change(campaign_id)
    deployment.clock.pass_time(A_MOMENT)

    assert await deployment.activities.announce_rules() == 1
    assert await deployment.activities.announce_rules() == 0
    assert sorted(deployment.engine.policy_changes) == sorted(batch_ids)


async def test_change_still_in_the_hands_of_its_request_is_left_to_it(deployment: Deployment) -> None:
    campaign_id = await deployment.a_campaign()
    await deployment.batches(campaign_id=campaign_id)
    await deployment.change(campaign_id)

    assert await deployment.activities.announce_rules() == 0
    assert deployment.engine.policy_changes == []


async def test_change_is_not_done_with_before_every_batch_was_signalled(deployment: Deployment) -> None:
    campaign_id = await deployment.a_campaign()
    deaf, other = await deployment.batches(2, campaign_id=campaign_id)
    await deployment.change(campaign_id)
    deployment.clock.pass_time(A_MOMENT)
    deployment.engine.refused = {deaf}

    assert await deployment.activities.announce_rules() == 0
    deployment.engine.refused = set()
    assert await deployment.activities.announce_rules() == 1

    assert deployment.engine.policy_changes == [other, deaf, other]


async def test_changed_campaign_without_unfinished_batches_is_soon_forgotten(deployment: Deployment) -> None:
    await deployment.change(await deployment.a_campaign())
    deployment.clock.pass_time(A_MOMENT)

    assert await deployment.activities.announce_rules() == 1
    assert await deployment.activities.announce_rules() == 0


Job = Callable[[HousekeepingActivities], Callable[[HousekeepingTerm], Awaitable[None]]]
JOBS: Sequence[Job] = (lambda each: each.start_batches, lambda each: each.signal_changed_rules)


@pytest.mark.parametrize("job", JOBS, ids=["start_batches", "signal_changed_rules"])
@pytest.mark.parametrize("down", ["temporal", "database"])
async def test_outage_is_survived_and_is_one_line(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, job: Job, down: str
) -> None:
    for name in ("FIRST_PAUSE", "LONGEST_PAUSE", "START_EVERY", "ANNOUNCE_EVERY"):
        monkeypatch.setattr(housekeeping, name, timedelta(milliseconds=2))
    campaign_id = await deployment.a_campaign()
    [batch_id] = await deployment.batches(campaign_id=campaign_id)
    await deployment.change(campaign_id)
    deployment.clock.pass_time(A_MOMENT)
    deployment.engine.is_down = down == "temporal"
    deployment.tables.is_down = down == "database"

    with capture_logs() as logs:
        term = HousekeepingTerm(timedelta(hours=1))
        running = asyncio.ensure_future(ActivityEnvironment().run(job(deployment.activities), term))
        await until(lambda: bool(logs))
        await asyncio.sleep(0.03)
        deployment.engine.is_down = deployment.tables.is_down = False
        await until(lambda: bool(deployment.engine.started or deployment.engine.policy_changes))
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    assert [*deployment.engine.started, *deployment.engine.policy_changes] == [batch_id]
    assert [each["event"] for each in logs if each["log_level"] == "warning"] == ["housekeeping failed"]


async def test_contacts_that_were_added_and_not_signalled_are_signalled_once_within_seconds(
    deployment: Deployment,
) -> None:
    [batch_id, _] = await deployment.batches(2)
    store = fakes.FakeBatchStore(deployment.tables)
    await store.append(ORGANIZATION, batch_id, [a_new_contact(2)], deployment.clock())

    assert await deployment.activities.rouse_batches() == 0
    deployment.clock.pass_time(A_MOMENT)
    assert await deployment.activities.rouse_batches() == 1
    assert await deployment.activities.rouse_batches() == 0
    assert deployment.engine.policy_changes == [batch_id]


async def test_resting_batch_that_could_not_be_signalled_is_signalled_next_time(
    deployment: Deployment,
) -> None:
    batch_ids = sorted(await deployment.batches(2))
    store = fakes.FakeBatchStore(deployment.tables)
    for each in batch_ids:
        await store.append(ORGANIZATION, each, [a_new_contact(2)], deployment.clock())
    deployment.clock.pass_time(A_MOMENT)
    deployment.engine.refused = {batch_ids[0]}

    assert await deployment.activities.rouse_batches() == 1
    deployment.engine.refused = set()
    assert await deployment.activities.rouse_batches() == 1
    assert deployment.engine.policy_changes == [batch_ids[1], batch_ids[0]]
