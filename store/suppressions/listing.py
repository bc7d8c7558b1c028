"""Lists suppressed numbers, and skips the contacts that wait to be called on them.

Rows of contacts are taken as they come free: one that somebody holds is being claimed or ended right now,
and meets the entry when it is due. So nobody waits here, and nobody waits for us in a circle.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    Label,
    Select,
    Text,
    and_,
    case,
    exists,
    func,
    literal,
    literal_column,
    not_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import UNFINISHED_BATCH
from domain.contact import SLEEPING, ContactStatus, SkipReason
from domain.errors import ExecutionNotFound
from domain.identity import (
    SUPPRESSION_PREFIX,
    BatchId,
    ContactId,
    ExecutionId,
    MintId,
    OrganizationId,
    TokenId,
)
from domain.suppression import NewSuppression, SkippedContact
from store.calls.undialled import cancel_undialled
from store.database.parameters import among
from store.numbers.claim_locks import hold_claims
from store.numbers.suppressed import is_suppressed
from store.schema.base import INSTANT
from store.schema.mapping import suppression_of
from store.schema.tables import batches, calls, campaigns, contacts, suppressions
from store.suppressions.audit import record_listing

CHUNK = 500
"""Numbers in one statement; between two of them other requests run."""

_NAMES = ("suppression_id", "phone_number", "reason", "expires_at", "execution_id")
_RENEWED = ("reason", "expires_at", "execution_id", "added_by", "updated_at")
_IS_OPT_OUT = and_(suppressions.c.execution_id.is_not(None), suppressions.c.expires_at.is_(None))
"""The same as `Suppression.is_opt_out`: nothing that is listed later takes the place of such an entry."""

_number = attrgetter("phone_number")
_IS_NEW: Label[bool] = literal_column("xmax = 0", Boolean).label(
    "is_new"
)  # an updated row carries the updater's transaction


async def in_chunks(new: Sequence[NewSuppression]) -> Sequence[Sequence[NewSuppression]]:
    """Cut a list into chunks that follow each other in the order of their numbers.

    In one order, so that two imports never wait for each other in a circle; sorted bit by bit, for all at
    once would hold back everybody else's requests.
    """
    runs: list[Sequence[NewSuppression]] = []
    for start in range(0, len(new), CHUNK):
        runs.append(sorted(new[start : start + CHUNK], key=_number))
        await asyncio.sleep(0)
    merged = merge(*runs, key=_number)
    chunks: list[Sequence[NewSuppression]] = []
    while chunk := list(islice(merged, CHUNK)):
        chunks.append(chunk)
        await asyncio.sleep(0)
    return chunks


async def list_numbers(
    connection: AsyncConnection,
    organization_id: OrganizationId,
    new: Sequence[NewSuppression],
    now: datetime,
    *,
    added_by: TokenId,
    mint: MintId,
) -> tuple[int, int]:
    """List a chunk of different numbers; returns how many are new and how many were known.

    Runs within a transaction; the organization is kept already.
    """
    listed = insert(suppressions).from_select(
        [*_NAMES, "organization_id", "added_by", "created_at", "updated_at"],
        _rows(new, mint).add_columns(
            literal(organization_id, Text),
            literal(added_by, Text),
            literal(now, INSTANT),
            literal(now, INSTANT),
        ),
    )
    listed = listed.on_conflict_do_update(
        index_elements=[suppressions.c.organization_id, suppressions.c.phone_number],
        set_={
            name: case((_IS_OPT_OUT, suppressions.c[name]), else_=listed.excluded[name]) for name in _RENEWED
        },
    )
    kept = listed.returning(_IS_NEW).cte("kept")
    counted = select(func.count().filter(kept.c.is_new), func.count().filter(not_(kept.c.is_new)))
    added, updated = (await connection.execute(counted)).one()
    return added, updated


def _rows(new: Sequence[NewSuppression], mint: MintId) -> Select[*tuple[Any, ...]]:
    """Select the given numbers, in their order, out of one array for each column."""
    arrays = (
        literal([mint(SUPPRESSION_PREFIX) for _ in new], ARRAY(Text)),
        literal([each.phone_number for each in new], ARRAY(Text)),
        literal([each.reason for each in new], ARRAY(Text)),
        literal([each.expires_at for each in new], ARRAY(INSTANT)),
        literal([each.execution_id for each in new], ARRAY(Text)),
    )
    given = func.unnest(*arrays).table_valued(*_NAMES).render_derived("given")
    return select(*(given.c[name] for name in _NAMES)).order_by(given.c.phone_number)


async def opt_out(
    connection: AsyncConnection, execution_id: ExecutionId, now: datetime, mint: MintId, *, reason: str
) -> Sequence[SkippedContact]:
    """List the number of a call for good; see `SuppressionStore.opt_out`. Runs within a transaction."""
    # Held as it is, so that an erasure under way is over, or finds the entry.
    called = (
        select(campaigns.c.organization_id, calls.c.to_number, calls.c.erased_at, calls.c.number_hash)
        .join_from(calls, campaigns, calls.c.campaign_id == campaigns.c.campaign_id)
        .where(calls.c.execution_id == execution_id)
        .with_for_update(read=True, of=calls)
    )
    found = (await connection.execute(called)).one_or_none()
    if found is None:
        raise ExecutionNotFound
    organization_id, number = OrganizationId(found[0]), str(found[1])
    if found.erased_at is not None:
        if found.number_hash is not None:
            await _opt_hash_out(connection, organization_id, execution_id, now, mint, reason=reason)
        return []
    listed = insert(suppressions).values(
        suppression_id=mint(SUPPRESSION_PREFIX),
        organization_id=organization_id,
        phone_number=number,
        reason=reason,
        execution_id=execution_id,
        created_at=now,
        updated_at=now,
    )
    kept = await connection.execute(
        listed.on_conflict_do_update(
            index_elements=[suppressions.c.organization_id, suppressions.c.phone_number],
            set_={name: listed.excluded[name] for name in _RENEWED},
            where=not_(_IS_OPT_OUT),
        ).returning(suppressions, _IS_NEW)
    )
    row = kept.mappings().one_or_none()
    if row is not None:
        await record_listing(connection, None, suppression_of(row), now, is_new=row["is_new"])
    skipped = await skip_sleepers(connection, organization_id, [number], now)
    await hold_claims(connection, organization_id)
    return skipped


async def _opt_hash_out(
    connection: AsyncConnection,
    organization_id: OrganizationId,
    execution_id: ExecutionId,
    now: datetime,
    mint: MintId,
    *,
    reason: str,
) -> None:
    """List a number of which only its hash is known any more; an earlier opt-out stays as it is."""
    k = calls.c
    opted_out_before = exists().where(
        suppressions.c.organization_id == organization_id,
        suppressions.c.number_hash == k.number_hash,
        _IS_OPT_OUT,
    )
    columns = ("suppression_id", "organization_id", "number_hash", "reason", "execution_id")
    entry = select(
        literal(mint(SUPPRESSION_PREFIX), Text),
        literal(organization_id, Text),
        k.number_hash,
        literal(reason, Text),
        k.execution_id,
        literal(now, INSTANT),
        literal(now, INSTANT),
    ).where(k.execution_id == execution_id, not_(opted_out_before))
    listed = insert(suppressions).from_select([*columns, "created_at", "updated_at"], entry)
    row = (await connection.execute(listed.returning(suppressions))).mappings().one_or_none()
    if row is not None:
        await record_listing(connection, None, suppression_of(row), now, is_new=True)
        await hold_claims(connection, organization_id)


async def skip_sleepers(
    connection: AsyncConnection, organization_id: OrganizationId, numbers: Sequence[str], now: datetime
) -> Sequence[SkippedContact]:
    """Skip contacts that wait to be called again on one of these numbers that is suppressed now.

    Runs within a transaction.
    """
    c = contacts.c
    sleepers = (
        select(c.contact_id, c.status)
        .join_from(contacts, batches, c.batch_id == batches.c.batch_id)
        .where(
            c.phone_number == among(numbers),
            c.status.in_(sorted(SLEEPING)),
            batches.c.organization_id == organization_id,
            batches.c.status.in_(sorted(UNFINISHED_BATCH)),
            is_suppressed(literal(organization_id), c.phone_number, now),
        )
        .with_for_update(key_share=True, of=contacts, skip_locked=True)
        .cte("sleepers")
    )
    moved = await connection.execute(
        update(contacts)
        .where(c.contact_id == sleepers.c.contact_id)
        .values(
            status=ContactStatus.SKIPPED,
            skip_reason=SkipReason.SUPPRESSED,
            next_retry_at=None,
            follow_up_at=None,
            updated_at=now,
        )
        .returning(c.batch_id, c.contact_id, sleepers.c.status.label("was"))
    )
    skipped = [
        SkippedContact(batch_id=BatchId(batch), contact_id=ContactId(contact), was=ContactStatus(was))
        for batch, contact, was in moved
    ]
    if skipped:
        theirs = calls.c.contact_id == among([each.contact_id for each in skipped])
        await connection.execute(cancel_undialled(now, theirs))
    return sorted(skipped, key=lambda each: each.contact_id)
