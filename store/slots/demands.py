"""The limits a batch shares: its row behind their lock, and how many slots each batch holds and could use."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    RowMapping,
    Text,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import Batch
from domain.campaign import CONCURRENCY_KEY, Campaign
from domain.identity import BatchId, CampaignId
from domain.slots import DEMAND_LASTS, SlotDemand, SlotGrants
from store.schema.base import INSTANT
from store.schema.mapping import batch_of, campaign_of, rules_version_of
from store.schema.tables import batches, campaigns, slot_demands, slots

_GRANTS = 4_244
"""The family of locks by which grants under one limit pass one at a time."""
DEMAND_TOLD_EVERY = timedelta(seconds=5)

_this_batch: BindParameter[str] = bindparam("this_batch")
_WITH_CAMPAIGN = batches.join(campaigns, batches.c.campaign_id == campaigns.c.campaign_id)
_HAS_CAP = campaigns.c.client_metadata.has_key(CONCURRENCY_KEY)


def _lock(key: ColumnElement[str]) -> ColumnElement[None]:
    return func.pg_advisory_xact_lock(cast(literal(_GRANTS), Integer), func.hashtext(key))


_LOCK = (
    select(_lock(case((_HAS_CAP, campaigns.c.campaign_id), else_=batches.c.batch_id)), _HAS_CAP)
    .select_from(_WITH_CAMPAIGN)
    .where(batches.c.batch_id == _this_batch)
)
_LOCK_CAMPAIGN = select(_lock(bindparam("this_campaign", type_=Text)))
_FACTS = (
    select(
        batches,
        campaigns,
        select(func.count()).where(slots.c.batch_id == _this_batch).scalar_subquery().label("held"),
        exists()
        .where(slots.c.batch_id == _this_batch, slots.c.granted_by == bindparam("this_request"))
        .label("is_repeated"),
    )
    .select_from(_WITH_CAMPAIGN)
    .where(campaigns.c.deleted_at.is_(None), batches.c.batch_id == _this_batch)
)
_HELD_IN_CAMPAIGN = (
    select(slots.c.batch_id, func.count())
    .where(slots.c.campaign_id == bindparam("this_campaign"))
    .group_by(slots.c.batch_id)
)
_DEMANDS = select(slot_demands.c.batch_id, slot_demands.c.wants).where(
    slot_demands.c.campaign_id == bindparam("this_campaign"),
    slot_demands.c.wanted_at > bindparam("since", type_=INSTANT),
)


@dataclass(frozen=True, kw_only=True)
class LockedBatch:
    """How a batch and its campaign stand behind the lock of the limit they share."""

    batch: Batch
    campaign: Campaign
    held: int
    """Slots of the batch."""
    is_repeated: bool
    """The same request was granted slots before."""
    policy_version: int
    is_resting: bool
    """Its workflow was taken to rest until now."""
    dispatched_by: str | None


async def locked_batch_of(connection: AsyncConnection, request: SlotGrants) -> LockedBatch | None:
    """Take the lock of the limit a batch shares, and read what stands behind it; None without the batch."""
    this = {"this_batch": request.batch_id, "this_request": request.key}
    lock = (await connection.execute(_LOCK, this)).one_or_none()
    row = (await connection.execute(_FACTS, this)).mappings().one_or_none()
    if lock is None or row is None:
        return None
    locked = _locked(row)
    if locked.campaign.rules.concurrency_limit is not None and not lock[1]:
        # The cap came between the two statements: others are granted slots under its lock already.
        await connection.execute(_LOCK_CAMPAIGN, {"this_campaign": locked.batch.campaign_id})
        locked = _locked((await connection.execute(_FACTS, this)).mappings().one())
    return locked


def _locked(row: RowMapping) -> LockedBatch:
    return LockedBatch(
        batch=batch_of(row),
        campaign=campaign_of(row),
        held=row["held"],
        is_repeated=row["is_repeated"],
        policy_version=rules_version_of(row),
        is_resting=row[batches.c.rests_since] is not None,
        dispatched_by=row[batches.c.dispatched_by],
    )


async def demands_of(
    connection: AsyncConnection, locked: LockedBatch, now: datetime
) -> dict[BatchId, SlotDemand]:
    """Return what each batch under the cap holds and wants; without a cap what this one holds."""
    batch_id = locked.batch.batch_id
    if locked.campaign.rules.concurrency_limit is None:
        return {batch_id: SlotDemand(held=locked.held, wants=locked.held)}
    nothing = {batch_id: SlotDemand(held=0, wants=0)}
    return nothing | await demands_in(connection, locked.batch.campaign_id, now)


async def demands_in(
    connection: AsyncConnection, campaign_id: CampaignId, now: datetime
) -> dict[BatchId, SlotDemand]:
    """Return what each batch of a campaign with a cap holds and wants, those that do neither left out."""
    this = {"this_campaign": campaign_id, "since": now - DEMAND_LASTS}
    holds = {BatchId(each): number for each, number in await connection.execute(_HELD_IN_CAMPAIGN, this)}
    wants = {BatchId(each): number for each, number in await connection.execute(_DEMANDS, this)}
    return {
        each: SlotDemand(held=holds.get(each, 0), wants=max(wants.get(each, 0), holds.get(each, 0)))
        for each in {*holds, *wants}
    }


async def tell_demand(connection: AsyncConnection, batch: Batch, wants: int, now: datetime) -> None:
    """Write down what the batch could use: at once when that changed, else every few seconds."""
    c = slot_demands.c
    new = postgresql.insert(slot_demands).values(
        batch_id=batch.batch_id, campaign_id=batch.campaign_id, wants=wants, wanted_at=now
    )
    await connection.execute(
        new.on_conflict_do_update(
            index_elements=[c.batch_id],
            set_={c.wants: wants, c.wanted_at: now},
            where=(c.wants != wants) | (c.wanted_at < now - DEMAND_TOLD_EVERY),
        )
    )
