"""What all tables have in common: types, names of constraints, and the metadata that holds them."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ColumnElement, DateTime, MetaData, Text, TypeDecorator, literal_column
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.operators import OperatorType
from sqlmodel import SQLModel

INSTANT = DateTime(timezone=True)
JSON_OR_NULL = JSONB(none_as_null=True)

OPEN_NUMBER_INDEX = "uq_calls_open_number"
OPEN_ATTEMPT = "dial_state <> 'ready' AND call_status IN ('queued', 'ringing', 'in_progress')"
"""Holds for a row of `calls` that was asked for, or may have been, and has not ended."""


class Word(TypeDecorator[str]):
    """A column of `one_of` some words; they stand in the text of a statement that compares it with them.

    Postgres prepares a statement for whatever its parameters may be, and then finds no index of some rows,
    such as `WHERE status = 'retrying'`, by one that says `status = $1`.
    """

    impl = Text
    cache_ok = True

    class Comparator(TypeDecorator.Comparator[str]):
        """Writes words out."""

        def operate(self, op: OperatorType, *other: Any, **options: Any) -> ColumnElement[Any]:
            """Compare, with words in place of parameters."""
            return super().operate(op, *map(_written_out, other), **options)

    comparator_factory = Comparator


def _written_out(compared: Any) -> Any:
    """Return words as SQL, and anything else as it is."""
    if isinstance(compared, str):
        if not compared.replace("_", "").replace(".", "").isalnum():
            raise ValueError("only words are written into a statement")
        return literal_column(f"'{compared}'", Text)
    if isinstance(compared, list | tuple | set | frozenset):
        return [_written_out(each) for each in compared]
    return compared


METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    """Return the constraint that keeps a column within an enum; null passes."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


class Row(SQLModel):
    """What every table shares."""

    metadata = METADATA
