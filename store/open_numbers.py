"""Which numbers are on the phone right now: a unique index lets each have one open attempt at most."""

from sqlalchemy import ColumnElement, Exists, exists, text

from domain.errors import ConstraintViolated
from store.schema import OPEN_ATTEMPT, OPEN_NUMBER_INDEX
from store.tables import calls


def is_on_the_phone(number: ColumnElement[str], *but: ColumnElement[bool]) -> Exists:
    """Tell in SQL whether an attempt on a number is open; it reads the index alone, in every plan."""
    return exists().where(calls.c.to_number == number, text(OPEN_ATTEMPT), *but)


def is_number_taken(error: ConstraintViolated) -> bool:
    """Tell whether a statement failed because another attempt on its number is open."""
    return error.constraint == OPEN_NUMBER_INDEX
