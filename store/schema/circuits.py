"""The table of circuits as the workers reported them last."""

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field

from domain.breaker import BreakerState
from store.schema.base import INSTANT, Row, Word, one_of


class ProviderRouteRow(Row, table=True):
    """The newest report of the way to a provider."""

    __tablename__ = "provider_routes"
    __table_args__ = (one_of("state", BreakerState),)

    provider: str = Field(primary_key=True, sa_type=Text)
    state: str = Field(sa_type=Word)
    since: datetime = Field(sa_type=INSTANT)
    errors: int
    reason: str | None = Field(sa_type=Text)
    probe_at: datetime | None = Field(sa_type=INSTANT)
