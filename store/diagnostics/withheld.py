"""Why nobody of a batch is called although it may call.

Times to come, caps, busy numbers and suppressions withhold contacts.

A number that another organization has on the phone is shown as free and waiting.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from sqlalchemy import Subquery, and_, case, cast, func, literal, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.diagnosis.facts import Withheld
from domain.frequency import CapsAt
from domain.identity import BatchId
from store.numbers.on_the_phone import is_on_own_call
from store.numbers.suppressed import is_suppressed
from store.schema.base import INSTANT
from store.slots.due_contacts import capped_in, owner_of, pending_page


async def withheld(
    connection: AsyncConnection,
    batch_id: BatchId,
    caps: CapsAt,
    limit: int,
    closed_zones: Collection[str | None],
) -> Withheld | None:
    """Count the withheld; see `DiagnosticsStore.withheld`. Most often the first contact is free."""
    looked_at = _looked_at(batch_id, caps, limit, closed_zones).c
    is_early = looked_at.not_before.is_not(None)
    uncapped = and_(not_(is_early), looked_at.capped_until.is_(None))
    alone = and_(uncapped, not_(looked_at.is_busy))
    capped_until = case((not_(is_early), looked_at.capped_until))
    free = select(literal(1)).where(alone, not_(looked_at.is_suppressed)).limit(1)
    if (await connection.execute(free)).first() is not None:
        return None
    reasons = select(
        func.count(looked_at.not_before),
        func.min(looked_at.not_before),
        func.count(capped_until),
        func.min(capped_until),
        func.count().filter(and_(uncapped, looked_at.is_busy)),
        func.count().filter(alone),
    )
    early, comes_at, capped, until, busy, suppressed = (await connection.execute(reasons)).one()
    if early + capped + busy + suppressed == 0:
        return None
    return Withheld(
        early=early,
        first_not_before=comes_at,
        capped=capped,
        capped_until=until,
        presets=await _presets(connection, batch_id, caps, limit, closed_zones) if capped else (),
        busy=busy,
        suppressed=suppressed,
    )


async def _presets(
    connection: AsyncConnection,
    batch_id: BatchId,
    caps: CapsAt,
    limit: int,
    closed_zones: Collection[str | None],
) -> Sequence[str]:
    """Read whose caps withhold any of the numbers."""
    found = {}
    for cap in caps.caps:
        if cap.preset is not None:
            looked_at = _looked_at(batch_id, replace(caps, caps=(cap,)), limit, closed_zones).c
            is_full = select(literal(1)).where(looked_at.capped_until.is_not(None)).limit(1)
            if (await connection.execute(is_full)).first() is not None:
                found[cap.preset] = True
    return tuple(found)


def _looked_at(batch_id: BatchId, caps: CapsAt, limit: int, closed_zones: Collection[str | None]) -> Subquery:
    page = pending_page(batch_id, 0, limit, closed_zones)
    number = page.c.phone_number
    reasons = select(
        case((page.c.not_before > caps.now, page.c.not_before)).label("not_before"),
        cast(capped_in(batch_id, number, caps), INSTANT).label("capped_until"),
        is_on_own_call(number, owner_of(batch_id)).label("is_busy"),
        is_suppressed(owner_of(batch_id), number, caps.now).label("is_suppressed"),
    )
    return reasons.select_from(page).subquery("looked_at")
