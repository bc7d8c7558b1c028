"""Which number a claim shows, by what its contact was shown before and what each number carries now.

Claims that choose from one list pass one at a time from the rotation to their commit, by the cursor's row, so
that each knows the choices before it. They hold all other locks already: nobody waits in a circle.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import RowMapping, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.call import ASKED, LIVE_CALLS, CallRecord, CallStatus
from domain.caller_id import CallerIdStrategy, ShownNumber, choose_caller_id, kept_caller_id, may_keep
from domain.identity import CampaignId, ContactId
from domain.ports import AttemptClaim
from store.schema.tables import caller_id_turns, calls

_CURSOR = caller_id_turns.c.turn
_FIRST_CURSOR = insert(caller_id_turns).values(
    owner_id=bindparam("this_owner"), strategy=bindparam("this_strategy"), turn=0
)
_ADVANCE_CURSOR = _FIRST_CURSOR.on_conflict_do_update(
    index_elements=caller_id_turns.primary_key.columns, set_={_CURSOR: _CURSOR + 1}
).returning(_CURSOR)
_SHOWN = select(calls.c.attempt, calls.c.from_number, calls.c.call_status).where(
    calls.c.contact_id == bindparam("this_contact"), calls.c.from_number.is_not(None)
)
_NOTHING_LIVE: Mapping[str, int] = {}


async def caller_id_for(
    connection: AsyncConnection, request: AttemptClaim, facts: RowMapping, known: CallRecord | None
) -> str:
    """Return the number to show; `known` is the attempt's row when it was given back."""
    ids = request.caller_ids
    if len(ids.numbers) == 1:
        return ids.numbers[0]
    if known is not None and known.from_number is not None and known.from_number in ids.numbers:
        return known.from_number
    if may_keep(ids, request.kind):
        shown = await _shown(connection, request.contact_id)
        if (kept := kept_caller_id(ids, request.kind, shown)) is not None:
            return kept
    return await _chosen(connection, request, facts)


async def _chosen(connection: AsyncConnection, request: AttemptClaim, facts: RowMapping) -> str:
    ids, campaign_id = request.caller_ids, CampaignId(facts["campaign_id"])
    cursor, live_calls = 0, _NOTHING_LIVE
    match ids.strategy:
        case CallerIdStrategy.ROUND_ROBIN:
            owner_id = facts["batch_id"] if ids.are_own else campaign_id
            cursor = await _advance_cursor(connection, owner_id, ids.strategy)
        case CallerIdStrategy.LEAST_LOADED:
            # Numbers of several lists may be the same, and their calls count together.
            cursor = await _advance_cursor(connection, campaign_id, ids.strategy)
            # A statement of its own sees the calls of every claim before it.
            live_calls = await _live_calls(connection, campaign_id)
    return choose_caller_id(
        ids.strategy, ids.numbers, cursor=cursor, draw=request.draw, live_calls=live_calls
    )


async def _advance_cursor(connection: AsyncConnection, owner_id: str, strategy: CallerIdStrategy) -> int:
    taken = await connection.execute(_ADVANCE_CURSOR, {"this_owner": owner_id, "this_strategy": strategy})
    cursor: int = taken.scalar_one()
    return cursor


async def _shown(connection: AsyncConnection, contact_id: ContactId) -> Sequence[ShownNumber]:
    found = await connection.execute(_SHOWN, {"this_contact": contact_id})
    return [
        ShownNumber(attempt=attempt, number=number, has_reached=status == CallStatus.COMPLETED)
        for attempt, number, status in found
    ]


async def _live_calls(connection: AsyncConnection, campaign_id: CampaignId) -> Mapping[str, int]:
    """Return how many calls each caller ID of a campaign carries now."""
    c = calls.c
    counted = await connection.execute(
        select(c.from_number, func.count())
        .where(c.campaign_id == campaign_id, c.call_status.in_(LIVE_CALLS), c.dial_state.in_(ASKED))
        .group_by(c.from_number)
    )
    return {number: count for number, count in counted if number is not None}
