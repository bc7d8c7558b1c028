"""What becomes of a batch when a client changes it, within one transaction."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import AuditAction, AuditedChange, differing
from domain.batch import Batch, timezone_in_force
from domain.identity import BatchId, OrganizationId
from domain.lifecycle import status_after_change
from domain.ports import BatchAmendment, ChangedBatch
from domain.zones import FROM_NUMBER
from store.audit.recording import record
from store.batches.intake import have_zones_learnt
from store.batches.locking import counted, locked_batch
from store.batches.moves import move_batches
from store.numbers.claim_locks import hold_claims
from store.schema.mapping import Values, batch_values, campaign_of
from store.schema.tables import batches, campaigns


async def change_batch(
    connection: AsyncConnection,
    organization_id: OrganizationId,
    batch_id: BatchId,
    amend: BatchAmendment,
    now: datetime,
    *,
    bears_on_calls: bool,
) -> ChangedBatch:
    """Change a batch; see `BatchStore.change`."""
    c = batches.c
    is_kept = and_(c.deleted_at.is_(None), campaigns.c.deleted_at.is_(None))
    mine = (c.batch_id == batch_id, c.organization_id == organization_id, is_kept)
    before, _ = await locked_batch(connection, *mine)
    under = campaigns.c.campaign_id == before.campaign_id
    row = (await connection.execute(select(campaigns).where(under))).mappings().one()
    campaign = campaign_of(row)
    after = amend(before, campaign)
    if after is before:
        batch = await counted(connection, before)
        return ChangedBatch(batch=batch, campaign=campaign, is_to_be_signalled=False)
    if bears_on_calls:
        after = replace(after, status=status_after_change(after, now))
    batch = await counted(connection, await _keep(connection, after, now, bears_on_calls=bears_on_calls))
    await _record(connection, before, after, now)
    zones = [timezone_in_force(each.overrides, campaign.rules) for each in (before, after)]
    if zones[1] == FROM_NUMBER != zones[0]:
        await have_zones_learnt(connection, c.batch_id == batch_id)
    if bears_on_calls:
        # As after a change of the campaign: if the request dies, the housekeeping signals its batches.
        behind = func.least(campaigns.c.recomputed_version, campaigns.c.policy_version - 1)
        await connection.execute(
            update(campaigns).where(under).values(recomputed_version=behind, updated_at=now)
        )
        await hold_claims(connection, organization_id)
    others_know = row["recomputed_version"] >= row["policy_version"]
    return ChangedBatch(
        batch=batch, campaign=campaign, is_to_be_signalled=bears_on_calls, others_know=others_know
    )


async def _keep(connection: AsyncConnection, after: Batch, now: datetime, *, bears_on_calls: bool) -> Batch:
    c = batches.c
    values = batch_values(after) | {"status": after.status}
    if bears_on_calls:
        values["rules_version"] = c.rules_version + 1
    (kept,) = await move_batches(connection, values, now, c.batch_id == after.batch_id)
    return kept


async def _record(connection: AsyncConnection, before: Batch, after: Batch, now: datetime) -> None:
    was, became = differing(_told(before), _told(after))
    change = AuditedChange(
        action=AuditAction.BATCH_UPDATE, object_id=after.batch_id, before=was, after=became
    )
    await record(connection, after.organization_id, change, now)


def _told(batch: Batch) -> Values:
    """Return a batch as the audit log may hold it: of a client's own objects the names alone."""
    told = batch_values(batch) | {"status": batch.status}
    told["metadata"] = sorted(batch.metadata)
    told["call_context"] = sorted(batch.call_context)
    del told["client_metadata"]
    return told
