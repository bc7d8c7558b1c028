"""What all tables have in common: types, names of constraints, and the metadata that holds them."""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

INSTANT = DateTime(timezone=True)
JSON_OR_NULL = JSONB(none_as_null=True)

OPEN_NUMBER_INDEX = "uq_calls_open_number"
OPEN_ATTEMPT = "dial_state <> 'ready' AND call_status IN ('queued', 'ringing', 'in_progress')"
"""Holds for a row of `calls` that was asked for, or may have been, and has not ended."""

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
