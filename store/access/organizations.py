"""Organizations; one exists as soon as it is named."""

from datetime import datetime

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.identity import OrganizationId
from store.schema.tables import organizations


async def keep_organization(
    connection: AsyncConnection, organization_id: OrganizationId, now: datetime
) -> None:
    """Keep an organization, once."""
    await connection.execute(
        insert(organizations)
        .values(organization_id=organization_id, created_at=now)
        .on_conflict_do_nothing(index_elements=["organization_id"])
    )
