"""The audit log's entries about suppressed numbers: their entries' ids, never the numbers or the reasons."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import AuditAction, AuditedChange, differing
from domain.identity import OrganizationId
from domain.suppression import Suppression
from store.audit.recording import record


async def record_listing(
    connection: AsyncConnection,
    known: Suppression | None,
    kept: Suppression,
    now: datetime,
    *,
    is_new: bool,
) -> None:
    """Write that a number was listed, or listed again; `known` is its entry from before, if that was read."""
    told = _told(kept)
    if is_new:
        change = AuditedChange(
            action=AuditAction.SUPPRESSION_CREATE, object_id=kept.suppression_id, after=told
        )
    else:
        before, after = ({}, told) if known is None else differing(_told(known), told)
        change = AuditedChange(
            action=AuditAction.SUPPRESSION_UPDATE,
            object_id=kept.suppression_id,
            before=before,
            after=after,
        )
    await record(connection, kept.organization_id, change, now)


async def record_import(
    connection: AsyncConnection, organization_id: OrganizationId, added: int, updated: int, now: datetime
) -> None:
    """Write that a file was listed: one entry about the whole list, whatever its length."""
    change = AuditedChange(
        action=AuditAction.SUPPRESSION_IMPORT,
        object_id=organization_id,
        after={"added": added, "updated": updated},
    )
    await record(connection, organization_id, change, now)


async def record_removal(connection: AsyncConnection, gone: Suppression, now: datetime) -> None:
    """Write that a number may be called again."""
    change = AuditedChange(
        action=AuditAction.SUPPRESSION_DELETE, object_id=gone.suppression_id, before=_told(gone)
    )
    await record(connection, gone.organization_id, change, now)


def _told(entry: Suppression) -> Mapping[str, object]:
    return {
        "expires_at": entry.expires_at,
        "execution_id": entry.execution_id,
        "added_by": entry.added_by,
        "created_at": entry.created_at,
    }
