"""Instants for the dials of campaigns that may not dial as fast as they can."""

from datetime import datetime
from typing import Protocol

from domain.dial_reservations import DialReservation, Pace
from domain.identity import CampaignId


class DialReservationStore(Protocol):
    """The next free instant of each campaign that has a pace."""

    async def reserve(self, campaign_id: CampaignId, pace: Pace, now: datetime) -> DialReservation:
        """Give out the next instant, now or later; each is at least the pace's interval after the former.

        Holds over all workers and batches. Under a newer pace the instants begin anew, from now.
        """
