"""Holds dials to their campaign's rate: a dial waits for a near instant, and comes back for a far one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from domain.campaign import Campaign
from domain.dial_reservations import DialReservation, is_usable
from domain.ports import DialReservationStore

NEAR = timedelta(seconds=2)
"""A dial waits so long for its instant; one that would wait longer leaves the worker to others."""
COMES_EARLY = timedelta(seconds=1)
"""A dial that left is back so long before the instant, since a timer that fires late must not cost it."""
LONGEST_ABSENCE = timedelta(minutes=1)
"""A dial that left asks again after so long: the rate may have changed, or the batch be held."""


class CampaignRateLimiter:
    """Gives dials their instants; a campaign that dials as fast as it can costs nothing."""

    def __init__(
        self,
        reservations: DialReservationStore,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._reservations = reservations
        self._clock = clock
        self._sleep = sleep

    async def reserve(self, campaign: Campaign, held: DialReservation | None) -> DialReservation | None:
        """Return the instant to dial at, None for a campaign without a rate.

        The one that is held is given up for a new one when it is too late for it, or the rate has changed.
        """
        rate, now = campaign.dial_rate, self._clock()
        if rate is None:
            return None
        if held is not None and is_usable(held, rate, now):
            return held
        return await self._reservations.reserve(campaign.campaign_id, rate, now)

    def absence(self, reservation: DialReservation | None) -> timedelta:
        """Return how long a dial had better stay away; zero when its instant is near."""
        away = timedelta() if reservation is None else reservation.at - self._clock()
        return timedelta() if away <= NEAR else min(away - COMES_EARLY, LONGEST_ABSENCE)

    def renew(
        self, campaign: Campaign, reservation: DialReservation | None, absence: timedelta
    ) -> DialReservation | None:
        """Return the reservation when the dial can still use it once it is back, else None."""
        rate = campaign.dial_rate
        is_worth_it = rate is not None and is_usable(reservation, rate, self._clock() + absence)
        return reservation if is_worth_it else None

    async def wait(self, reservation: DialReservation | None) -> None:
        """Return at the instant."""
        if reservation is not None and (left := reservation.at - self._clock()) > timedelta():
            await self._sleep(left.total_seconds())
