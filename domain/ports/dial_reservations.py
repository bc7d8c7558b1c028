"""Instants for the dials of campaigns that may not dial as fast as they can."""

from datetime import datetime
from typing import Protocol

from domain.dial_reservations import DialRate, DialReservation
from domain.identity import CampaignId


class DialReservationStore(Protocol):
    """The next free instant of each campaign that has a rate."""

    async def reserve(self, campaign_id: CampaignId, rate: DialRate, now: datetime) -> DialReservation:
        """Reserve the next instant, now or later, at least the rate's interval after the one before.

        Holds over all workers and batches. Under a newer rate the instants start from now.
        """
