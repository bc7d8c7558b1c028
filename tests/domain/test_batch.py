"""How a batch begins, and which rules hold for it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.batch import (
    BatchOverrides,
    BatchStatus,
    PausedBy,
    caller_ids_in_force,
    calling_hours_in_force,
    concurrency_in_force,
    concurrency_shown,
    redial_policy_in_force,
    status_of_new_batch,
)
from domain.caller_id import CallerIds, CallerIdStrategy
from domain.campaign import CampaignRules, CampaignStatus
from domain.redial import RedialPolicy

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CAMPAIGN = CampaignRules(name="Check-ups", agent_id="agent_care", phone_numbers=("+14155550180",))


def capped(limit: int) -> CampaignRules:
    return CampaignRules(
        name="Check-ups",
        agent_id="agent_care",
        phone_numbers=("+14155550180",),
        metadata={"concurrency_limit": limit},
    )


@pytest.mark.parametrize(
    ("campaign", "start", "expected"),
    [
        pytest.param(CampaignStatus.ACTIVE, None, (BatchStatus.IN_PROGRESS, None), id="at once"),
        pytest.param(CampaignStatus.DRAFT, NOW, (BatchStatus.IN_PROGRESS, None), id="now is not ahead"),
        pytest.param(
            CampaignStatus.ACTIVE,
            NOW + timedelta(seconds=1),
            (BatchStatus.PENDING, None),
            id="a second ahead",
        ),
        pytest.param(
            CampaignStatus.COMPLETED, NOW - timedelta(days=1), (BatchStatus.IN_PROGRESS, None), id="past"
        ),
        pytest.param(
            CampaignStatus.PAUSED,
            NOW + timedelta(days=1),
            (BatchStatus.PAUSED, PausedBy.CAMPAIGN),
            id="held with its campaign",
        ),
    ],
)
def test_how_a_batch_begins(
    campaign: CampaignStatus, start: datetime | None, expected: tuple[BatchStatus, PausedBy | None]
) -> None:
    assert status_of_new_batch(campaign, start, NOW) == expected


@pytest.mark.parametrize(
    ("own", "campaign", "shown", "in_force"),
    [
        pytest.param(None, CAMPAIGN, 10, 10, id="nobody decided"),
        pytest.param(5, CAMPAIGN, 5, 5, id="its own"),
        pytest.param(None, capped(20), 20, 20, id="inherited"),
        pytest.param(50, capped(20), 50, 20, id="the campaign's cap holds above its own"),
    ],
)
def test_concurrency_limit(own: int | None, campaign: CampaignRules, shown: int, in_force: int) -> None:
    assert (concurrency_shown(own, campaign), concurrency_in_force(own, campaign)) == (shown, in_force)


@pytest.mark.parametrize(
    ("overrides", "retries"),
    [
        pytest.param(BatchOverrides(), 3, id="the campaign's"),
        pytest.param(BatchOverrides(retry_policy=RedialPolicy(max_retries=7)), 7, id="the batch's policy"),
        pytest.param(
            BatchOverrides(retry_policy=RedialPolicy(max_retries=7), max_retries_override=0),
            0,
            id="the override wins, zero too",
        ),
    ],
)
def test_number_of_retries_in_force(overrides: BatchOverrides, retries: int) -> None:
    assert redial_policy_in_force(overrides, CAMPAIGN)[1] == retries


def test_batch_shows_its_own_numbers_in_its_own_way() -> None:
    own = BatchOverrides(phone_numbers=("+14155550199",), phone_number_strategy=CallerIdStrategy.LEAST_LOADED)

    assert caller_ids_in_force(own, CAMPAIGN) == CallerIds(
        strategy=CallerIdStrategy.LEAST_LOADED, numbers=("+14155550199",), are_own=True
    )
    assert caller_ids_in_force(BatchOverrides(), replace(CAMPAIGN, sticky_caller_id=True)) == CallerIds(
        strategy=CallerIdStrategy.ROUND_ROBIN, numbers=("+14155550180",), is_sticky=True
    )


def test_batch_with_a_strategy_alone_shares_the_turns_of_its_campaigns_numbers() -> None:
    own = BatchOverrides(phone_number_strategy=CallerIdStrategy.RANDOM)

    assert caller_ids_in_force(own, CAMPAIGN) == CallerIds(
        strategy=CallerIdStrategy.RANDOM, numbers=("+14155550180",)
    )


@pytest.mark.parametrize(
    ("contact", "batch", "zone"),
    [
        ("Asia/Kolkata", "Europe/Paris", "Asia/Kolkata"),
        (None, "Europe/Paris", "Europe/Paris"),
        (None, None, "UTC"),
    ],
)
def test_zone_of_the_contact_then_of_the_batch_then_of_the_campaign(
    contact: str | None, batch: str | None, zone: str
) -> None:
    assert calling_hours_in_force(BatchOverrides(timezone=batch), CAMPAIGN, contact).timezone == zone


def test_batch_may_switch_the_hours_off_that_its_campaign_enforces() -> None:
    strict = CampaignRules(
        name="Check-ups", agent_id="a", phone_numbers=("+14155550180",), working_hours_enforced=True
    )

    assert calling_hours_in_force(BatchOverrides(), strict, None).enforced
    assert not calling_hours_in_force(BatchOverrides(working_hours_enforced=False), strict, None).enforced
