"""An execution on the wire: a call record with everything its agent may need."""

from pydantic import Field

from api.contacts.schemas import CallRecordOut
from api.http.wire import WireOutput, WireTime
from domain.batch import call_variables_in_force, calling_hours_in_force
from domain.call import AttemptKind, CallStatus
from domain.disposition import AnsweredBy
from domain.identity import BatchId, CampaignId, ContactId, OrganizationId
from domain.ports import Execution


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


class ExecutionOut(CallRecordOut):
    """One attempt with the person it is about and the contact's earlier attempts."""

    organization_id: OrganizationId
    campaign_id: CampaignId = Field(examples=["cmp_01k2v7"])
    batch_id: BatchId = Field(examples=["btc_01k2w1"])
    contact_id: ContactId = Field(examples=["con_01k2wa"])
    external_id: str | None
    agent_id: str
    variables: dict[str, object] = Field(
        description="The campaign's defaults with the contact's own over them."
    )
    call_context: dict[str, object]
    timezone: str = Field(description="Of the callee.", examples=["America/Chicago"])
    history: list[EarlierAttemptOut] = Field(description="The contact's earlier attempts, oldest first.")

    @classmethod
    def of_execution(cls, execution: Execution) -> "ExecutionOut":
        contact, batch, rules = execution.contact, execution.batch, execution.campaign.rules
        record = CallRecordOut.of(execution.record)
        return cls(
            **dict(record),
            organization_id=execution.campaign.organization_id,
            campaign_id=contact.campaign_id,
            batch_id=contact.batch_id,
            contact_id=contact.contact_id,
            external_id=contact.external_id,
            agent_id=rules.agent_id,
            variables=call_variables_in_force(rules, contact.call_variables),
            call_context=dict(batch.call_context),
            timezone=calling_hours_in_force(batch.overrides, rules, contact.timezone).timezone,
            history=[
                EarlierAttemptOut.model_validate(each, from_attributes=True) for each in execution.history
            ],
        )
