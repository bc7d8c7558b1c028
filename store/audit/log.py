"""Reads the audit log, and forgets what is old."""

from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.audit import Actor, AuditEntry, AuditFilter
from domain.identity import OrganizationId
from domain.ports import Page, Window
from store.database.engine import single_statement
from store.schema.tables import audit_log


class PostgresAuditLog:
    """The log of all organizations; implements `AuditLog`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list_entries(
        self, organization_id: OrganizationId, which: AuditFilter, window: Window
    ) -> Page[AuditEntry]:
        """Return entries, newest first."""
        c = audit_log.c
        matching = _matching(organization_id, which)
        newest_first = select(audit_log).where(*matching).order_by(c.at.desc(), c.entry_number.desc())
        async with single_statement(self._engine) as connection:
            total = await connection.execute(select(func.count()).select_from(audit_log).where(*matching))
            found = await connection.execute(newest_first.offset(window.skip).limit(window.limit))
        return Page(items=[_entry_of(row) for row in found.mappings()], total=total.scalar_one())

    async def forget(self, before: datetime, at_most: int) -> int:
        """Delete the oldest entries from before an instant, of all organizations; returns how many."""
        c = audit_log.c
        oldest = select(c.entry_number).where(c.at < before).order_by(c.at).limit(at_most)
        async with single_statement(self._engine) as connection:
            forgotten = await connection.execute(delete(audit_log).where(c.entry_number.in_(oldest)))
        return forgotten.rowcount


def _matching(organization_id: OrganizationId, which: AuditFilter) -> list[ColumnElement[bool]]:
    c = audit_log.c
    matching = [c.organization_id == organization_id]
    if which.object_id is not None:
        matching.append(c.object_id == which.object_id)
    if which.actions:
        matching.append(c.action.in_(which.actions))
    if which.since is not None:
        matching.append(c.at >= which.since)
    return matching


def _entry_of(row: RowMapping) -> AuditEntry:
    return AuditEntry(
        at=row["at"],
        actor=Actor(token_id=row["token_id"], name=row["actor"]),
        action=row["action"],
        object_id=row["object_id"],
        before=row["before"],
        after=row["after"],
    )
