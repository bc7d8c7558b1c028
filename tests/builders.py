"""Objects of the domain with sensible defaults; a test names only the fields it is about."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from domain.batch import Batch, BatchStatus, NewBatch
from domain.call import AttemptKind, CallRecord, CallStatus, StatusEvent
from domain.caller_id import CallerIds, CallerIdStrategy
from domain.campaign import Campaign, CampaignRules, CampaignStatus
from domain.contact import Contact, NewContact
from domain.counters import Counters
from domain.identity import BatchId, CampaignId, ContactId, ExecutionId, OrganizationId
from domain.number_zones import ZONES_VERSION
from domain.ports import AttemptClaim, DialBrief

MONDAY_NOON = datetime(2026, 9, 7, 12, tzinfo=UTC)

ORGANIZATION = OrganizationId("org_demo")
CAMPAIGN_ID = CampaignId("cmp_1")
BATCH_ID = BatchId("btc_1")
CONTACT_ID = ContactId("con_1")
EXECUTION_ID = ExecutionId("exec_1")
CALLER_ID = "+14155550180"
CALLEE = "+14155550101"


def a_campaign_rules(**changes: Any) -> CampaignRules:
    """Rules that allow a call at any hour."""
    rules = CampaignRules(name="September check-ups", agent_id="agent_care", phone_numbers=(CALLER_ID,))
    return replace(rules, **changes)


def a_campaign(*, rules: CampaignRules | None = None, **changes: Any) -> Campaign:
    """An active campaign."""
    campaign = Campaign(
        campaign_id=CAMPAIGN_ID,
        organization_id=ORGANIZATION,
        status=CampaignStatus.ACTIVE,
        rules=rules or a_campaign_rules(),
        created_at=MONDAY_NOON,
        updated_at=MONDAY_NOON,
    )
    return replace(campaign, **changes)


def a_new_batch(**changes: Any) -> NewBatch:
    """An upload that starts at once and overrides nothing."""
    return replace(NewBatch(campaign_id=CAMPAIGN_ID, organization_id=ORGANIZATION), **changes)


def a_batch(**changes: Any) -> Batch:
    """A running batch of one pending contact."""
    batch = Batch(
        batch_id=BATCH_ID,
        campaign_id=CAMPAIGN_ID,
        organization_id=ORGANIZATION,
        status=BatchStatus.IN_PROGRESS,
        total_contacts=1,
        counters=Counters(pending=1),
        created_at=MONDAY_NOON,
        updated_at=MONDAY_NOON,
    )
    return replace(batch, **changes)


def a_new_contact(number: int = 1, **changes: Any) -> NewContact:
    """The `number`th person of an upload."""
    contact = NewContact(
        phone_number=f"+1415{number:07}",
        external_id=f"P-{number}",
        call_variables={"callee_name": f"Person {number}"},
    )
    return replace(contact, **changes)


def a_contact(**changes: Any) -> Contact:
    """A contact nobody has called."""
    contact = Contact(
        contact_id=CONTACT_ID,
        batch_id=BATCH_ID,
        campaign_id=CAMPAIGN_ID,
        position=1,
        phone_number=CALLEE,
        created_at=MONDAY_NOON,
        updated_at=MONDAY_NOON,
    )
    learnt_by = None if changes.get("number_timezones") is None else ZONES_VERSION
    return replace(contact, **{"zones_version": learnt_by, **changes})


def a_call_record(**changes: Any) -> CallRecord:
    """A first attempt that nobody has asked the provider for."""
    record = CallRecord(
        execution_id=EXECUTION_ID,
        contact_id=CONTACT_ID,
        batch_id=BATCH_ID,
        campaign_id=CAMPAIGN_ID,
        attempt=1,
        kind=AttemptKind.INITIAL,
        to_number=CALLEE,
    )
    return replace(record, **changes)


def some_caller_ids(*numbers: str, **changes: Any) -> CallerIds:
    """Numbers of a campaign, shown in turn; one number, unless some are given."""
    ids = CallerIds(strategy=CallerIdStrategy.ROUND_ROBIN, numbers=numbers or (CALLER_ID,))
    return replace(ids, **changes)


def a_claim(contact_id: ContactId = CONTACT_ID, **changes: Any) -> AttemptClaim:
    """The wish to call a contact for the first time."""
    claim = AttemptClaim(
        contact_id=contact_id,
        attempt=1,
        kind=AttemptKind.INITIAL,
        caller_ids=some_caller_ids(),
        draw=0.0,
        provider="simulator",
    )
    return replace(claim, **changes)


def a_status_event(status: CallStatus = CallStatus.RINGING, **changes: Any) -> StatusEvent:
    """What a webhook says of a call."""
    return replace(StatusEvent(status=status, happened_at=MONDAY_NOON), **changes)


def a_dial_brief(**changes: Any) -> DialBrief:
    """All one needs to know to call a contact for the first time."""
    brief = DialBrief(
        contact=a_contact(),
        batch=a_batch(),
        campaign=a_campaign(),
        record=None,
    )
    return replace(brief, **changes)
