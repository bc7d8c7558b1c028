"""What is done to a campaign on request, and to its batches with it, within one transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import AuditAction, AuditedChange
from domain.batch import UNFINISHED_BATCH, BatchStatus, PausedBy
from domain.campaign import CampaignStatus
from domain.contact import SkipReason
from domain.errors import CampaignNotFound
from domain.identity import BatchId, CampaignId, OrganizationId
from domain.lifecycle import Action, Effect, step_of_campaign
from store.audit.recording import record
from store.batches.moves import ended, move_batches, paused, resumed
from store.batches.skipping import CANCELLABLE, skip_everybody
from store.schema.mapping import Values
from store.schema.tables import batches, campaigns

_AUDITED = {
    Action.PAUSE: AuditAction.CAMPAIGN_PAUSE,
    Action.RESUME: AuditAction.CAMPAIGN_RESUME,
    Action.CANCEL: AuditAction.CAMPAIGN_CANCEL,
}
_RUNNABLE = (BatchStatus.PENDING, BatchStatus.IN_PROGRESS)


async def act_on_campaign(
    connection: AsyncConnection,
    organization_id: OrganizationId,
    campaign_id: CampaignId,
    action: Action,
    now: datetime,
    *,
    all_batches: bool,
) -> Sequence[BatchId]:
    """Move a campaign and its batches; returns the batches that changed. See `CampaignStore.act`."""
    status = await _locked_status(connection, organization_id, campaign_id)
    step = step_of_campaign(status, action)
    if step.effect is Effect.NOTHING:
        return []
    c = campaigns.c
    move = update(campaigns).where(c.campaign_id == campaign_id).values(status=step.status, updated_at=now)
    await connection.execute(move)
    change = AuditedChange(
        action=_AUDITED[action],
        object_id=campaign_id,
        before={"status": status},
        after={"status": step.status},
    )
    await record(connection, organization_id, change, now)
    values, affected = _spread(action, now, all_batches=all_batches)
    moved = await move_batches(connection, values, now, batches.c.campaign_id == campaign_id, affected)
    batch_ids = [batch.batch_id for batch in moved]
    if action is Action.CANCEL:
        reason = SkipReason.CAMPAIGN_CANCELLED
        await skip_everybody(connection, batch_ids, CANCELLABLE, reason=reason, now=now)
    return batch_ids


async def _locked_status(
    connection: AsyncConnection, organization_id: OrganizationId, campaign_id: CampaignId
) -> CampaignStatus:
    c = campaigns.c
    locked = (
        select(c.status)
        .where(c.campaign_id == campaign_id, c.organization_id == organization_id, c.deleted_at.is_(None))
        .with_for_update(key_share=True)
    )
    status = await connection.scalar(locked)
    if status is None:
        raise CampaignNotFound
    return CampaignStatus(status)


def _spread(action: Action, now: datetime, *, all_batches: bool) -> tuple[Values, ColumnElement[bool]]:
    """Return what becomes of the campaign's batches, and of which."""
    c = batches.c
    match action:
        case Action.PAUSE:
            return paused(PausedBy.CAMPAIGN), c.status.in_(_RUNNABLE)
        case Action.RESUME:
            held = c.status == BatchStatus.PAUSED
            return resumed(now), held if all_batches else c.paused_by == PausedBy.CAMPAIGN
        case Action.CANCEL:
            return ended(BatchStatus.CANCELLED), c.status.in_(sorted(UNFINISHED_BATCH))
        case Action.DISPATCH | Action.CLOSE:
            raise ValueError("only batches are dispatched and closed")
