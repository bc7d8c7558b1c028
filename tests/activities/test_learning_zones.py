"""The housekeeping learns zones of numbers, and has batches look again."""

import pytest

from activities import number_zones
from domain.campaign import CampaignRules
from domain.identity import BatchId
from domain.zones import FROM_NUMBER
from tests import fakes
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign_rules, a_new_batch, a_new_contact

ASKING = a_campaign_rules(timezone=FROM_NUMBER, fallback_timezone="Asia/Tokyo")


class Deployment:
    """Some batches, and who learns the zones of their numbers."""

    def __init__(self) -> None:
        self.tables = fakes.Tables()
        self.engine = fakes.FakeEngine()
        self.store = fakes.FakeNumberZoneStore(self.tables)
        self.activities = number_zones.NumberZoneActivities(self.store, self.engine)

    async def a_batch(self, rules: CampaignRules, people: int) -> BatchId:
        campaign = await fakes.FakeCampaignStore(self.tables).create(ORGANIZATION, rules, MONDAY_NOON)
        new = a_new_batch(campaign_id=campaign.campaign_id)
        uploaded = [a_new_contact(5_550_100 + number) for number in range(people)]
        return (await fakes.FakeBatchStore(self.tables).create(new, uploaded, MONDAY_NOON)).batch_id

    def zones(self, batch_id: BatchId) -> set[tuple[str, ...] | None]:
        return {each.number_timezones for each in self.tables.contacts_of(batch_id)}


async def test_all_numbers_of_a_batch_are_learnt_stretch_by_stretch_and_it_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(number_zones, "CONTACTS_AT_ONCE", 2)
    deployment = Deployment()
    batch_id = await deployment.a_batch(ASKING, people=5)

    assert await deployment.activities.learn_all() == 1

    assert deployment.zones(batch_id) == {("America/Los_Angeles",)}
    assert deployment.engine.policy_changes == [batch_id]


async def test_batches_that_ask_for_no_zones_are_left_alone() -> None:
    deployment = Deployment()
    batch_id = await deployment.a_batch(a_campaign_rules(), people=2)

    assert await deployment.activities.learn_all() == 0

    assert deployment.zones(batch_id) == {None}
    assert deployment.engine.policy_changes == []


async def test_what_is_learnt_is_not_learnt_again() -> None:
    deployment = Deployment()
    batch_id = await deployment.a_batch(ASKING, people=2)
    await deployment.activities.learn_all()

    assert await deployment.activities.learn_all() == 0

    assert deployment.engine.policy_changes == [batch_id]


async def test_batch_that_cannot_be_told_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = Deployment()
    ill, well = [await deployment.a_batch(ASKING, people=1) for _ in range(2)]
    tell = deployment.engine.policy_changed

    async def refuse(batch_id: BatchId) -> None:
        if batch_id == ill:
            raise AssertionError("too many signals")
        await tell(batch_id)

    monkeypatch.setattr(deployment.engine, "policy_changed", refuse)

    assert await deployment.activities.learn_all() == 1

    assert deployment.engine.policy_changes == [well]
    assert deployment.zones(ill) == {("America/Los_Angeles",)}
