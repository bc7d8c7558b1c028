"""The statistics of a campaign over all its batches."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.batch import BatchStatus
from domain.campaign import CallCounters
from domain.contact import LIVE, SLEEPING, ContactStatus
from domain.disposition import ReportedCounts

IN_FLIGHT = LIVE | SLEEPING
"""Called already, and not done."""


@dataclass(frozen=True, kw_only=True)
class CampaignStats:
    """Numbers of a campaign, from the stored contacts and calls of all its batches."""

    contacts: Mapping[ContactStatus, int]
    """Without the statuses of no contact."""
    batches: Mapping[BatchStatus, int]
    """Without the statuses of no batch."""
    calls: CallCounters
    waiting_for_retry: Mapping[int, int]
    """Contacts that wait for their first retry, their second, and so on."""
    most_retries: int
    """The largest number of retries in force, of the campaign or one of its batches."""
    attempts: int
    """Call records of every kind."""
    follow_ups: int
    """Call records that are follow-ups."""
    reported: ReportedCounts = field(default_factory=ReportedCounts)
    """Who answered the calls, and what came of them."""

    @property
    def in_flight(self) -> int:
        """Contacts that were called and are not done."""
        return sum(self.contacts.get(status, 0) for status in IN_FLIGHT)
