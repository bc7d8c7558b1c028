"""Writes contacts behind those of a batch, in one transaction.

Appends to a batch pass one at a time, by a lock that only they take, and its row is locked once they are
written: a hundred thousand contacts take seconds, and no dial of the batch waits so long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Integer, Select, Text, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import AuditAction, AuditedChange
from domain.batch import MAX_CONTACTS_OF_BATCH, Batch
from domain.contact import NewContact, SkipReason
from domain.errors import BatchFull, BatchNotFound, NumbersKnown
from domain.identity import BatchId, MintId, OrganizationId
from domain.lifecycle import require_open_to_contacts
from domain.ports import AppendedContacts
from domain.zones import FROM_NUMBER
from store.audit.recording import record
from store.batches.intake import have_zones_learnt, write_contacts
from store.batches.moves import move_batches
from store.schema.mapping import Values, batch_of
from store.schema.tables import batches, campaigns, contacts

_APPENDS = 4_245
"""The family of locks by which appends to one batch pass one at a time."""


@dataclass(frozen=True, kw_only=True)
class Appendix:
    """Contacts for a batch that is there."""

    organization_id: OrganizationId
    batch_id: BatchId
    contacts: Sequence[NewContact]
    refuses_duplicates: bool


async def append_contacts(
    connection: AsyncConnection, sent: Appendix, now: datetime, mint: MintId
) -> AppendedContacts:
    """Keep contacts behind those of a batch; see `BatchStore.append`. Runs within a transaction."""
    await connection.execute(select(_lock(sent.batch_id)))
    batch = await _read(connection, _own(sent))
    require_open_to_contacts(batch.status)
    known = await _known_numbers(connection, sent)
    rows = [row for row, each in enumerate(sent.contacts) if _is_known(each, known)]
    if rows and sent.refuses_duplicates:
        raise NumbersKnown(rows)
    fresh = [each for each in sent.contacts if not _is_known(each, known)]
    total = batch.total_contacts + len(fresh)
    if total > MAX_CONTACTS_OF_BATCH:
        raise BatchFull.of(MAX_CONTACTS_OF_BATCH, batch.total_contacts)
    if fresh:
        await write_contacts(connection, batch, fresh, now, mint, after=batch.total_contacts)
        await _have_zones_learnt(connection, await _grow(connection, sent, total, now))
        await record(connection, batch.organization_id, _growth(batch, total), now)
    return AppendedContacts(total_contacts=total, duplicates=len(rows))


def _lock(batch_id: BatchId) -> ColumnElement[None]:
    return func.pg_advisory_xact_lock(cast(literal(_APPENDS), Integer), func.hashtext(literal(batch_id)))


def _own(sent: Appendix) -> Select[*tuple[Any, ...]]:
    c = batches.c
    return (
        select(batches)
        .join_from(batches, campaigns, c.campaign_id == campaigns.c.campaign_id)
        .where(
            c.batch_id == sent.batch_id,
            c.organization_id == sent.organization_id,
            c.deleted_at.is_(None),
            campaigns.c.deleted_at.is_(None),
        )
    )


async def _read(connection: AsyncConnection, own: Select[*tuple[Any, ...]]) -> Batch:
    row = (await connection.execute(own)).mappings().one_or_none()
    if row is None:
        raise BatchNotFound
    return batch_of(row)


async def _grow(connection: AsyncConnection, sent: Appendix, total: int, now: datetime) -> Batch:
    """Count the contacts in with the batch, unless it has ended while they were written; returns it.

    Its end counts them where it comes later. Until its workflow looks it is taken to rest.
    """
    locked = await _read(connection, _own(sent).with_for_update(key_share=True, of=batches))
    require_open_to_contacts(locked.status)
    values: Values = {"total_contacts": total, "rests_since": now}
    await move_batches(connection, values, now, batches.c.batch_id == sent.batch_id)
    return locked


async def _have_zones_learnt(connection: AsyncConnection, batch: Batch) -> None:
    """The contacts may have been read under another zone than the campaign has by now."""
    # Behind the lock of the batch: a change of the campaign that came before it is seen, a later one waits.
    of_campaign = select(campaigns.c.timezone).where(campaigns.c.campaign_id == batch.campaign_id)
    if (batch.overrides.timezone or await connection.scalar(of_campaign)) == FROM_NUMBER:
        await have_zones_learnt(connection, batches.c.batch_id == batch.batch_id)


async def _known_numbers(connection: AsyncConnection, sent: Appendix) -> frozenset[str]:
    c = contacts.c
    numbers = literal([each.phone_number for each in sent.contacts], ARRAY(Text))
    known = select(c.phone_number).where(
        c.batch_id == sent.batch_id,
        c.skip_reason.is_distinct_from(SkipReason.INVALID_NUMBER),
        c.erased_at.is_(None),
        c.phone_number.in_(select(func.unnest(numbers))),  # joined by hash, whatever the plan
    )
    return frozenset((await connection.scalars(known)).all())


def _is_known(contact: NewContact, known: frozenset[str]) -> bool:
    return contact.skip_detail is None and contact.phone_number in known


def _growth(batch: Batch, total: int) -> AuditedChange:
    return AuditedChange(
        action=AuditAction.BATCH_APPEND,
        object_id=batch.batch_id,
        before={"total_contacts": batch.total_contacts},
        after={"total_contacts": total},
    )
