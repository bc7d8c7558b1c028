"""Writes a batch of another one's contacts, in one transaction and without reading them."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Insert, func, insert, literal, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import Batch, NewBatch
from domain.contact import ContactStatus, SkipReason
from domain.counters import Counters
from domain.errors import NobodyLeft
from domain.identity import CONTACT_PREFIX, BatchId, MintId
from domain.ports import CalledAgain
from store.batches.intake import insert_batch, place_under_campaign
from store.database.ids import minted
from store.numbers.claim_locks import copy_contacts
from store.numbers.suppressed import is_suppressed
from store.schema.tables import batches, calls, contacts

_LEFT_OUT = (SkipReason.INVALID_NUMBER, SkipReason.SUPPRESSED, SkipReason.ERASED)


async def requeue(
    connection: AsyncConnection,
    new: NewBatch,
    parent: BatchId,
    which: CalledAgain,
    now: datetime,
    mint: MintId,
) -> Batch:
    """Keep a batch of contacts of its parent; see `BatchStore.requeue`. Runs within a transaction."""
    await copy_contacts(connection, new.organization_id)
    batch = await insert_batch(connection, new, 0, now, mint)
    copies = _copies(batch, parent, which).execution_options(preserve_rowcount=True)
    number = (await connection.execute(copies)).rowcount
    if not number:
        raise NobodyLeft
    await connection.execute(
        update(batches)
        .where(batches.c.batch_id == batch.batch_id)
        .values(total_contacts=number, zones_version=None)  # what is copied may not be learnt, or long ago
    )
    batch = replace(batch, total_contacts=number, counters=Counters(pending=number))
    return await place_under_campaign(connection, new, batch, now)


def _copies(batch: Batch, parent: BatchId, which: CalledAgain) -> Insert:
    c = contacts.c
    wanted = [
        c.batch_id == parent,
        c.status.in_(sorted(which.statuses)),
        c.erased_at.is_(None),
        or_(c.skip_reason.is_(None), c.skip_reason.not_in(_LEFT_OUT)),
        not_(is_suppressed(literal(batch.organization_id), c.phone_number, batch.created_at)),
    ]
    if which.dispositions:
        newest = (
            select(calls.c.disposition)
            .where(calls.c.contact_id == c.contact_id)
            .order_by(calls.c.attempt.desc())
            .limit(1)
            .scalar_subquery()
        )
        wanted.append(newest.in_(sorted(which.dispositions)))
    copied: dict[str, ColumnElement[Any]] = {
        "contact_id": minted(CONTACT_PREFIX),
        "batch_id": literal(batch.batch_id),
        "campaign_id": literal(batch.campaign_id),
        "position": func.row_number().over(order_by=c.position),
        "external_id": c.external_id,
        "phone_number": c.phone_number,
        "timezone": c.timezone,
        "number_timezones": c.number_timezones,
        "zones_version": c.zones_version,
        "call_variables": c.call_variables,
        "priority": c.priority,
        "status": literal(ContactStatus.PENDING.value),
        "created_at": literal(batch.created_at),
        "updated_at": literal(batch.created_at),
    }
    return insert(contacts).from_select(list(copied), select(*copied.values()).where(*wanted))
