"""Requests to a telephony provider and their results, without any vendor's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.disposition import OnMachine
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
    on_machine: OnMachine = OnMachine.CONTINUE
    """What the provider does with a call that a machine answers, where it can."""


CLOCK_TOLERANCE = timedelta(seconds=30)
"""How far a provider's clock and ours may differ in a search for our call."""


@dataclass(frozen=True, kw_only=True)
class CallSearch:
    """The search for a call that may have been placed for an attempt."""

    execution_id: ExecutionId
    from_number: str
    to_number: str
    asked_at: datetime
    """When the provider was asked for it, by our clock."""

    @property
    def began_after(self) -> datetime:
        """Events before this instant belong to other calls."""
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
    """Certainly not dialled, nor is any other call: the address, key or account is wrong."""

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
    ACCEPTED = "accepted"
    WRONG_STATE = "wrong_state"
    GONE = "gone"
    UNREACHABLE = "unreachable"
