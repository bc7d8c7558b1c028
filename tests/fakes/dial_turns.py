"""Turns of dials in memory."""

from datetime import datetime

from domain.dial_reservations import DialReservation, Pace
from domain.identity import CampaignId
from tests.fakes.tables import Tables


class FakeDialReservationStore:
    """Implements DialReservationStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def reserve(self, campaign_id: CampaignId, pace: Pace, now: datetime) -> DialReservation:
        """Give out the next instant."""
        self._tables.require_up()
        version, next_dial_at = self._tables.dial_turns.get(campaign_id, (pace.version, now))
        at = now if version < pace.version else max(next_dial_at, now)
        self._tables.dial_turns[campaign_id] = (max(version, pace.version), at + pace.interval)
        return DialReservation(at=at, pace_version=pace.version)
