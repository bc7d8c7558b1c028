"""Standing rules."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.campaign import Campaign, CampaignRules, CampaignStatus
from domain.campaign_stats import CampaignStats
from domain.errors import CampaignNotFound
from domain.identity import CAMPAIGN_PREFIX, BatchId, CampaignId, MintId, OrganizationId
from domain.lifecycle import Action
from domain.ports import Amendment, KeyedRequest, Page, Window
from store.access.idempotency import effect_once
from store.access.organizations import keep_organization
from store.batches.counting import call_counters_of
from store.batches.kept_counts import keep_counts_of_settled
from store.campaigns.actions import act_on_campaign
from store.campaigns.changes import change_campaign, delete_campaign, record_creation
from store.campaigns.statistics import stats_of
from store.database.engine import bulk_transaction, single_statement, transaction
from store.database.parameters import among
from store.numbers.claim_locks import hold_claims
from store.schema.mapping import campaign_of, rules_values
from store.schema.tables import batches, campaigns


class PostgresCampaignStore:
    """The campaigns of all organizations; implements `CampaignStore`."""

    def __init__(self, engine: AsyncEngine, mint: MintId) -> None:
        self._engine = engine
        self._mint = mint

    async def create(
        self,
        organization_id: OrganizationId,
        rules: CampaignRules,
        now: datetime,
        keyed: KeyedRequest[Campaign] | None = None,
    ) -> Campaign:
        """Keep a campaign as `draft`. Raises IdempotencyKeyBusy, IdempotencyKeyUsed."""
        values = rules_values(rules) | {
            "campaign_id": self._mint(CAMPAIGN_PREFIX),
            "organization_id": organization_id,
            "status": CampaignStatus.DRAFT,
            "created_at": now,
            "updated_at": now,
        }

        async def creation(connection: AsyncConnection) -> Campaign:
            await keep_organization(connection, organization_id, now)
            kept = await connection.execute(insert(campaigns).values(**values).returning(campaigns))
            campaign = campaign_of(kept.mappings().one())
            await record_creation(connection, campaign, now)
            return campaign

        return await effect_once(self._engine, keyed, creation)

    async def get(self, organization_id: OrganizationId, campaign_id: CampaignId) -> Campaign:
        """Return a campaign with its call counters. Raises CampaignNotFound."""
        async with single_statement(self._engine) as connection:
            return await _read_one(connection, organization_id, campaign_id)

    async def list_campaigns(
        self, organization_id: OrganizationId, statuses: Sequence[CampaignStatus], window: Window
    ) -> Page[Campaign]:
        """Return campaigns with their call counters, newest first; empty `statuses` matches any."""
        c = campaigns.c
        matching = [c.organization_id == organization_id, c.deleted_at.is_(None)]
        if statuses:
            matching.append(c.status.in_(statuses))
        page = (
            select(campaigns)
            .where(*matching)
            .order_by(c.created_at.desc(), c.campaign_id.desc())
            .offset(window.skip)
            .limit(window.limit)
        )
        async with single_statement(self._engine) as connection:
            total = await connection.execute(select(func.count()).select_from(campaigns).where(*matching))
            rows = (await connection.execute(page)).mappings().all()
            listed_ids = [row[c.campaign_id] for row in rows]
            counters = await call_counters_of(connection, listed_ids)
        await keep_counts_of_settled(self._engine, batches.c.campaign_id == among(listed_ids))
        listed = [campaign_of(row, counters[row[c.campaign_id]]) for row in rows]
        return Page(items=listed, total=total.scalar_one())

    async def act(
        self,
        organization_id: OrganizationId,
        campaign_id: CampaignId,
        action: Action,
        now: datetime,
        *,
        all_batches: bool = False,
    ) -> tuple[Campaign, Sequence[BatchId]]:
        """Pause, resume or cancel a campaign and its batches; returns it and the batches that changed.

        Raises CampaignNotFound, IllegalTransition.
        """
        async with bulk_transaction(self._engine) as connection:
            changed = await act_on_campaign(
                connection, organization_id, campaign_id, action, now, all_batches=all_batches
            )
            return await _read_one(connection, organization_id, campaign_id), changed

    async def change(
        self, organization_id: OrganizationId, campaign_id: CampaignId, amend: Amendment, now: datetime
    ) -> tuple[Campaign, Sequence[BatchId]]:
        """Change a campaign's rules; returns it and its unfinished batches, none when nothing changed.

        Raises CampaignNotFound, and what `amend` raises.
        """
        async with transaction(self._engine) as connection:
            unfinished = await change_campaign(connection, organization_id, campaign_id, amend, now)
            changed = await _read_one(connection, organization_id, campaign_id)
            await hold_claims(connection, organization_id)
        return changed, unfinished

    async def delete(self, organization_id: OrganizationId, campaign_id: CampaignId, now: datetime) -> None:
        """Soft-delete a campaign. Raises CampaignNotFound, CampaignUnfinished."""
        async with transaction(self._engine) as connection:
            await delete_campaign(connection, organization_id, campaign_id, now)

    async def stats(self, organization_id: OrganizationId, campaign_id: CampaignId) -> CampaignStats:
        """Count a campaign's contacts, batches and calls. Raises CampaignNotFound."""
        async with single_statement(self._engine) as connection:
            row = await _read_row(connection, organization_id, campaign_id)
            stats = await stats_of(connection, campaign_of(row))
        await keep_counts_of_settled(self._engine, batches.c.campaign_id == campaign_id)
        return stats


async def _read_one(
    connection: AsyncConnection, organization_id: OrganizationId, campaign_id: CampaignId
) -> Campaign:
    row = await _read_row(connection, organization_id, campaign_id)
    counters = await call_counters_of(connection, [campaign_id])
    return campaign_of(row, counters[campaign_id])


async def _read_row(
    connection: AsyncConnection, organization_id: OrganizationId, campaign_id: CampaignId
) -> RowMapping:
    c = campaigns.c
    one = select(campaigns).where(
        c.campaign_id == campaign_id, c.organization_id == organization_id, c.deleted_at.is_(None)
    )
    row = (await connection.execute(one)).mappings().one_or_none()
    if row is None:
        raise CampaignNotFound
    return row
