"""What a campaign's workflow learns of the batches that share its slots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from temporalio.testing import ActivityEnvironment

from activities.campaign_messages import (
    AskCampaign,
    LoadCampaign,
    LoadedCampaign,
    LookAtHolders,
)
from activities.campaigns import CampaignActivities
from domain.batch import Batch, BatchStatus
from domain.campaign import CONCURRENCY_KEY
from domain.contact import ContactStatus
from domain.identity import BatchId, CampaignId
from domain.leases import LeaseHolder, SlotsNeeded
from domain.ports import BatchRun
from tests.builders import BATCH_ID, CAMPAIGN_ID, a_batch, a_campaign, a_campaign_rules, a_contact
from tests.fakes import FakeCapacityStore, Tables

RUNS = BatchRun(is_running=True, has_run=True)


@dataclass
class FakeRuns:
    """Implements CapacityDirectory: workflows as a test sets them, and what campaigns were asked."""

    runs: dict[BatchId, BatchRun] = field(default_factory=dict)
    asked: list[tuple[CampaignId, str, SlotsNeeded]] = field(default_factory=list)

    async def ask_campaign(self, campaign_id: CampaignId, organization_id: str, needed: SlotsNeeded) -> None:
        """Keep what was asked."""
        self.asked.append((campaign_id, organization_id, needed))

    async def batch_runs(self, batch_ids: Sequence[BatchId]) -> Mapping[BatchId, BatchRun]:
        """Return what was set."""
        return {each: self.runs[each] for each in batch_ids}


def a_house(live: int = 0, status: BatchStatus = BatchStatus.IN_PROGRESS) -> tuple[Tables, Batch]:
    """Return a campaign with a cap of 15 and one batch, of which so many contacts are live."""
    tables, batch = Tables(), a_batch(status=status)
    rules = a_campaign_rules(metadata={CONCURRENCY_KEY: 15})
    tables.campaigns[CAMPAIGN_ID] = a_campaign(rules=rules)
    tables.batches[BATCH_ID] = batch
    for number in range(live):
        contact = a_contact(contact_id=f"con_{number}", position=number + 1, status=ContactStatus.DISPATCHED)
        tables.contacts[contact.contact_id] = contact
    return tables, batch


def activities(tables: Tables, runs: FakeRuns | None = None) -> CampaignActivities:
    return CampaignActivities(FakeCapacityStore(tables), runs or FakeRuns())


@pytest.mark.parametrize(
    ("with_batches", "under_way"),
    [pytest.param(True, [BATCH_ID], id="asked for"), pytest.param(False, [], id="not asked for")],
)
async def test_campaign_is_loaded_with_its_limit_and_with_who_is_under_way(
    with_batches: bool, under_way: list[BatchId]
) -> None:
    tables, _ = a_house()
    load = activities(tables).load_campaign

    loaded = await ActivityEnvironment().run(load, LoadCampaign(CAMPAIGN_ID, with_batches))

    assert loaded == LoadedCampaign(concurrency_limit=15, batches=list(under_way))


@pytest.mark.parametrize(
    ("run", "status", "seen"),
    [
        pytest.param(
            RUNS, BatchStatus.IN_PROGRESS, LeaseHolder(batch_id=BATCH_ID, live=2), id="its workflow runs"
        ),
        pytest.param(
            BatchRun(is_running=False, has_run=True, dispatched=5),
            BatchStatus.IN_PROGRESS,
            LeaseHolder(batch_id=BATCH_ID, live=5, is_running=False),
            id="ended with three about to be called",
        ),
        pytest.param(
            BatchRun(is_running=False, has_run=True),
            BatchStatus.COMPLETED,
            LeaseHolder(batch_id=BATCH_ID, live=2, is_running=False, is_over=True),
            id="over",
        ),
        pytest.param(
            BatchRun(is_running=False, has_run=False),
            BatchStatus.IN_PROGRESS,
            LeaseHolder(batch_id=BATCH_ID, live=2, is_running=False, is_over=True),
            id="never run",
        ),
    ],
)
async def test_holder_is_seen_with_everybody_who_is_called_or_about_to_be(
    run: BatchRun, status: BatchStatus, seen: LeaseHolder
) -> None:
    tables, _ = a_house(live=2, status=status)
    look = activities(tables, FakeRuns({BATCH_ID: run})).look_at_holders

    answer = await ActivityEnvironment().run(look, LookAtHolders([BATCH_ID]))

    assert answer.holders == [seen]


async def test_needs_are_handed_to_the_campaigns_workflow() -> None:
    tables, batch = a_house()
    runs, needed = FakeRuns(), SlotsNeeded(BATCH_ID, serial=0, wants=10, holds=0, campaign_limit=15)
    ask = AskCampaign(campaign_id=CAMPAIGN_ID, organization_id=batch.organization_id, needed=needed)

    await ActivityEnvironment().run(activities(tables, runs).ask_campaign, ask)

    assert runs.asked == [(CAMPAIGN_ID, batch.organization_id, needed)]
