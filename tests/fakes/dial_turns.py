"""Turns of dials in memory."""

from datetime import datetime

from domain.dial_reservations import DialRate, DialReservation
from domain.identity import CampaignId
from tests.fakes.tables import Tables


class FakeDialReservationStore:
    """Implements DialReservationStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def reserve(self, campaign_id: CampaignId, rate: DialRate, now: datetime) -> DialReservation:
        """Give out the next instant."""
        self._tables.require_up()
        version, next_dial_at = self._tables.dial_turns.get(campaign_id, (rate.version, now))
        at = now if version < rate.version else max(next_dial_at, now)
        self._tables.dial_turns[campaign_id] = (max(version, rate.version), at + rate.interval)
        return DialReservation(at=at, pace_version=rate.version)
