"""Contacts on the wire: a row of an upload, a contact and its call records as clients see them."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from api.http.paging import ANY_OF, Flag, Limit, ListQuery
from api.http.wire import (
    E164,
    JsonObject,
    RequestedTime,
    WireInput,
    WireNumber,
    WireOutput,
    WireTime,
    ZoneOrNumber,
)
from api.policy.disposition_rules import Disposition
from domain.batch import Batch, effective_timezones
from domain.call import AttemptKind, CallRecord, CallStatus
from domain.campaign import Campaign
from domain.contact import HIGHEST_PRIORITY, Contact, ContactStatus, NewContact, SkipReason
from domain.disposition import AnsweredBy, ReportedFilter
from domain.identity import BatchId, CampaignId, ContactId, ExecutionId


class CallRecordOut(WireOutput):
    """What is known of one attempt."""

    execution_id: ExecutionId = Field(examples=["exec_01k2x4"])
    attempt: int = Field(description="1, 2, … over all kinds.")
    kind: AttemptKind
    call_status: CallStatus
    provider: str | None
    provider_call_id: str | None
    from_number: str | None
    to_number: str
    started_at: WireTime | None
    answered_at: WireTime | None
    ended_at: WireTime | None
    duration_seconds: int | None
    recording_url: str | None
    transcript: str | None
    summary: str | None
    sentiment: str | None
    hangup_by: str | None
    hangup_reason: str | None
    total_cost: WireNumber | None
    sip_status: int | None
    error: str | None
    answered_by: AnsweredBy | None
    disposition: str | None = Field(
        description="What the agent says came of the talk: a word of the client's own."
    )
    disposition_note: str | None
    disposition_data: dict[str, object] | None

    @classmethod
    def of(cls, record: CallRecord) -> "CallRecordOut":
        return cls.model_validate(record, from_attributes=True)


class ContactRow(WireInput):
    """One person to call."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "phone_number": "+14155550123",
                    "call_variables": {"callee_name": "Ravi Odhiambo"},
                    "external_id": "P-2301",
                }
            ]
        }
    )

    phone_number: E164
    call_variables: JsonObject | None = Field(
        default=None, description="`callee_name` belongs here; at most 16 KB."
    )
    timezone: ZoneOrNumber | None = Field(
        default=None,
        description="The callee's zone, or `from_number` for those of the number; default the batch's.",
    )
    external_id: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        default=None, description="Your own reference."
    )
    not_before: RequestedTime | None = Field(
        default=None,
        description="No call of the contact begins earlier. Without an offset it is local to the batch.",
    )
    priority: Annotated[int, Field(ge=0, le=HIGHEST_PRIORITY)] | None = Field(
        default=None, description="Default 0; of those that are pending a higher one is called first."
    )

    def to_domain(self) -> NewContact:
        """Return the contact, without a `not_before` that is local to a batch not known yet."""
        given = self.not_before
        return NewContact(
            phone_number=self.phone_number,
            external_id=self.external_id,
            timezone=self.timezone,
            call_variables=self.call_variables or {},
            not_before=None if given is None or given.is_local else given.instant("UTC"),
            priority=self.priority or 0,
        )


class ContactOut(WireOutput):
    """A contact with its newest call."""

    contact_id: ContactId = Field(examples=["con_01k2wa"])
    batch_id: BatchId = Field(examples=["btc_01k2w1"])
    campaign_id: CampaignId = Field(examples=["cmp_01k2v7"])
    position: int = Field(description="1-based place among the stored contacts, in upload order.")
    external_id: str | None
    phone_number: str = Field(examples=["+14155550104"])
    timezone: str | None
    effective_timezones: list[str] = Field(
        description="The zones that hold; none of a bad row.", examples=[["America/Chicago"]]
    )
    held_by: list[str] = Field(
        description="Presets that let nobody call the contact now, by hours or caps, while it waits.",
        examples=[["us-tcpa"]],
    )
    call_variables: dict[str, object]
    not_before: WireTime | None
    priority: int
    status: ContactStatus
    skip_reason: SkipReason | None
    skip_detail: str | None
    retry_count: int
    follow_up_count: int
    latest_retry_count: int
    last_attempted_at: WireTime | None
    next_retry_at: WireTime | None
    follow_up_at: WireTime | None
    current_call: CallRecordOut | None
    created_at: WireTime
    updated_at: WireTime

    @classmethod
    def of(
        cls,
        contact: Contact,
        current_call: CallRecord | None,
        batch: Batch,
        campaign: Campaign,
        *,
        held_by: Sequence[str] = (),
    ) -> "ContactOut":
        """Return a contact; `held_by` names presets, of which a webhook's body tells none."""
        zones = effective_timezones(contact, batch, campaign.rules)
        return cls.model_validate({**_shown(contact, current_call, zones), "held_by": list(held_by)})


class ContactWithCalls(ContactOut):
    """A contact with all its calls, oldest first."""

    call_records: list[CallRecordOut]

    @classmethod
    def of_calls(
        cls,
        contact: Contact,
        calls: Sequence[CallRecord],
        batch: Batch,
        campaign: Campaign,
        *,
        held_by: Sequence[str] = (),
    ) -> "ContactWithCalls":
        zones = effective_timezones(contact, batch, campaign.rules)
        shown = _shown(contact, calls[-1] if calls else None, zones)
        records = [CallRecordOut.of(each) for each in calls]
        return cls.model_validate({**shown, "held_by": list(held_by), "call_records": records})


def _shown(contact: Contact, current_call: CallRecord | None, zones: Sequence[str]) -> dict[str, object]:
    # Both times are kept in the store for the record; clients see them only while they lie ahead.
    is_retrying = contact.status is ContactStatus.RETRYING
    is_agreed = contact.status is ContactStatus.FOLLOWUP_SCHEDULED
    return {
        "contact_id": contact.contact_id,
        "batch_id": contact.batch_id,
        "campaign_id": contact.campaign_id,
        "position": contact.position,
        "external_id": contact.external_id,
        "phone_number": contact.phone_number,
        "timezone": contact.timezone,
        "effective_timezones": list(zones),
        "call_variables": dict(contact.call_variables),
        "not_before": contact.not_before,
        "priority": contact.priority,
        "status": contact.status,
        "skip_reason": contact.skip_reason,
        "skip_detail": contact.skip_detail,
        "retry_count": contact.retry_count,
        "follow_up_count": contact.follow_up_count,
        "latest_retry_count": contact.retry_count,
        "last_attempted_at": contact.last_attempted_at,
        "next_retry_at": contact.next_retry_at if is_retrying else None,
        "follow_up_at": contact.follow_up_at if is_agreed else None,
        "current_call": None if current_call is None else CallRecordOut.of(current_call),
        "created_at": contact.created_at,
        "updated_at": contact.updated_at,
    }


class ContactsQuery(ListQuery):
    """Which contacts, and how much of them."""

    limit: Limit = 100
    status: list[ContactStatus] = Field(default=[], description=ANY_OF)
    answered_by: list[AnsweredBy] = Field(default=[], description="Of the newest call. " + ANY_OF)
    disposition: list[Disposition] = Field(default=[], description="Of the newest call. " + ANY_OF)
    include_calls: Flag = Field(default=False, description="Show every call, not only the newest.")

    @property
    def reported(self) -> ReportedFilter:
        """What is wanted of the newest call."""
        return ReportedFilter(
            answered_by=frozenset(self.answered_by), dispositions=frozenset(self.disposition)
        )


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
