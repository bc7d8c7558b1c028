"""Instants for the dials of campaigns that have a rate, given out one after the other."""

from datetime import datetime

from sqlalchemy import Interval, bindparam, case, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.dial_reservations import DialRate, DialReservation
from domain.identity import CampaignId
from store.database.engine import single_statement
from store.schema.base import INSTANT
from store.schema.tables import dial_turns

_NOW = bindparam("this_now", type_=INSTANT)
_INTERVAL = bindparam("this_interval", type_=Interval)
_FIRST = insert(dial_turns).values(
    campaign_id=bindparam("this_campaign"),
    pace_version=bindparam("this_version"),
    next_dial_at=_NOW + _INTERVAL,
)
_IS_OUTDATED = dial_turns.c.pace_version < _FIRST.excluded.pace_version
_RESERVE = _FIRST.on_conflict_do_update(
    index_elements=[dial_turns.c.campaign_id],
    set_={
        "pace_version": func.greatest(dial_turns.c.pace_version, _FIRST.excluded.pace_version),
        "next_dial_at": case(
            # Turns of the former rate are worth nothing any more, and must not be waited for.
            (_IS_OUTDATED, _FIRST.excluded.next_dial_at),
            else_=func.greatest(dial_turns.c.next_dial_at, _NOW) + _INTERVAL,
        ),
    },
).returning((dial_turns.c.next_dial_at - _INTERVAL).label("turn_at"))


class PostgresDialReservationStore:
    """The reserved instants of all rate-limited campaigns; implements `DialReservationStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def reserve(self, campaign_id: CampaignId, rate: DialRate, now: datetime) -> DialReservation:
        """Give out the campaign's next instant, in one statement."""
        told = {
            "this_campaign": campaign_id,
            "this_version": rate.version,
            "this_now": now,
            "this_interval": rate.interval,
        }
        async with single_statement(self._engine) as connection:
            reserved = await connection.execute(_RESERVE, told)
        turn_at: datetime = reserved.scalar_one()
        return DialReservation(at=turn_at, pace_version=rate.version)
