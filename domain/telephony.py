"""What Apollo asks of a telephony provider and what it may hear back; no vendor's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.identity import BatchId, CampaignId, ContactId, ExecutionId, OrganizationId


@dataclass(frozen=True, kw_only=True)
class CallRequest:
    """One dial: everything the provider must know."""

    execution_id: ExecutionId
    organization_id: OrganizationId
    campaign_id: CampaignId
    batch_id: BatchId
    contact_id: ContactId
    agent_id: str
    from_number: str
    to_number: str
    ring_timeout: timedelta
    max_duration: timedelta
    variables: Mapping[str, object]
    """Campaign defaults with the contact's own values over them."""
    context: Mapping[str, object]
    """The batch's `call_context`."""


CLOCK_TOLERANCE = timedelta(seconds=30)
"""How far a provider's clock and ours may be apart when it is asked which call is ours."""


@dataclass(frozen=True, kw_only=True)
class CallSearch:
    """A call that may have been placed for an attempt, and by what it is told from those of others."""

    execution_id: ExecutionId
    from_number: str
    to_number: str
    asked_at: datetime
    """When the provider was asked for it, by our clock."""

    @property
    def began_after(self) -> datetime:
        """Nothing that happened before this instant belongs to the call."""
        return self.asked_at - CLOCK_TOLERANCE


@dataclass(frozen=True)
class Accepted:
    """The provider places the call; the phone may ring already."""

    provider_call_id: str


@dataclass(frozen=True)
class Throttled:
    """Certainly not dialled: too many requests; ask again after `retry_after`."""

    retry_after: timedelta


@dataclass(frozen=True)
class Unavailable:
    """Certainly not dialled: the provider could not be reached, or has no capacity."""

    reason: str


@dataclass(frozen=True)
class Misconfigured:
    """Certainly not dialled, whoever is called: wrong address, key or account; a person must mend it."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """Certainly not dialled, and never will be with the data of this one call."""

    reason: str


@dataclass(frozen=True)
class Ambiguous:
    """May have been dialled: never ask again, find out instead."""

    reason: str


DialResult = Accepted | Throttled | Unavailable | Misconfigured | Refused | Ambiguous


class HangUpResult(StrEnum):
    """What came of asking the provider to end a call."""

    ACCEPTED = "accepted"
    WRONG_STATE = "wrong_state"
    GONE = "gone"
    UNREACHABLE = "unreachable"
