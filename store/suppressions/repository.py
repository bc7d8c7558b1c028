"""The numbers organizations must not call."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import ExecutionNotFound, SuppressionNotFound
from domain.identity import ExecutionId, MintId, OrganizationId, SuppressionId, TokenId
from domain.ports import AddedSuppression, ImportedSuppressions, Page, Window
from domain.suppression import OPTED_OUT, NewSuppression, SkippedContact, Suppression
from store.access.organizations import keep_organization
from store.database.engine import bulk_transaction, single_statement, transaction
from store.numbers.claim_locks import hold_claims
from store.numbers.suppressed import number_hash
from store.schema.mapping import suppression_of
from store.schema.tables import calls, campaigns, suppressions
from store.suppressions import listing
from store.suppressions.audit import record_import, record_listing, record_removal


class PostgresSuppressionStore:
    """The entries of all organizations; implements `SuppressionStore`."""

    def __init__(self, engine: AsyncEngine, mint: MintId) -> None:
        self._engine = engine
        self._mint = mint

    async def add(
        self, organization_id: OrganizationId, new: NewSuppression, now: datetime, *, added_by: TokenId
    ) -> AddedSuppression:
        """List a number; one that is listed takes the new reason and expiry, unless its callee opted out."""
        c = suppressions.c
        entry = select(suppressions).where(
            c.organization_id == organization_id, c.phone_number == new.phone_number
        )
        async with transaction(self._engine) as connection:
            await keep_organization(connection, organization_id, now)
            before = (await connection.execute(entry)).mappings().one_or_none()
            known = None if before is None else suppression_of(before)
            added, _ = await self._list(connection, organization_id, [new], now, added_by)
            skipped = await listing.skip_sleepers(connection, organization_id, [new.phone_number], now)
            kept = suppression_of((await connection.execute(entry)).mappings().one())
            if kept != known:
                await record_listing(connection, known, kept, now, is_new=added == 1)
            await hold_claims(connection, organization_id)
            return AddedSuppression(suppression=kept, is_new=added == 1, skipped=skipped)

    async def add_all(
        self,
        organization_id: OrganizationId,
        new: Sequence[NewSuppression],
        now: datetime,
        *,
        added_by: TokenId,
    ) -> ImportedSuppressions:
        """Do the same for many different numbers, all or none of them."""
        async with bulk_transaction(self._engine) as connection:
            added = updated = 0
            skipped: list[SkippedContact] = []
            await keep_organization(connection, organization_id, now)
            chunks = await listing.in_chunks(new)
            for chunk in chunks:
                fresh, known = await self._list(connection, organization_id, chunk, now, added_by)
                added, updated = added + fresh, updated + known
            # Only now, so that contacts are held for the shorter part of it.
            for chunk in chunks:
                numbers = [each.phone_number for each in chunk]
                skipped += await listing.skip_sleepers(connection, organization_id, numbers, now)
            await record_import(connection, organization_id, added, updated, now)
            await hold_claims(connection, organization_id)
        return ImportedSuppressions(added=added, updated=updated, skipped=skipped)

    async def opt_out(
        self, execution_id: ExecutionId, now: datetime, *, reason: str = OPTED_OUT
    ) -> Sequence[SkippedContact]:
        """List the number an attempt called, for good. Raises ExecutionNotFound."""
        async with transaction(self._engine) as connection:
            return await listing.opt_out(connection, execution_id, now, self._mint, reason=reason)

    async def number_called(self, organization_id: OrganizationId, execution_id: ExecutionId) -> str:
        """Return the number an attempt called, deleted campaigns included.

        Raises ExecutionNotFound, of an erased person too.
        """
        called = (
            select(calls.c.to_number)
            .join_from(calls, campaigns, calls.c.campaign_id == campaigns.c.campaign_id)
            .where(
                calls.c.execution_id == execution_id,
                calls.c.erased_at.is_(None),
                campaigns.c.organization_id == organization_id,
            )
        )
        async with single_statement(self._engine) as connection:
            number: str | None = await connection.scalar(called)
        if number is None:
            raise ExecutionNotFound
        return number

    async def list_suppressions(
        self, organization_id: OrganizationId, *, phone_number: str | None, window: Window
    ) -> Page[Suppression]:
        """Return entries, newest first, expired ones too."""
        c = suppressions.c
        matching = [c.organization_id == organization_id]
        if phone_number is not None:
            erased = number_hash(literal(organization_id), literal(phone_number))
            matching.append(or_(c.phone_number == phone_number, c.number_hash == erased))
        page = (
            select(suppressions)
            .where(*matching)
            .order_by(c.created_at.desc(), c.suppression_id.desc())
            .offset(window.skip)
            .limit(window.limit)
        )
        async with single_statement(self._engine) as connection:
            total = await connection.execute(select(func.count()).select_from(suppressions).where(*matching))
            rows = (await connection.execute(page)).mappings().all()
        return Page(items=[suppression_of(row) for row in rows], total=total.scalar_one())

    async def get(self, organization_id: OrganizationId, suppression_id: SuppressionId) -> Suppression:
        """Raises SuppressionNotFound."""
        c = suppressions.c
        one = select(suppressions).where(
            c.suppression_id == suppression_id, c.organization_id == organization_id
        )
        async with single_statement(self._engine) as connection:
            row = (await connection.execute(one)).mappings().one_or_none()
        if row is None:
            raise SuppressionNotFound
        return suppression_of(row)

    async def remove(
        self, organization_id: OrganizationId, suppression_id: SuppressionId, now: datetime
    ) -> None:
        """Let the number be called again. Raises SuppressionNotFound."""
        c = suppressions.c
        this = (
            delete(suppressions)
            .where(c.suppression_id == suppression_id, c.organization_id == organization_id)
            .returning(suppressions)
        )
        async with transaction(self._engine) as connection:
            gone = (await connection.execute(this)).mappings().one_or_none()
            if gone is None:
                raise SuppressionNotFound
            await record_removal(connection, suppression_of(gone), now)

    async def _list(
        self,
        connection: AsyncConnection,
        organization_id: OrganizationId,
        new: Sequence[NewSuppression],
        now: datetime,
        added_by: TokenId,
    ) -> tuple[int, int]:
        return await listing.list_numbers(
            connection, organization_id, new, now, added_by=added_by, mint=self._mint
        )
