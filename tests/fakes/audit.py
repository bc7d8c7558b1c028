"""The audit log in memory: nothing is written here by itself."""

from datetime import datetime

from domain.audit import AuditEntry, AuditFilter
from domain.identity import OrganizationId
from domain.ports import Page, Window
from tests.fakes.tables import page_of


class FakeAuditLog:
    """Implements AuditLog over entries that a test puts there, newest first."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self.asked: list[tuple[OrganizationId, AuditFilter]] = []

    async def list_entries(
        self, organization_id: OrganizationId, which: AuditFilter, window: Window
    ) -> Page[AuditEntry]:
        """Return the entries, whatever the filter."""
        self.asked.append((organization_id, which))
        return page_of(self.entries, window)

    async def forget(self, before: datetime, at_most: int) -> int:
        """Delete entries from before an instant."""
        kept = [each for each in self.entries if each.at >= before]
        gone = min(len(self.entries) - len(kept), at_most)
        self.entries = self.entries[: len(self.entries) - gone]
        return gone
