"""Organizations, API tokens, suppressed numbers and idempotency keys, as tables."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, text
from sqlmodel import Field

from domain.access import TokenScope
from store.schema.base import INSTANT, Row, Word, one_of


class OrganizationRow(Row, table=True):
    """The owner of tokens and campaigns."""

    __tablename__ = "organizations"

    organization_id: str = Field(primary_key=True, sa_type=Text)
    created_at: datetime = Field(sa_type=INSTANT)


class TokenRow(Row, table=True):
    """An API token; its secret is kept only as a hash."""

    __tablename__ = "tokens"
    __table_args__ = (
        one_of("scope", TokenScope),
        Index(None, "organization_id", "created_at", "token_id"),
    )

    token_id: str = Field(primary_key=True, sa_type=Text)
    organization_id: str = Field(sa_type=Text, foreign_key="organizations.organization_id")
    name: str = Field(sa_type=Text)
    scope: str = Field(sa_type=Word, sa_column_kwargs={"server_default": text("'full'")})
    secret_sha256: str = Field(sa_type=Text, unique=True)
    created_at: datetime = Field(sa_type=INSTANT)
    expires_at: datetime | None = Field(sa_type=INSTANT)
    last_used_at: datetime | None = Field(sa_type=INSTANT)
    revoked_at: datetime | None = Field(sa_type=INSTANT)


class SuppressionRow(Row, table=True):
    """A number an organization must not call."""

    __tablename__ = "suppressions"
    __table_args__ = (
        UniqueConstraint("organization_id", "phone_number"),
        CheckConstraint("(phone_number IS NULL) = (number_hash IS NOT NULL)", name="number_or_hash"),
        Index(None, "organization_id", "created_at", "suppression_id"),
        Index(
            "ix_suppressions_number_hash",
            *("organization_id", "number_hash"),
            postgresql_where=text("number_hash IS NOT NULL"),
        ),
    )

    suppression_id: str = Field(primary_key=True, sa_type=Text)
    organization_id: str = Field(sa_type=Text, foreign_key="organizations.organization_id")
    phone_number: str | None = Field(sa_type=Text)
    """Null once the person was erased."""
    number_hash: str | None = Field(sa_type=Text)
    """Of an erased number, made by the database's function `number_hash`."""
    reason: str | None = Field(sa_type=Text)
    expires_at: datetime | None = Field(sa_type=INSTANT)
    execution_id: str | None = Field(sa_type=Text)
    added_by: str | None = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)


class IdempotencyKeyRow(Row, table=True):
    """A request a client may repeat, written with its effect.

    One without `finished_at` was left by an older release, which wrote the row first.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint("(finished_at IS NULL) = (body IS NULL)", name="finished_with_a_body"),
        Index(None, "finished_at"),
    )

    organization_id: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(primary_key=True, sa_type=Text)
    key: str = Field(primary_key=True, sa_type=Text)
    fingerprint: str = Field(sa_type=Text)
    claimed_at: datetime = Field(sa_type=INSTANT)
    body: str | None = Field(sa_type=Text)
    finished_at: datetime | None = Field(sa_type=INSTANT)
