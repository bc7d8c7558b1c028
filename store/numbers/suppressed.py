"""Which numbers an organization must not call, as conditions in SQL."""

from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, bindparam, exists, func, or_

from store.schema.base import INSTANT
from store.schema.tables import suppressions


def holds_at(at: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Tell in SQL whether an entry has not expired; its expiry is the first instant without it."""
    c = suppressions.c
    return or_(c.expires_at.is_(None), c.expires_at > at)


def is_suppressed(
    organization_id: ColumnElement[str],
    number: ColumnElement[str],
    at: datetime | BindParameter[datetime],
) -> ColumnElement[bool]:
    """Tell in SQL whether a number must not be called; one read of an index for each way it may be listed."""
    c = suppressions.c
    mine = (c.organization_id == organization_id, holds_at(at))
    by_hash = c.number_hash == number_hash(organization_id, number)
    return or_(exists().where(c.phone_number == number, *mine), exists().where(by_hash, *mine))


def number_hash(organization_id: ColumnElement[str], number: ColumnElement[str]) -> ColumnElement[str]:
    """Return in SQL what stands for an erased number; the connection brings the key."""
    return func.number_hash(organization_id, number)


def instant(name: str) -> BindParameter[datetime]:
    """Return a parameter for the instant of a statement that is put together once."""
    return bindparam(name, type_=INSTANT)
