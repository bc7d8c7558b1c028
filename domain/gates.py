"""The checks made right before a call is placed; an unreadable rule means no call."""

from dataclasses import dataclass
from enum import StrEnum

from domain.batch import BatchStatus
from domain.campaign import CampaignStatus
from domain.contact import ContactStatus


class Gate(StrEnum):
    """The gate that withheld a call."""

    BATCH_GONE = "batch_gone"
    """The batch or its contact no longer exists."""
    BATCH_HELD = "batch_held"
    """The batch or its campaign is paused, or has not started."""
    BATCH_OVER = "batch_over"
    """The batch or its campaign is cancelled, or the batch has otherwise ended."""
    OUTSIDE_HOURS = "outside_hours"
    """The callee's window is closed, or the rule that says when it is open cannot be read.

    Also when changed rules have put the retry or follow-up off, and before the contact's `not_before`.
    """
    CONTACT_CLOSED = "contact_closed"
    """The contact reached a terminal status, or is on another attempt."""
    SUPPRESSED = "suppressed"
    """The organization must not call the number."""
    FREQUENCY_CAPPED = "frequency_capped"
    """The number was called as often as the campaign's caps allow."""
    NO_SLOT = "no_slot"
    """The contact holds no slot: it was given back, or never granted."""
    NUMBER_BUSY = "number_busy"
    """Another attempt on the same number is open, in this batch or another."""


@dataclass(frozen=True, kw_only=True)
class GateFacts:
    """What the gates check, read at one instant."""

    campaign_status: CampaignStatus
    batch_status: BatchStatus
    contact_status: ContactStatus


_DIALLABLE = frozenset(
    {
        ContactStatus.PENDING,
        ContactStatus.RETRYING,
        ContactStatus.FOLLOWUP_SCHEDULED,
        ContactStatus.DISPATCHED,  # the same attempt, asked again because nothing was dialled
    }
)


def closed_gate(facts: GateFacts) -> Gate | None:
    """Return the first gate that withholds the call, None when all are open."""
    if facts.campaign_status is CampaignStatus.CANCELLED:
        return Gate.BATCH_OVER
    if facts.batch_status not in (BatchStatus.IN_PROGRESS, BatchStatus.PENDING, BatchStatus.PAUSED):
        return Gate.BATCH_OVER
    if facts.campaign_status is CampaignStatus.PAUSED or facts.batch_status is not BatchStatus.IN_PROGRESS:
        return Gate.BATCH_HELD
    if facts.contact_status not in _DIALLABLE:
        return Gate.CONTACT_CLOSED
    return None
