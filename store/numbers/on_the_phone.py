"""Which numbers are on the phone right now: a unique index lets each have one open attempt at most.

That holds over all organizations, for a telephone rings in one room. What clients see of it knows the
calls of their own organization only.
"""

from sqlalchemy import ColumnElement, Exists, exists, select, text

from domain.errors import ConstraintViolated
from store.schema.base import OPEN_ATTEMPT, OPEN_NUMBER_INDEX
from store.schema.tables import calls, campaigns


def is_on_the_phone(number: ColumnElement[str], *but: ColumnElement[bool]) -> Exists:
    """Tell in SQL whether an attempt on a number is open; it reads the index alone, in every plan."""
    return exists().where(calls.c.to_number == number, text(OPEN_ATTEMPT), *but)


def is_on_own_call(number: ColumnElement[str], organization_id: ColumnElement[str]) -> Exists:
    """Tell in SQL whether an attempt of an organization on a number is open."""
    owner = (
        select(campaigns.c.organization_id)
        .where(campaigns.c.campaign_id == calls.c.campaign_id)
        .correlate(calls)
        .scalar_subquery()
    )
    return is_on_the_phone(number, owner == organization_id)


def is_number_taken(error: ConstraintViolated) -> bool:
    """Tell whether a statement failed because another attempt on its number is open."""
    return error.constraint == OPEN_NUMBER_INDEX
