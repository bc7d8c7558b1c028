"""How often a number was asked for lately, counted in SQL over all campaigns of an organization."""

from datetime import datetime

from sqlalchemy import ColumnElement, ScalarSelect, func, literal, select

from domain.call import ASKED
from domain.frequency import CapsAt, FrequencyCap
from store.schema.base import INSTANT
from store.schema.tables import calls, campaigns


def capped_until(
    organization_id: ColumnElement[str], number: ColumnElement[str], looked: CapsAt
) -> ColumnElement[datetime]:
    """Select when the last cap lets a number be asked for again; null when none withholds it.

    The same as `domain.frequency.capped_until`, without moving the attempts here.
    """
    free_at = [_free_at(organization_id, number, cap, looked.now) for cap in looked.caps]
    return func.greatest(*free_at, type_=INSTANT) if len(free_at) > 1 else free_at[0]


def _free_at(
    organization_id: ColumnElement[str], number: ColumnElement[str], cap: FrequencyCap, now: datetime
) -> ColumnElement[datetime]:
    """Return when one cap lets go: once the attempt that made it full has left its window."""
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
        )
        .order_by(c.started_at.desc())
        .offset(cap.max_calls - 1)
        .limit(1)
        .scalar_subquery()
    )
    return full_since + literal(cap.window)
