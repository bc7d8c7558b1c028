"""Batches on the wire."""

from dataclasses import fields, replace
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from api.contacts.schemas import ContactRow
from api.http.paging import ANY_OF, ListQuery
from api.http.wire import JsonObject, RequestedTime, WireInput, WireOutput, WireTime, ZoneOrNumber
from api.policy.disposition_rules import (
    DispositionRuleIn,
    DispositionRuleOut,
    DispositionRulesIn,
    OnMachineIn,
)
from api.policy.retry_policy import RetryPolicyIn, RetryPolicyOut
from api.policy.rules import CallerIds, ConcurrencyLimit, Strategy
from api.policy.working_hours import WorkingHoursIn, WorkingHoursOut, require_some_open_day
from domain.batch import Batch, BatchOverrides, BatchStatus, PausedBy, concurrency_shown
from domain.caller_id import CallerIdStrategy
from domain.campaign import Campaign
from domain.counters import Counters
from domain.disposition import DispositionRule, OnMachine
from domain.identity import BatchId, CampaignId, OrganizationId
from domain.lifecycle import PAST, Action

MAX_CONTACTS = 100_000


class OnInvalid(StrEnum):
    """What happens to a bad row."""

    REJECT = "reject"
    """The whole upload is refused."""
    SKIP = "skip"
    """The row is stored as skipped."""


class OnDuplicate(StrEnum):
    """What happens when a number stands twice in one upload."""

    KEEP_FIRST = "keep_first"
    REJECT = "reject"


class BatchTerms(WireInput):
    """What a client decides about a batch; an override left out or null follows the campaign."""

    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    scheduled_start: RequestedTime | None = Field(default=None, description="Absent or past means at once.")
    scheduled_end: RequestedTime | None = Field(
        default=None, description="Later than both now and `scheduled_start`; absent means no end."
    )
    concurrency_limit: ConcurrencyLimit | None = Field(
        default=None, description="Absent follows the campaign."
    )
    keep_open: bool | None = Field(
        default=None, description="Default false; true goes on when everybody is done, until it is closed."
    )
    max_retries_override: Annotated[int, Field(ge=0, le=20)] | None = None
    call_context: JsonObject | None = Field(default=None, description="Handed to telephony with every call.")
    metadata: JsonObject | None = Field(default=None, description="Only stored.")
    timezone: ZoneOrNumber | None = None
    working_hours_enforced: bool | None = None
    working_hours: WorkingHoursIn | None = None
    retry_policy: RetryPolicyIn | None = None
    phone_numbers: CallerIds | None = None
    phone_number_strategy: Strategy | None = None
    on_machine: OnMachineIn | None = None
    disposition_rules: DispositionRulesIn | None = None

    @field_validator("working_hours", mode="after")
    @classmethod
    def _some_day_open(cls, hours: WorkingHoursIn | None, info: ValidationInfo) -> WorkingHoursIn | None:
        if info.data.get("working_hours_enforced") and hours is not None:
            require_some_open_day(hours)
        return hours

    def overrides(self) -> BatchOverrides:
        """Return what the batch decides instead of its campaign."""
        return BatchOverrides(
            max_retries_override=self.max_retries_override,
            retry_policy=self.retry_policy.to_domain() if self.retry_policy else None,
            working_hours_enforced=self.working_hours_enforced,
            working_hours=self.working_hours.to_domain() if self.working_hours else None,
            timezone=self.timezone,
            phone_numbers=tuple(self.phone_numbers) if self.phone_numbers else None,
            phone_number_strategy=self.phone_number_strategy,
            on_machine=self.on_machine,
            disposition_rules=_rules_of(self.disposition_rules),
        )

    def overrides_over(self, former: BatchOverrides) -> BatchOverrides:
        """Return former overrides with those that are given in their place."""
        decided, given = self.overrides(), self.model_fields_set & _OVERRIDES
        return replace(former, **{name: getattr(decided, name) for name in given})


class ContactsHead(WireInput):
    """Everything of an upload to a batch that is there but its contacts."""

    limited: ClassVar[str] = "A request"
    """What is limited in contacts, as its refusal says."""

    on_invalid: Annotated[OnInvalid, Field(strict=False)] | None = Field(
        default=None,
        description="Default `reject`: one bad row refuses all; `skip` stores bad rows as skipped.",
    )
    on_duplicate: Annotated[OnDuplicate, Field(strict=False)] | None = Field(
        default=None, description="Default `keep_first` drops later rows with the same number."
    )


class BatchHead(BatchTerms, ContactsHead):
    """Everything of an upload but its contacts."""

    limited: ClassVar[str] = "A batch"

    campaign_id: str = Field(examples=["cmp_01k2v7"])
    organization_id: str | None = Field(default=None, description="Absent means the token's.")


_OVERRIDES = frozenset(each.name for each in fields(BatchOverrides))


def _rules_of(rules: list[DispositionRuleIn] | None) -> tuple[DispositionRule, ...] | None:
    return None if rules is None else tuple(each.to_domain() for each in rules)


class BatchCreate(BatchHead):
    """An upload of contacts under a campaign; `null` means not given."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "campaign_id": "cmp_01k2v7",
                    "scheduled_start": "2026-09-07T08:00:00",
                    "max_retries_override": 1,
                    "contacts": [
                        {"phone_number": "+14155550123", "call_variables": {"callee_name": "Ravi Odhiambo"}},
                        {"phone_number": "+14155550102", "timezone": "America/Denver"},
                    ],
                }
            ]
        }
    )

    contacts: Annotated[list[ContactRow], Field(min_length=1, max_length=MAX_CONTACTS)]


class BatchForm(BatchHead):
    """An upload as a form: one text field per member, and the contacts as a CSV file.

    Numbers and booleans are plain text, objects and arrays JSON text; a blank field is absent.
    """

    file: bytes = Field(
        description="CSV in UTF-8 with a header. `phone_number` or `mobile_number` is required, "
        "`external_id`, `timezone`, `not_before` and `priority` fill the contact's fields, columns by which "
        "an export tells how calls went are left out, every other column is a call variable. Rows of blank "
        "cells are passed over."
    )


class ContactsAppend(ContactsHead):
    """Contacts for a batch that is there; `null` means not given."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"contacts": [{"phone_number": "+14155550123"}]}]}
    )

    contacts: Annotated[list[ContactRow], Field(min_length=1, max_length=MAX_CONTACTS)]


class ContactsForm(ContactsHead):
    """The same as a form, its contacts as a CSV file."""

    file: bytes = Field(description="CSV as in an upload of a batch.")


class CountersOut(WireOutput):
    """How many contacts stand where; the eleven sum to `total_contacts`."""

    pending: int
    dispatched: int
    in_flight: int = Field(description="Contacts in `in_progress`.")
    retrying: int
    completed: int
    failed: int
    busy: int
    no_answer: int
    skipped: int
    followup_scheduled: int
    max_retries_reached: int

    @classmethod
    def of(cls, counters: Counters) -> "CountersOut":
        return cls.model_validate(counters, from_attributes=True)


class ImportReport(WireOutput):
    """What became of the rows of an upload; `received` is the sum of the other three."""

    received: int
    accepted: int
    invalid: int
    duplicates: int


class ContactsAppended(WireOutput):
    """What became of contacts that were sent to a batch."""

    batch_id: BatchId = Field(examples=["btc_01k2w1"])
    total_contacts: int = Field(description="Of the batch.")
    import_report: ImportReport


class BatchOut(WireOutput):
    """A batch."""

    batch_id: BatchId = Field(examples=["btc_01k2w1"])
    campaign_id: CampaignId = Field(examples=["cmp_01k2v7"])
    organization_id: OrganizationId = Field(examples=["org_demo"])
    parent_batch_id: BatchId | None = Field(description="The batch whose contacts it calls again.")
    name: str | None
    status: BatchStatus
    paused_by: PausedBy | None
    total_contacts: int
    concurrency_limit: int = Field(description="Its own, else the inherited one.")
    scheduled_start: WireTime | None
    scheduled_end: WireTime | None
    keep_open: bool
    max_retries_override: int | None
    retry_policy: RetryPolicyOut | None
    working_hours_enforced: bool | None
    working_hours: WorkingHoursOut | None
    timezone: str | None
    phone_numbers: list[str] | None
    phone_number_strategy: CallerIdStrategy | None
    on_machine: OnMachine | None
    disposition_rules: list[DispositionRuleOut] | None
    call_context: dict[str, object]
    metadata: dict[str, object]
    counters: CountersOut
    created_at: WireTime
    updated_at: WireTime

    @classmethod
    def of(cls, batch: Batch, campaign: Campaign, counters: Counters | None = None) -> "BatchOut":
        """Show the batch as clients see it, with live counters where there are some."""
        return cls.model_validate(_shown(batch, campaign, counters or batch.counters))


class BatchCreated(BatchOut):
    """A batch right after its upload."""

    import_report: ImportReport

    @classmethod
    def of_import(cls, batch: Batch, campaign: Campaign, report: ImportReport) -> "BatchCreated":
        return cls.model_validate({**_shown(batch, campaign, batch.counters), "import_report": report})


def _shown(batch: Batch, campaign: Campaign, counters: Counters) -> dict[str, object]:
    overrides, rules = batch.overrides, batch.overrides.disposition_rules
    hours, policy, numbers = overrides.working_hours, overrides.retry_policy, overrides.phone_numbers
    return {
        "batch_id": batch.batch_id,
        "campaign_id": batch.campaign_id,
        "organization_id": batch.organization_id,
        "parent_batch_id": batch.parent_batch_id,
        "name": batch.name,
        "status": batch.status,
        "paused_by": batch.paused_by,
        "total_contacts": counters.total,  # counted a moment later, while contacts may be added
        "concurrency_limit": concurrency_shown(batch.concurrency_limit, campaign.rules),
        "scheduled_start": batch.scheduled_start,
        "scheduled_end": batch.scheduled_end,
        "keep_open": batch.keep_open,
        "max_retries_override": overrides.max_retries_override,
        "retry_policy": None if policy is None else RetryPolicyOut.of(policy),
        "working_hours_enforced": overrides.working_hours_enforced,
        "working_hours": None if hours is None else WorkingHoursOut.of(hours),
        "timezone": overrides.timezone,
        "phone_numbers": None if numbers is None else list(numbers),
        "phone_number_strategy": overrides.phone_number_strategy,
        "on_machine": overrides.on_machine,
        "disposition_rules": None if rules is None else [DispositionRuleOut.of(each) for each in rules],
        "call_context": dict(batch.call_context),
        "metadata": dict(batch.metadata),
        "counters": CountersOut.of(counters),
        "created_at": batch.created_at,
        "updated_at": batch.updated_at,
    }


class BatchesOfCampaignQuery(ListQuery):
    """Which batches of one campaign."""

    status: list[BatchStatus] = Field(default=[], description=ANY_OF)


class BatchesQuery(BatchesOfCampaignQuery):
    """Which batches."""

    campaign_id: str | None = None
    organization_id: str | None = Field(default=None, description="Absent means the token's.")


class BatchActed(WireOutput):
    """Where an action left a batch; one that changed nothing answers alike."""

    batch_id: BatchId = Field(examples=["btc_01k2w1"])
    status: BatchStatus
    message: str = Field(examples=["Batch paused successfully"])

    @classmethod
    def of(cls, batch: Batch, action: Action) -> "BatchActed":
        return cls(batch_id=batch.batch_id, status=batch.status, message=f"Batch {PAST[action]} successfully")


class BatchDispatched(WireOutput):
    """A batch that was handed to calling again."""

    batch_id: BatchId = Field(examples=["btc_01k2w1"])
    status: BatchStatus
    dispatched_count: int = Field(description="Contacts in `pending`.", examples=[12])
    message: Literal["Batch dispatch re-triggered successfully"] = "Batch dispatch re-triggered successfully"
