"""Answers of the endpoints that move a campaign, a batch or a contact along its life."""

from typing import Literal

from pydantic import ConfigDict, Field

from api.http.wire import RequestedTime, WireInput, WireOutput, WireTime
from domain.batch import Batch, BatchStatus
from domain.campaign import Campaign, CampaignStatus
from domain.contact import ContactStatus, SkipReason
from domain.identity import BatchId, CampaignId, ContactId
from domain.lifecycle import Action

_DONE = {
    Action.PAUSE: "paused successfully",
    Action.RESUME: "resumed successfully",
    Action.CANCEL: "cancelled successfully",
}


class CampaignActed(WireOutput):
    """Where an action left a campaign; one that changed nothing answers alike."""

    campaign_id: CampaignId = Field(examples=["cmp_01k2v7"])
    status: CampaignStatus
    message: str = Field(examples=["Campaign paused successfully"])

    @classmethod
    def of(cls, campaign: Campaign, action: Action) -> "CampaignActed":
        """Tell the outcome as clients read it."""
        return cls(
            campaign_id=campaign.campaign_id, status=campaign.status, message=f"Campaign {_DONE[action]}"
        )


class BatchActed(WireOutput):
    """Where an action left a batch; one that changed nothing answers alike."""

    batch_id: BatchId = Field(examples=["btc_01k2w1"])
    status: BatchStatus
    message: str = Field(examples=["Batch paused successfully"])

    @classmethod
    def of(cls, batch: Batch, action: Action) -> "BatchActed":
        """Tell the outcome as clients read it."""
        return cls(batch_id=batch.batch_id, status=batch.status, message=f"Batch {_DONE[action]}")


class BatchDispatched(WireOutput):
    """A batch that was handed to calling again."""

    batch_id: BatchId = Field(examples=["btc_01k2w1"])
    status: BatchStatus
    dispatched_count: int = Field(description="Contacts in `pending`.", examples=[12])
    message: Literal["Batch dispatch re-triggered successfully"] = "Batch dispatch re-triggered successfully"


class ContactSkipped(WireOutput):
    """A contact that will not be called (again)."""

    batch_id: BatchId = Field(examples=["btc_01k2w1"])
    contact_id: ContactId = Field(examples=["con_01k2wa"])
    status: ContactStatus
    skip_reason: SkipReason | None
    message: Literal["Contact skipped successfully"] = "Contact skipped successfully"


class FollowUpRequest(WireInput):
    """When a completed contact is to be called again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"at": "2026-09-05T16:00:00Z"}]})

    at: RequestedTime = Field(description="In the past means as soon as possible.")


class FollowUpScheduled(WireOutput):
    """A contact that is called again at an agreed time."""

    batch_id: BatchId = Field(examples=["btc_01k2w1"])
    contact_id: ContactId = Field(examples=["con_01k2wa"])
    status: ContactStatus
    follow_up_at: WireTime = Field(description="The first opening of the contact's window from `at` on.")
    message: Literal["Follow-up scheduled successfully"] = "Follow-up scheduled successfully"
