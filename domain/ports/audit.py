"""The log of accepted changes; each verb of a store that changes something for somebody writes it itself."""

from datetime import datetime
from typing import Protocol

from domain.audit import AuditEntry, AuditFilter
from domain.identity import OrganizationId
from domain.ports.paging import Page, Window


class AuditLog(Protocol):
    """What was changed, by whom."""

    async def list_entries(
        self, organization_id: OrganizationId, which: AuditFilter, window: Window
    ) -> Page[AuditEntry]:
        """Return entries, newest first."""

    async def forget(self, before: datetime, at_most: int) -> int:
        """Delete the oldest entries from before an instant, of all organizations; returns how many."""
