"""The limits a batch shares: its row behind their lock, and how many slots each batch holds and could use."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.batch import Batch
from domain.campaign import CONCURRENCY_KEY, Campaign
from domain.identity import BatchId
from domain.slots import DEMAND_LASTS, SlotDemand, waiting_batches
from store.mapping import batch_of, campaign_of
from store.schema import INSTANT
from store.tables import batches, campaigns, slot_demands, slots

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
    select(batches, campaigns)
    .select_from(_WITH_CAMPAIGN)
    .where(campaigns.c.deleted_at.is_(None), batches.c.batch_id == _this_batch)
)
_HELD = select(func.count()).where(slots.c.batch_id == _this_batch)
_HELD_IN_CAMPAIGN = (
    select(slots.c.batch_id, func.count())
    .where(slots.c.campaign_id == bindparam("this_campaign"))
    .group_by(slots.c.batch_id)
)
_DEMANDS = select(slot_demands.c.batch_id, slot_demands.c.wants, slot_demands.c.wanted_at).where(
    slot_demands.c.campaign_id == bindparam("this_campaign"),
    slot_demands.c.wanted_at > bindparam("since", type_=INSTANT),
)


async def locked_facts(connection: AsyncConnection, batch_id: BatchId) -> tuple[Batch, Campaign] | None:
    """Take the lock of the limit a batch shares, and return how it and its campaign stand behind it."""
    this = {"this_batch": batch_id}
    locked = (await connection.execute(_LOCK, this)).one_or_none()
    row = (await connection.execute(_FACTS, this)).mappings().one_or_none()
    if locked is None or row is None:
        return None
    batch, campaign = batch_of(row), campaign_of(row)
    if campaign.rules.concurrency_limit is not None and not locked[1]:
        # The cap came between the two statements: others are granted slots under its lock already.
        await connection.execute(_LOCK_CAMPAIGN, {"this_campaign": campaign.campaign_id})
        row = (await connection.execute(_FACTS, this)).mappings().one()
        batch, campaign = batch_of(row), campaign_of(row)
    return batch, campaign


async def demands_of(
    connection: AsyncConnection, batch: Batch, cap: int | None, now: datetime
) -> dict[BatchId, SlotDemand]:
    """Return what each batch under the cap holds and wants; without a cap what this one holds."""
    if cap is None:
        held = await connection.scalar(_HELD, {"this_batch": batch.batch_id}) or 0
        return {batch.batch_id: SlotDemand(held=held, wants=held)}
    this = {"this_campaign": batch.campaign_id, "since": now - DEMAND_LASTS}
    holds = {BatchId(each): number for each, number in await connection.execute(_HELD_IN_CAMPAIGN, this)}
    wants = {BatchId(each): number for each, number, _ in await connection.execute(_DEMANDS, this)}
    return {
        each: SlotDemand(held=holds.get(each, 0), wants=max(wants.get(each, 0), holds.get(each, 0)))
        for each in {batch.batch_id, *holds, *wants}
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


def others_that_wait(
    batch_id: BatchId, demands: Mapping[BatchId, SlotDemand], cap: int | None
) -> tuple[BatchId, ...]:
    """Return the campaign's other batches that may take slots now; none without a cap."""
    return () if cap is None else tuple(each for each in waiting_batches(demands, cap) if each != batch_id)
