"""Writes a batch and all its contacts in one transaction, and gives it its place under its campaign."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import psycopg
from sqlalchemy import ColumnElement, Row, Select, exists, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import AuditAction, AuditedChange
from domain.batch import Batch, NewBatch, status_of_new_batch
from domain.campaign import CampaignStatus
from domain.contact import ContactStatus, NewContact, SkipReason
from domain.counters import Counters
from domain.errors import CampaignClosed, CampaignNotFound
from domain.identity import BATCH_PREFIX, CONTACT_PREFIX, MintId
from domain.number_zones import ZONES_VERSION
from domain.zones import FROM_NUMBER
from store.audit.recording import record
from store.numbers.suppressed import holds_at, number_hash
from store.schema.mapping import batch_of, batch_values
from store.schema.tables import batches, campaigns, contacts, suppressions

_COPIED = (
    "contact_id",
    "batch_id",
    "campaign_id",
    "position",
    "external_id",
    "phone_number",
    "timezone",
    "call_variables",
    "status",
    "skip_reason",
    "skip_detail",
    "created_at",
    "updated_at",
    "number_timezones",
    "not_before",
    "priority",
    "zones_version",
)
_COPY = f"COPY contacts ({', '.join(_COPIED)}) FROM STDIN"

_BREATH = 500
"""Rows written before other requests get a turn; about two milliseconds."""

_REVIVED = (CampaignStatus.DRAFT, CampaignStatus.COMPLETED)


async def create_batch(
    connection: AsyncConnection,
    new: NewBatch,
    uploaded: Sequence[NewContact],
    now: datetime,
    mint: MintId,
) -> Batch:
    """Keep a batch and its contacts; see `BatchStore.create`. Runs within a transaction.

    The campaign is locked last, for its other requests would wait as long as the contacts are being written.
    """
    batch = await insert_batch(connection, new, len(uploaded), now, mint)
    counters = _counters(uploaded)
    suppressed = await write_contacts(connection, batch, uploaded, now, mint)
    pending, skipped = counters.pending - suppressed, counters.skipped + suppressed
    counted = replace(batch, counters=replace(counters, pending=pending, skipped=skipped))
    return await place_under_campaign(connection, new, counted, now)


async def insert_batch(
    connection: AsyncConnection, new: NewBatch, total_contacts: int, now: datetime, mint: MintId
) -> Batch:
    """Write a batch's row, its contacts to follow. Raises CampaignNotFound, CampaignClosed."""
    seen = (await connection.execute(_campaign(new))).one_or_none()
    status, paused_by = status_of_new_batch(_require_open(seen), new.scheduled_start, now)
    values = batch_values(new) | {
        "batch_id": mint(BATCH_PREFIX),
        "status": status,
        "paused_by": paused_by,
        "total_contacts": total_contacts,
        "zones_version": ZONES_VERSION,
        "created_at": now,
        "updated_at": now,
    }
    kept = await connection.execute(insert(batches).values(**values).returning(batches))
    return batch_of(kept.mappings().one())


async def place_under_campaign(
    connection: AsyncConnection, new: NewBatch, batch: Batch, now: datetime
) -> Batch:
    """Bring the campaign to life with a batch that is written; returns the batch as it stands under it.

    Raises CampaignNotFound, CampaignClosed.
    """
    locked = await connection.execute(_campaign(new).with_for_update(key_share=True))
    seen = locked.one_or_none()
    placed = await _follow_campaign(connection, batch, _require_open(seen), now)
    if seen is not None and (new.overrides.timezone or seen.timezone) == FROM_NUMBER:
        # The upload may have been read under another zone; until that is known nobody counts on it.
        await have_zones_learnt(connection, batches.c.batch_id == batch.batch_id)
    await record(connection, placed.organization_id, _creation(placed), now)
    return placed


async def write_contacts(
    connection: AsyncConnection,
    batch: Batch,
    uploaded: Sequence[NewContact],
    now: datetime,
    mint: MintId,
    *,
    after: int = 0,
) -> int:
    """Write contacts behind a position; returns how many of them are skipped for a suppression."""
    await _copy_contacts(connection, _copied_rows(batch, uploaded, now, mint, after=after))
    return await _skip_suppressed(connection, batch, now, after=after)


def _creation(batch: Batch) -> AuditedChange:
    told = {
        "campaign_id": batch.campaign_id,
        "parent_batch_id": batch.parent_batch_id,
        "status": batch.status,
        "total_contacts": batch.counters.total,
        "scheduled_start": batch.scheduled_start,
        "scheduled_end": batch.scheduled_end,
    }
    return AuditedChange(action=AuditAction.BATCH_CREATE, object_id=batch.batch_id, after=told)


async def have_zones_learnt(connection: AsyncConnection, *which: ColumnElement[bool]) -> None:
    """Have the housekeeping look whether contacts of some batches ask for zones that were not learnt."""
    await connection.execute(update(batches).where(*which).values(zones_version=None))


def _campaign(new: NewBatch) -> Select[str, str]:
    c = campaigns.c
    return select(c.status, c.timezone).where(
        c.campaign_id == new.campaign_id,
        c.organization_id == new.organization_id,
        c.deleted_at.is_(None),
    )


def _require_open(seen: Row[str, str] | None) -> CampaignStatus:
    if seen is None:
        raise CampaignNotFound
    if seen.status == CampaignStatus.CANCELLED:
        raise CampaignClosed
    return CampaignStatus(seen.status)


async def _follow_campaign(
    connection: AsyncConnection, batch: Batch, campaign: CampaignStatus, now: datetime
) -> Batch:
    """Bring the campaign to life, and give the batch the status it has under the campaign as it stands."""
    if campaign in _REVIVED:
        await connection.execute(
            update(campaigns)
            .where(campaigns.c.campaign_id == batch.campaign_id)
            .values(status=CampaignStatus.ACTIVE, updated_at=now)
        )
    status, paused_by = status_of_new_batch(campaign, batch.scheduled_start, now)
    if status is batch.status:
        return batch
    await connection.execute(
        update(batches).where(batches.c.batch_id == batch.batch_id).values(status=status, paused_by=paused_by)
    )
    return replace(batch, status=status, paused_by=paused_by)


def _counters(uploaded: Sequence[NewContact]) -> Counters:
    skipped = sum(contact.skip_detail is not None for contact in uploaded)
    return Counters(pending=len(uploaded) - skipped, skipped=skipped)


async def _skip_suppressed(connection: AsyncConnection, batch: Batch, now: datetime, *, after: int) -> int:
    """Skip the good contacts whose numbers must not be called now; returns how many they are."""
    c, s = contacts.c, suppressions.c
    owner = literal(str(batch.organization_id))
    ways = (
        (s.phone_number, s.phone_number == c.phone_number),
        (s.number_hash, s.number_hash == number_hash(owner, c.phone_number)),
    )
    number = 0
    for column, is_listed in ways:
        in_force = (s.organization_id == batch.organization_id, column.is_not(None), holds_at(now))
        if not await connection.scalar(select(exists().where(*in_force))):
            continue
        skipped = await connection.execute(
            update(contacts)
            .where(
                c.batch_id == batch.batch_id,
                c.position > after,
                c.status == ContactStatus.PENDING,
                is_listed,
                *in_force,
            )
            .values(status=ContactStatus.SKIPPED, skip_reason=SkipReason.SUPPRESSED)
        )
        number += skipped.rowcount
    return number


async def _copy_contacts(connection: AsyncConnection, rows: Iterator[tuple[object, ...]]) -> None:
    driver = (await connection.get_raw_connection()).driver_connection
    if not isinstance(driver, psycopg.AsyncConnection):
        raise TypeError("the engine does not use psycopg")
    async with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        for number, row in enumerate(rows):
            await copy.write_row(row)
            if number % _BREATH == 0:
                await asyncio.sleep(0)


def _copied_rows(
    batch: Batch, uploaded: Sequence[NewContact], now: datetime, mint: MintId, *, after: int
) -> Iterator[tuple[object, ...]]:
    for position, contact in enumerate(uploaded, start=after + 1):
        is_bad = contact.skip_detail is not None
        yield (
            mint(CONTACT_PREFIX),
            batch.batch_id,
            batch.campaign_id,
            position,
            contact.external_id,
            contact.phone_number,
            contact.timezone,
            json.dumps(dict(contact.call_variables)),
            (ContactStatus.SKIPPED if is_bad else ContactStatus.PENDING).value,
            SkipReason.INVALID_NUMBER.value if is_bad else None,
            contact.skip_detail,
            now,
            now,
            None if contact.number_timezones is None else list(contact.number_timezones),
            contact.not_before,
            contact.priority,
            None if contact.number_timezones is None else ZONES_VERSION,
        )
