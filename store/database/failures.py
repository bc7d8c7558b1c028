"""Whatever the database or its driver raises, as an error of the domain that repeats no row's values.

Postgres quotes rows: in DETAIL, in the CONTEXT of a COPY, in the message itself.
So nothing it says is handed on but the names of the schema, and the original is not chained.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from domain.errors import (
    ApolloError,
    ConstraintViolated,
    StatementRefused,
    StoreBusy,
    StoreReadOnly,
    StoreUnavailable,
    UnstorableValue,
)

READ_ONLY = "25006"
_INTEGRITY = "23"
_TOO_LATE = frozenset({"25P03", "25P04", "40001", "40P01", "55P03", "57014"})
"""Idle or long transactions ended by the server, conflicts, lock and statement timeouts."""
_UNSTORABLE = ("22", "54")
"""Data exceptions; limits of the program, such as a text too long for its index."""
_UNANSWERED = (psycopg.OperationalError, psycopg.InterfaceError)


class AnswerTimeout(psycopg.OperationalError):
    """The server said nothing for longer than any statement may take."""


@contextmanager
def translated_failures() -> Iterator[None]:
    """Raise errors of the domain instead of the database's.

    Raises StoreUnavailable, ConstraintViolated, UnstorableValue, StatementRefused.
    """
    try:
        yield
    # COPY and the codecs speak for themselves; nobody wraps their errors.
    except (SQLAlchemyError, psycopg.Error, UnicodeEncodeError) as error:
        original = getattr(error, "orig", None) or error
        # The driver's message about a lost connection holds no row, and names the host that did not answer.
        is_of_the_driver = isinstance(original, _UNANSWERED) and sqlstate_of(original) is None
        raise _told(original) from (error if is_of_the_driver else None)


def sqlstate_of(error: BaseException | None) -> str | None:
    """Return the five characters by which Postgres says what went wrong."""
    state: str | None = getattr(error, "sqlstate", None)
    return state


def _told(error: BaseException) -> ApolloError:
    state = sqlstate_of(error) or ""
    if state.startswith(_INTEGRITY) and isinstance(error, psycopg.Error):
        return ConstraintViolated(_constraint_of(error))
    if state == READ_ONLY:
        return StoreReadOnly()
    if state in _TOO_LATE or isinstance(error, PoolTimeout | AnswerTimeout):
        return StoreBusy()
    if state.startswith(_UNSTORABLE) or isinstance(error, psycopg.DataError | UnicodeEncodeError):
        return UnstorableValue()
    if isinstance(error, _UNANSWERED):
        return StoreUnavailable()
    return StatementRefused(f"{StatementRefused.__doc__}: {state or type(error).__name__}")


def _constraint_of(error: psycopg.Error) -> str | None:
    diagnosis = error.diag
    if diagnosis.constraint_name is not None:
        return diagnosis.constraint_name
    return ".".join(filter(None, (diagnosis.table_name, diagnosis.column_name))) or None
