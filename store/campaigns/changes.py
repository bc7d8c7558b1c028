"""What becomes of a campaign itself when a client changes or deletes it, within one transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import AuditAction, AuditedChange, differing
from domain.batch import TERMINAL_BATCH
from domain.campaign import Campaign, CampaignRules
from domain.errors import CampaignNotFound, CampaignUnfinished
from domain.identity import BatchId, CampaignId, OrganizationId
from domain.ports import Amendment
from domain.settlement import is_to_be_followed
from domain.zones import FROM_NUMBER
from store.audit.recording import record
from store.batches.intake import have_zones_learnt
from store.schema.mapping import Values, campaign_of, rules_values
from store.schema.tables import batches, campaigns


async def change_campaign(
    connection: AsyncConnection,
    organization_id: OrganizationId,
    campaign_id: CampaignId,
    amend: Amendment,
    now: datetime,
) -> Sequence[BatchId]:
    """Change a campaign's rules; returns its unfinished batches. See `CampaignStore.change`."""
    before = campaign_of(await _locked(connection, organization_id, campaign_id)).rules
    after = amend(before)
    if after is before:
        return []
    c = campaigns.c
    values = rules_values(after) | {"policy_version": c.policy_version + 1, "updated_at": now}
    if before.calls_per_second != after.calls_per_second:
        values["pace_version"] = c.pace_version + 1
    if not is_to_be_followed(before, after):
        # An older change that is to be followed may still be under way.
        is_up_to_date = c.recomputed_version == c.policy_version
        values["recomputed_version"] = case((is_up_to_date, c.policy_version + 1), else_=c.recomputed_version)
    await connection.execute(update(campaigns).where(c.campaign_id == campaign_id).values(**values))
    if after.timezone == FROM_NUMBER != before.timezone:
        await have_zones_learnt(connection, *_unfinished(campaign_id))
    was, became = differing(_told(before), _told(after))
    change = AuditedChange(
        action=AuditAction.CAMPAIGN_UPDATE, object_id=campaign_id, before=was, after=became
    )
    await record(connection, organization_id, change, now)
    unfinished = select(batches.c.batch_id).where(*_unfinished(campaign_id)).order_by(batches.c.batch_id)
    return list((await connection.scalars(unfinished)).all())


async def delete_campaign(
    connection: AsyncConnection, organization_id: OrganizationId, campaign_id: CampaignId, now: datetime
) -> None:
    """Soft-delete a campaign; see `CampaignStore.delete`."""
    # A new batch waits for this lock, and then finds no campaign.
    campaign = campaign_of(await _locked(connection, organization_id, campaign_id))
    unfinished = await connection.scalar(
        select(func.count()).select_from(batches).where(*_unfinished(campaign_id))
    )
    if unfinished:
        raise CampaignUnfinished.of(unfinished)
    await connection.execute(
        update(campaigns).where(campaigns.c.campaign_id == campaign_id).values(deleted_at=now)
    )
    was = {"name": campaign.rules.name, "status": campaign.status}
    change = AuditedChange(action=AuditAction.CAMPAIGN_DELETE, object_id=campaign_id, before=was)
    await record(connection, organization_id, change, now)


async def record_creation(connection: AsyncConnection, campaign: Campaign, now: datetime) -> None:
    """Write the audit log's entry of a new campaign."""
    change = AuditedChange(
        action=AuditAction.CAMPAIGN_CREATE,
        object_id=campaign.campaign_id,
        after={"status": campaign.status, **_told(campaign.rules)},
    )
    await record(connection, campaign.organization_id, change, now)


def _told(rules: CampaignRules) -> Values:
    """Return rules as the audit log may hold them: of a client's own objects the names alone."""
    told = rules_values(rules)
    told["metadata"] = sorted(rules.metadata)
    told["default_call_variables"] = sorted(rules.default_call_variables)
    told["concurrency_limit"] = rules.concurrency_limit
    del told["client_metadata"]
    return told


async def _locked(
    connection: AsyncConnection, organization_id: OrganizationId, campaign_id: CampaignId
) -> RowMapping:
    c = campaigns.c
    locked = (
        select(campaigns)
        .where(c.campaign_id == campaign_id, c.organization_id == organization_id, c.deleted_at.is_(None))
        .with_for_update(key_share=True)
    )
    row = (await connection.execute(locked)).mappings().one_or_none()
    if row is None:
        raise CampaignNotFound
    return row


def _unfinished(campaign_id: CampaignId) -> tuple[ColumnElement[bool], ...]:
    return batches.c.campaign_id == campaign_id, batches.c.status.not_in(TERMINAL_BATCH)
