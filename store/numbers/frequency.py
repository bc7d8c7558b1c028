"""How often a number was called lately, counted in SQL over all campaigns of an organization.

The same as `domain.frequency`, without moving the calls here. Calls of people who were erased count by the
hash of their number.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Interval,
    ScalarSelect,
    Subquery,
    and_,
    cast,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)

from domain.call import ASKED, MAY_BE_CONVERSATIONS
from domain.disposition import MACHINES
from domain.frequency import CapsAt, Counted, FrequencyCap
from domain.presets import LONGEST_OF_LAW
from store.numbers.suppressed import number_hash
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
_erased = calls.alias("erased")
# Asked once in a statement: where nobody was erased, no number is hashed. The order has it read the first
# entry of the index of hashes, whatever the planner thinks of how many there are.
_ANYBODY_WAS_ERASED = (
    select(_erased.c.number_hash)
    .where(_erased.c.number_hash.is_not(None))
    .order_by(_erased.c.number_hash)
    .limit(1)
    .scalar_subquery()
    .is_not(None)
)


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
    asked = asked_calls(organization_id, number, now - cap.window, cap.max_calls, *_COUNTED[cap.counts]).c
    full_since: ScalarSelect[datetime] = (
        select(asked.started_at)
        .order_by(asked.started_at.desc())
        .offset(cap.max_calls - 1)
        .limit(1)
        .scalar_subquery()
    )
    return full_since + literal(cap.window)


def asked_calls(
    organization_id: ColumnElement[str],
    number: ColumnElement[str],
    since: datetime,
    most: int,
    *conditions: ColumnElement[bool],
) -> Subquery:
    """Select the newest calls of an organization that a number may have heard, and which were conversations.

    There are up to `most` of those that tell the number, and as many of those that were erased and tell its
    hash alone.
    """
    c = calls.c
    # A value and no join, so that the attempts are always looked up by their number: with stale statistics
    # a join would be planned by campaign, and read all calls of one.
    owner = (
        select(campaigns.c.organization_id)
        .where(campaigns.c.campaign_id == c.campaign_id)
        .correlate(calls)
        .scalar_subquery()
    )
    # A call that goes on tells both.
    by_hash = (c.number_hash == number_hash(organization_id, number), c.to_number == "", _ANYBODY_WAS_ERASED)
    halves = [
        select(c.started_at, WAS_CONVERSATION.label("was_conversation"))
        .where(*called, c.started_at > since, c.dial_state.in_(ASKED), owner == organization_id, *conditions)
        .order_by(c.started_at.desc())
        .limit(most)
        .correlate_except(calls)
        .subquery()
        for called in ((c.to_number == number,), by_hash)
    ]
    return union_all(*(select(half) for half in halves)).subquery("asked")


def caps_look_back(organization_id: ColumnElement[str]) -> ColumnElement[timedelta]:
    """Select the longest window of an organization's caps, never less than that of any cap of law."""
    c = campaigns.c
    cap = func.jsonb_array_elements(c.frequency_caps).table_valued("cap", name="own_caps").render_derived()
    longest = (
        select(func.max(cast(cap.c.cap.op("->>")("window_us"), BigInteger)))
        .select_from(campaigns.join(cap, true()))
        .where(c.organization_id == organization_id, c.deleted_at.is_(None))
        .scalar_subquery()
    )
    own = longest * literal(timedelta(microseconds=1), Interval)
    return func.greatest(own, literal(LONGEST_OF_LAW, Interval), type_=Interval)
