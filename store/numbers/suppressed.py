"""Which numbers an organization must not call, as conditions in SQL."""

from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, Exists, bindparam, exists, or_

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
) -> Exists:
    """Tell in SQL whether a number must not be called; one read of the unique index."""
    c = suppressions.c
    return exists().where(c.organization_id == organization_id, c.phone_number == number, holds_at(at))


def instant(name: str) -> BindParameter[datetime]:
    """Return a parameter for the instant of a statement that is put together once."""
    return bindparam(name, type_=INSTANT)
