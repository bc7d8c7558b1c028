"""Slots in use, their limits and due contacts of all running batches: bounded reads, whatever waits."""

from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    bindparam,
    func,
    not_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.batch import BatchStatus
from domain.campaign import CONCURRENCY_KEY
from domain.contact import ContactStatus
from domain.identity import CampaignId
from domain.workload import BatchLimit, Workload, slots_limit
from store.database.engine import single_statement
from store.schema.base import INSTANT
from store.schema.tables import batches, campaigns, contacts, slots
from store.slots.due_contacts import HOLDS_SLOT

BATCHES_READ = 1_000
"""Running ones, the newest; a deployment with more shows too little work, and no less lateness."""
CONTACTS_COUNTED = 1_000
"""Of each batch and kind."""

_RUNNING = (
    select(batches.c.batch_id)
    .where(batches.c.status == BatchStatus.IN_PROGRESS)
    .order_by(batches.c.batch_id.desc())
    .limit(BATCHES_READ)
    .subquery("running")
)
_LIMITS = select(
    batches.c.campaign_id, batches.c.concurrency_limit, campaigns.c.client_metadata[CONCURRENCY_KEY]
).select_from(
    _RUNNING.join(batches, batches.c.batch_id == _RUNNING.c.batch_id).join(
        campaigns, campaigns.c.campaign_id == batches.c.campaign_id
    )
)


def _due(status: ContactStatus, due_at: ColumnElement[datetime | None]) -> FromClause:
    """Select how many contacts of a kind are due in each running batch, and since when."""
    first = (
        select(due_at.label("due_at"))
        .where(
            contacts.c.batch_id == _RUNNING.c.batch_id,
            contacts.c.status == status,
            due_at <= bindparam("now", type_=INSTANT),
            not_(HOLDS_SLOT),
        )
        .order_by(due_at)
        .limit(CONTACTS_COUNTED)
        .correlate(_RUNNING)
        .subquery()
    )
    return (
        select(func.count().label("due"), func.min(first.c.due_at).label("oldest_at"))
        .select_from(first)
        .lateral()
    )


def _all_due() -> Select[int, datetime | None]:
    kinds = (
        _due(ContactStatus.RETRYING, contacts.c.next_retry_at),
        _due(ContactStatus.FOLLOWUP_SCHEDULED, contacts.c.follow_up_at),
    )
    halves = union_all(
        *(select(each.c.due, each.c.oldest_at).select_from(_RUNNING.join(each, true())) for each in kinds)
    ).subquery()
    return select(func.coalesce(func.sum(halves.c.due), 0).cast(Integer), func.min(halves.c.oldest_at))


_ALL_DUE = _all_due()
_IN_USE = select(func.count()).select_from(slots)


class PostgresWorkloadStore:
    """The work of all running batches; implements `WorkloadStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def read(self, now: datetime) -> Workload:
        """Return what running batches have to call."""
        async with single_statement(self._engine) as connection:
            in_use = (await connection.execute(_IN_USE)).scalar_one()
            limits = (await connection.execute(_LIMITS)).all()
            due, oldest_at = (await connection.execute(_ALL_DUE, {"now": now})).one()
        return Workload(
            slots_in_use=in_use,
            slots_limit=slots_limit(
                BatchLimit(
                    campaign_id=CampaignId(campaign_id),
                    own=own,
                    of_campaign=cap if isinstance(cap, int) else None,
                )
                for campaign_id, own, cap in limits
            ),
            contacts_due=due,
            oldest_due_at=oldest_at,
        )
