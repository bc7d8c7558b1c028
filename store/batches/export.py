"""Batches read from one end to the other."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.call import CallRecord
from domain.contact import Contact
from domain.identity import BatchId
from store.database.engine import single_statement
from store.schema.mapping import call_of, contact_of
from store.schema.tables import calls, contacts


class PostgresExportStore:
    """Stretches of any batch; implements `ExportStore`.

    No transaction spans two of them, since a slow download would keep it open.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def variable_names(self, batch_id: BatchId) -> Collection[str]:
        """Return the name of every call variable that some contact of a batch has."""
        names = (
            select(func.jsonb_object_keys(contacts.c.call_variables))
            .where(contacts.c.batch_id == batch_id)
            .distinct()
        )
        async with single_statement(self._engine) as connection:
            return (await connection.scalars(names)).all()

    async def contacts_between(
        self, batch_id: BatchId, after: int, last: int
    ) -> Sequence[tuple[Contact, CallRecord | None]]:
        """Return the contacts behind position `after` up to `last`, in order, each with its newest call."""
        of_contact = calls.alias("of_contact")
        newest = (
            select(func.max(of_contact.c.attempt))
            .where(of_contact.c.contact_id == contacts.c.contact_id)
            .scalar_subquery()
        )
        is_newest = and_(calls.c.contact_id == contacts.c.contact_id, calls.c.attempt == newest)
        page = (
            select(contacts, calls)
            .join_from(contacts, calls, is_newest, isouter=True)
            .where(_between(batch_id, after, last))
            .order_by(contacts.c.position)
        )
        async with single_statement(self._engine) as connection:
            found = await connection.execute(page)
        return [
            (contact_of(row), None if row[calls.c.execution_id] is None else call_of(row))
            for row in found.mappings()
        ]

    async def calls_between(
        self, batch_id: BatchId, after: int, last: int
    ) -> Sequence[tuple[Contact, CallRecord]]:
        """Return every call of those contacts, by position and attempt."""
        page = (
            select(contacts, calls)
            .join_from(contacts, calls, calls.c.contact_id == contacts.c.contact_id)
            .where(_between(batch_id, after, last))
            .order_by(contacts.c.position, calls.c.attempt)
        )
        async with single_statement(self._engine) as connection:
            found = await connection.execute(page)
        return [(contact_of(row), call_of(row)) for row in found.mappings()]


def _between(batch_id: BatchId, after: int, last: int) -> ColumnElement[bool]:
    c = contacts.c
    return and_(c.batch_id == batch_id, c.position > after, c.position <= last)
