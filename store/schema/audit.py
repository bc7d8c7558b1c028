"""The audit log, as a table."""

from datetime import datetime

from sqlalchemy import BigInteger, Identity, Index, Text
from sqlmodel import Field

from store.schema.base import INSTANT, JSON_OR_NULL, Row


class AuditRow(Row, table=True):
    """One accepted change; only ever added, and deleted with age."""

    __tablename__ = "audit_log"
    __table_args__ = (
        Index(None, "organization_id", "at", "entry_number"),
        Index(None, "organization_id", "object_id", "at", "entry_number"),
        Index(None, "organization_id", "action", "at", "entry_number"),
        Index(None, "at"),
    )

    entry_number: int = Field(sa_type=BigInteger, sa_column_args=(Identity(always=True),), primary_key=True)
    organization_id: str = Field(sa_type=Text, foreign_key="organizations.organization_id")
    at: datetime = Field(sa_type=INSTANT)
    token_id: str | None = Field(sa_type=Text)
    """No reference: the log outlives what it tells of."""
    actor: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    object_id: str = Field(sa_type=Text)
    before: dict[str, object] | None = Field(sa_type=JSON_OR_NULL)
    after: dict[str, object] | None = Field(sa_type=JSON_OR_NULL)
