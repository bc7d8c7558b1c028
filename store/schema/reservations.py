"""Rotation of caller IDs, and reserved instants of rate-limited campaigns, as tables.

Small rows of their own: each is locked for every dial of a campaign, and nothing else waits for them.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from domain.caller_id import CallerIdStrategy
from store.schema.base import INSTANT, Row, Word, one_of


class CallerIdTurnRow(Row, table=True):
    """The rotation cursor of one list of numbers; no row before the first claim."""

    __tablename__ = "caller_id_turns"
    __table_args__ = (one_of("strategy", CallerIdStrategy),)

    owner_id: str = Field(primary_key=True, sa_type=Text)
    """The campaign, or the batch that has numbers of its own."""
    strategy: str = Field(primary_key=True, sa_type=Word)
    turn: int = Field(sa_type=BigInteger)
    """The newest one that was taken, from 0."""


class DialTurnRow(Row, table=True):
    """The first instant of a campaign that no dial has for itself yet."""

    __tablename__ = "dial_turns"

    campaign_id: str = Field(primary_key=True, sa_type=Text)
    pace_version: int
    next_dial_at: datetime = Field(sa_type=INSTANT)
