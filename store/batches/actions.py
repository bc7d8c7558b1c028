"""What is done to one batch on request, or when its time is up; each within one transaction."""

from datetime import datetime

from sqlalchemy import and_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import Actor, AuditAction, AuditedChange
from domain.batch import TERMINAL_BATCH, Batch, BatchStatus, PausedBy
from domain.campaign import CampaignStatus
from domain.contact import WAITING, SkipReason
from domain.errors import CampaignPaused
from domain.identity import BatchId, OrganizationId
from domain.lifecycle import Action, changes_nothing, require_deletable, require_dispatchable
from store.audit.recording import record
from store.batches.completion import complete_campaign
from store.batches.locking import counted, locked_batch
from store.batches.moves import ended, move_batches, paused, resumed
from store.batches.skipping import CANCELLABLE, skip_everybody
from store.schema.mapping import Values
from store.schema.tables import batches, campaigns

_AUDITED = {
    Action.PAUSE: AuditAction.BATCH_PAUSE,
    Action.RESUME: AuditAction.BATCH_RESUME,
    Action.CANCEL: AuditAction.BATCH_CANCEL,
    Action.DISPATCH: AuditAction.BATCH_DISPATCH,
    Action.CLOSE: AuditAction.BATCH_CLOSE,
}
_KEPT = and_(campaigns.c.deleted_at.is_(None), batches.c.deleted_at.is_(None))


async def act_on_batch(
    connection: AsyncConnection,
    batch_id: BatchId,
    action: Action,
    now: datetime,
    *,
    organization_id: OrganizationId | None,
    by: Actor | None,
) -> Batch:
    """Pause, resume, cancel or close a batch; see `BatchStore.act`."""
    c = batches.c
    mine = [] if organization_id is None else [c.organization_id == organization_id]
    batch, campaign_status = await locked_batch(connection, c.batch_id == batch_id, _KEPT, *mine)
    if changes_nothing(batch, action):
        return await counted(connection, batch)
    if action is Action.RESUME and campaign_status is CampaignStatus.PAUSED:
        raise CampaignPaused
    was = batch
    batch = await _move(connection, batch, _values_after(action, now), now)
    await _record(connection, was, batch, action, now, by=by)
    if action is Action.CANCEL:
        reason = SkipReason.BATCH_CANCELLED
        await skip_everybody(connection, [batch_id], CANCELLABLE, reason=reason, now=now)
        await complete_campaign(connection, batch.campaign_id, now)
    return await counted(connection, batch)


async def expire_batch(connection: AsyncConnection, batch_id: BatchId, now: datetime) -> Batch:
    """End a batch whose time is up; see `BatchStore.expire`.

    One that was kept open for others is completed where everybody is done.
    """
    batch, _ = await locked_batch(connection, batches.c.batch_id == batch_id, _KEPT)
    is_time_up = batch.scheduled_end is not None and batch.scheduled_end <= now
    if is_time_up and batch.status not in TERMINAL_BATCH:
        is_done = batch.keep_open and not (await counted(connection, batch)).counters.unfinished
        status = BatchStatus.COMPLETED if is_done else BatchStatus.EXPIRED
        batch = await _move(connection, batch, ended(status), now)
        await skip_everybody(connection, [batch_id], WAITING, reason=SkipReason.BATCH_EXPIRED, now=now)
        await complete_campaign(connection, batch.campaign_id, now)
    return await counted(connection, batch)


async def dispatch_batch(
    connection: AsyncConnection,
    organization_id: OrganizationId,
    batch_id: BatchId,
    now: datetime,
    *,
    start_now: bool,
) -> Batch:
    """Let a batch be handed to calling again; see `BatchStore.dispatch`."""
    c = batches.c
    matching = (c.batch_id == batch_id, c.organization_id == organization_id, _KEPT)
    batch, _ = await locked_batch(connection, *matching)
    require_dispatchable(batch, start_now=start_now)
    was = batch
    if batch.status is BatchStatus.PENDING:
        begun: Values = {"status": BatchStatus.IN_PROGRESS, "scheduled_start": now}
        batch = await _move(connection, batch, begun, now)
    await _record(connection, was, batch, Action.DISPATCH, now)
    return await counted(connection, batch)


async def delete_batch(
    connection: AsyncConnection, organization_id: OrganizationId, batch_id: BatchId, now: datetime
) -> None:
    """Soft-delete a batch; see `BatchStore.delete`."""
    this = batches.c.batch_id == batch_id
    batch, _ = await locked_batch(connection, this, batches.c.organization_id == organization_id, _KEPT)
    require_deletable(batch.status)
    await connection.execute(update(batches).where(this).values(deleted_at=now))
    was = {"campaign_id": batch.campaign_id, "status": batch.status, "total_contacts": batch.total_contacts}
    change = AuditedChange(action=AuditAction.BATCH_DELETE, object_id=batch_id, before=was)
    await record(connection, organization_id, change, now)


def _values_after(action: Action, now: datetime) -> Values:
    match action:
        case Action.PAUSE:
            return paused(PausedBy.BATCH)
        case Action.RESUME:
            return resumed(now)
        case Action.CANCEL:
            return ended(BatchStatus.CANCELLED)
        case Action.CLOSE:
            return {"keep_open": False}
        case Action.DISPATCH:
            raise ValueError("a dispatch moves no batch")


async def _record(
    connection: AsyncConnection,
    was: Batch,
    batch: Batch,
    action: Action,
    now: datetime,
    *,
    by: Actor | None = None,
) -> None:
    change = AuditedChange(
        action=_AUDITED[action],
        object_id=batch.batch_id,
        before=_told(was, action),
        after=_told(batch, action),
    )
    await record(connection, batch.organization_id, change, now, by=by)


def _told(batch: Batch, action: Action) -> Values:
    return {"keep_open": batch.keep_open} if action is Action.CLOSE else {"status": batch.status}


async def _move(connection: AsyncConnection, batch: Batch, values: Values, now: datetime) -> Batch:
    (moved,) = await move_batches(connection, values, now, batches.c.batch_id == batch.batch_id)
    return moved
