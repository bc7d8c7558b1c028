"""How often a number was called lately, counted in SQL over all campaigns of an organization.

The same as `domain.frequency`, without moving the calls here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, ScalarSelect, and_, func, literal, or_, select

from domain.call import ASKED, MAY_BE_CONVERSATIONS
from domain.disposition import MACHINES
from domain.frequency import CapsAt, Counted, FrequencyCap
from store.schema.base import INSTANT
from store.schema.tables import calls, campaigns

# As `domain.call.was_conversation`.
WAS_CONVERSATION = and_(
    or_(calls.c.answered_at.is_not(None), calls.c.call_status.in_(sorted(MAY_BE_CONVERSATIONS))),
    func.coalesce(calls.c.answered_by, "").not_in(sorted(MACHINES)),
)
_COUNTED: Mapping[Counted, Sequence[ColumnElement[bool]]] = {
    Counted.ATTEMPTS: (),
    Counted.CONVERSATIONS: (WAS_CONVERSATION,),
}


def capped_until(
    organization_id: ColumnElement[str], number: ColumnElement[str], looked: CapsAt
) -> ColumnElement[datetime]:
    """Select when the last cap lets a number be called again; null when none withholds it."""
    free_at = [cap_free_at(organization_id, number, cap, looked.now) for cap in looked.caps]
    return func.greatest(*free_at, type_=INSTANT) if len(free_at) > 1 else free_at[0]


def cap_free_at(
    organization_id: ColumnElement[str], number: ColumnElement[str], cap: FrequencyCap, now: datetime
) -> ColumnElement[datetime]:
    """Select when one cap lets go: once the call that made it full has left its window."""
    c = calls.c
    # A value and no join, so that the attempts are always looked up by their number: with stale statistics
    # a join would be planned by campaign, and read all calls of one.
    owner = (
        select(campaigns.c.organization_id)
        .where(campaigns.c.campaign_id == c.campaign_id)
        .correlate(calls)
        .scalar_subquery()
    )
    full_since: ScalarSelect[datetime] = (
        select(c.started_at)
        .where(
            c.to_number == number,
            c.started_at > now - cap.window,
            c.dial_state.in_(ASKED),
            owner == organization_id,
            *_COUNTED[cap.counts],
        )
        .order_by(c.started_at.desc())
        .offset(cap.max_calls - 1)
        .limit(1)
        .scalar_subquery()
    )
    return full_since + literal(cap.window)
