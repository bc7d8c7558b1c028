"""Every gate right before the dial."""

import pytest

from domain.batch import BatchStatus
from domain.campaign import CampaignStatus
from domain.contact import ContactStatus
from domain.gates import Gate, GateFacts, closed_gate


def facts(
    campaign: CampaignStatus = CampaignStatus.ACTIVE,
    batch: BatchStatus = BatchStatus.IN_PROGRESS,
    contact: ContactStatus = ContactStatus.PENDING,
) -> GateFacts:
    return GateFacts(campaign_status=campaign, batch_status=batch, contact_status=contact)


@pytest.mark.parametrize(
    ("status", "gate"),
    [
        (BatchStatus.IN_PROGRESS, None),
        (BatchStatus.PENDING, Gate.BATCH_HELD),
        (BatchStatus.PAUSED, Gate.BATCH_HELD),
        (BatchStatus.COMPLETED, Gate.BATCH_OVER),
        (BatchStatus.CANCELLED, Gate.BATCH_OVER),
        (BatchStatus.EXPIRED, Gate.BATCH_OVER),
    ],
)
def test_only_a_running_batch_dials(status: BatchStatus, gate: Gate | None) -> None:
    assert closed_gate(facts(batch=status)) is gate


@pytest.mark.parametrize(
    ("status", "gate"),
    [
        (CampaignStatus.ACTIVE, None),
        (CampaignStatus.PAUSED, Gate.BATCH_HELD),
        (CampaignStatus.CANCELLED, Gate.BATCH_OVER),
    ],
)
def test_a_held_or_cancelled_campaign_does_not_dial(status: CampaignStatus, gate: Gate | None) -> None:
    assert closed_gate(facts(campaign=status)) is gate


@pytest.mark.parametrize("status", list(ContactStatus))
def test_only_a_waiting_contact_or_one_being_set_up_is_dialled(status: ContactStatus) -> None:
    dialled = {"pending", "retrying", "followup_scheduled", "dispatched"}

    assert closed_gate(facts(contact=status)) is (None if status.value in dialled else Gate.CONTACT_CLOSED)


@pytest.mark.parametrize(
    ("read", "gate"),
    [
        pytest.param(
            facts(CampaignStatus.CANCELLED, BatchStatus.PAUSED, ContactStatus.SKIPPED),
            Gate.BATCH_OVER,
            id="cancelled campaign before paused batch",
        ),
        pytest.param(
            facts(CampaignStatus.PAUSED, BatchStatus.EXPIRED, ContactStatus.SKIPPED),
            Gate.BATCH_OVER,
            id="ended batch before paused campaign",
        ),
        pytest.param(
            facts(CampaignStatus.PAUSED, BatchStatus.IN_PROGRESS, ContactStatus.SKIPPED),
            Gate.BATCH_HELD,
            id="paused campaign before closed contact",
        ),
        pytest.param(
            facts(CampaignStatus.ACTIVE, BatchStatus.PAUSED, ContactStatus.SKIPPED),
            Gate.BATCH_HELD,
            id="paused batch before closed contact",
        ),
    ],
)
def test_of_several_closed_gates_the_one_that_stays_closed_longest_is_named(
    read: GateFacts, gate: Gate
) -> None:
    assert closed_gate(read) is gate
