"""Suppressed numbers in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.batch import TERMINAL_BATCH
from domain.contact import SLEEPING, SkipReason
from domain.errors import ExecutionNotFound, SuppressionNotFound
from domain.identity import SUPPRESSION_PREFIX, ExecutionId, OrganizationId, SuppressionId, TokenId
from domain.ports import AddedSuppression, ImportedSuppressions, Page, Window
from domain.suppression import OPTED_OUT, NewSuppression, SkippedContact, Suppression
from tests.fakes.tables import Tables, newest_first, page_of


class FakeSuppressionStore:
    """Implements SuppressionStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def add(
        self, organization_id: OrganizationId, new: NewSuppression, now: datetime, *, added_by: TokenId
    ) -> AddedSuppression:
        """List a number; one that is listed takes the new reason and expiry, unless its callee opted out."""
        self._tables.require_up()
        known = self._find(organization_id, new.phone_number)
        kept = self._keep(organization_id, new, now, added_by)
        skipped = self._skip_sleepers(organization_id, new, now)
        return AddedSuppression(suppression=kept, is_new=known is None, skipped=skipped)

    async def add_all(
        self,
        organization_id: OrganizationId,
        new: Sequence[NewSuppression],
        now: datetime,
        *,
        added_by: TokenId,
    ) -> ImportedSuppressions:
        """Do the same for many different numbers."""
        done = [await self.add(organization_id, each, now, added_by=added_by) for each in new]
        added = sum(each.is_new for each in done)
        skipped = [contact for each in done for contact in each.skipped]
        return ImportedSuppressions(added=added, updated=len(done) - added, skipped=skipped)

    async def opt_out(
        self, execution_id: ExecutionId, now: datetime, *, reason: str = OPTED_OUT
    ) -> Sequence[SkippedContact]:
        """List the number an attempt called, for good. Raises ExecutionNotFound."""
        self._tables.require_up()
        call = self._tables.calls.get(execution_id)
        if call is None:
            raise ExecutionNotFound
        organization_id = self._tables.campaigns[call.campaign_id].organization_id
        wish = NewSuppression(phone_number=call.to_number, reason=reason, execution_id=execution_id)
        self._keep(organization_id, wish, now, None)
        return self._skip_sleepers(organization_id, wish, now)

    async def number_called(self, organization_id: OrganizationId, execution_id: ExecutionId) -> str:
        """Return the number an attempt called. Raises ExecutionNotFound."""
        self._tables.require_up()
        call = self._tables.calls.get(execution_id)
        if call is None or self._tables.campaigns[call.campaign_id].organization_id != organization_id:
            raise ExecutionNotFound
        return call.to_number

    async def list_suppressions(
        self, organization_id: OrganizationId, *, phone_number: str | None, window: Window
    ) -> Page[Suppression]:
        """Return entries, newest first, expired ones too."""
        self._tables.require_up()
        matching = [
            each
            for each in self._tables.suppressions.values()
            if each.organization_id == organization_id
            and phone_number in (None, self._tables.listed_number(each))
        ]
        return page_of(newest_first(matching, lambda each: (each.created_at, each.suppression_id)), window)

    async def get(self, organization_id: OrganizationId, suppression_id: SuppressionId) -> Suppression:
        """Raises SuppressionNotFound."""
        self._tables.require_up()
        found = self._tables.suppressions.get(suppression_id)
        if found is None or found.organization_id != organization_id:
            raise SuppressionNotFound
        return found

    async def remove(
        self, organization_id: OrganizationId, suppression_id: SuppressionId, now: datetime
    ) -> None:
        """Let the number be called again. Raises SuppressionNotFound."""
        await self.get(organization_id, suppression_id)
        del self._tables.suppressions[suppression_id]

    def _find(self, organization_id: OrganizationId, number: str) -> Suppression | None:
        mine = (each for each in self._tables.suppressions.values() if each.phone_number == number)
        return next((each for each in mine if each.organization_id == organization_id), None)

    def _keep(
        self, organization_id: OrganizationId, new: NewSuppression, now: datetime, added_by: TokenId | None
    ) -> Suppression:
        listed = self._find(organization_id, new.phone_number)
        if listed is not None and listed.is_opt_out:
            return listed
        known = listed or Suppression(
            suppression_id=SuppressionId(self._tables.mint(SUPPRESSION_PREFIX)),
            organization_id=organization_id,
            phone_number=new.phone_number,
            created_at=now,
            updated_at=now,
        )
        kept = replace(
            known,
            reason=new.reason,
            expires_at=new.expires_at,
            execution_id=new.execution_id,
            added_by=added_by,
            updated_at=now,
        )
        self._tables.suppressions[kept.suppression_id] = kept
        return kept

    def _skip_sleepers(
        self, organization_id: OrganizationId, new: NewSuppression, now: datetime
    ) -> Sequence[SkippedContact]:
        if not self._tables.is_suppressed(organization_id, new.phone_number, now):
            return []
        sleepers = [
            each
            for each in self._tables.contacts.values()
            if each.phone_number == new.phone_number
            and each.status in SLEEPING
            and self._tables.batches[each.batch_id].organization_id == organization_id
            and self._tables.batches[each.batch_id].status not in TERMINAL_BATCH
        ]
        for each in sleepers:
            self._tables.skip(each, SkipReason.SUPPRESSED, now)
        return [
            SkippedContact(batch_id=each.batch_id, contact_id=each.contact_id, was=each.status)
            for each in sorted(sleepers, key=lambda each: each.contact_id)
        ]
