"""An execution on the wire: a call record with everything its agent may need."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from api.contacts.schemas import CallRecordOut
from api.http.wire import JsonObject, RequestedTime, WireInput, WireOutput, WireTime
from api.policy.disposition_rules import Disposition
from domain.batch import call_variables_in_force, hours_of_contact
from domain.call import AttemptKind, CallRecord, CallStatus
from domain.campaign import Campaign
from domain.contact import Contact
from domain.disposition import LONGEST_NOTE, AnsweredBy
from domain.disposition_report import DispositionReport, ReportEffect
from domain.identity import BatchId, CampaignId, ContactId, ExecutionId, OrganizationId
from domain.ports import Execution


class DispositionIn(WireInput):
    """What came of a call, in its agent's words."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "disposition": "callback",
                    "note": "Asked to be called in the evening.",
                    "answered_by": "human",
                    "follow_up_at": "2026-09-05T18:00:00",
                    "data": {"topic": "delivery"},
                }
            ]
        }
    )

    disposition: Disposition
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] | None = None
    answered_by: Annotated[AnsweredBy, Field(strict=False)] | None = Field(
        default=None, description="Absent leaves what is known."
    )
    follow_up_at: RequestedTime | None = Field(
        default=None, description="When the callee agreed to be called again."
    )
    data: JsonObject | None = Field(default=None, description="The agent's own; at most 16 KB.")

    def to_domain(self, follow_up_at: datetime | None) -> DispositionReport:
        return DispositionReport(
            disposition=self.disposition,
            note=self.note,
            answered_by=self.answered_by,
            follow_up_at=follow_up_at,
            data=self.data,
        )


class DispositionKept(WireOutput):
    """What a report did: `duplicate` when an ended call has this disposition already."""

    execution_id: ExecutionId = Field(examples=["exec_01k2x4"])
    disposition: str = Field(examples=["callback"])
    result: ReportEffect


class EarlierAttemptOut(WireOutput):
    """An earlier attempt at the same contact."""

    attempt: int
    kind: AttemptKind
    call_status: CallStatus
    answered_by: AnsweredBy | None
    disposition: str | None
    disposition_note: str | None
    started_at: WireTime | None
    ended_at: WireTime | None
    summary: str | None


class CallOut(CallRecordOut):
    """A call record with what it belongs to and what its agent knew."""

    organization_id: OrganizationId
    campaign_id: CampaignId = Field(examples=["cmp_01k2v7"])
    batch_id: BatchId = Field(examples=["btc_01k2w1"])
    contact_id: ContactId = Field(examples=["con_01k2wa"])
    external_id: str | None
    agent_id: str
    variables: dict[str, object] = Field(
        description="The campaign's defaults with the contact's own over them."
    )

    @classmethod
    def of_call(cls, record: CallRecord, contact: Contact, campaign: Campaign) -> "CallOut":
        return cls.model_validate(_shown(record, contact, campaign))


class ExecutionOut(CallOut):
    """One attempt with the person it is about and the contact's earlier attempts."""

    call_context: dict[str, object]
    timezone: str = Field(description="Of the callee.", examples=["America/Chicago"])
    history: list[EarlierAttemptOut] = Field(description="The contact's earlier attempts, oldest first.")

    @classmethod
    def of_execution(cls, execution: Execution) -> "ExecutionOut":
        contact, batch, campaign = execution.contact, execution.batch, execution.campaign
        hours = hours_of_contact(contact, batch.overrides, campaign.rules)
        return cls.model_validate(
            {
                **_shown(execution.record, contact, campaign),
                "call_context": dict(batch.call_context),
                "timezone": hours.timezone,
                "history": [
                    EarlierAttemptOut.model_validate(each, from_attributes=True) for each in execution.history
                ],
            }
        )


def _shown(record: CallRecord, contact: Contact, campaign: Campaign) -> dict[str, object]:
    return {
        **dict(CallRecordOut.of(record)),
        "organization_id": campaign.organization_id,
        "campaign_id": contact.campaign_id,
        "batch_id": contact.batch_id,
        "contact_id": contact.contact_id,
        "external_id": contact.external_id,
        "agent_id": campaign.rules.agent_id,
        "variables": call_variables_in_force(campaign.rules, contact.call_variables),
    }
