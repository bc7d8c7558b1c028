"""How the calls of a batch ended: counted by the database, so that the calls themselves do not travel."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Row,
    Text,
    any_,
    case,
    cast,
    extract,
    func,
    literal,
    null,
    select,
    union_all,
)

from domain.call import CallStatus
from domain.identity import BatchId
from domain.ports.diagnostics import EndedCalls
from domain.wall_clock import zone_named
from store.schema.tables import calls, contacts
from store.schema.zones import CLOCK_ZONE

ENDINGS = (
    CallStatus.COMPLETED,
    CallStatus.BUSY,
    CallStatus.NO_ANSWER,
    CallStatus.FAILED,
    CallStatus.UNKNOWN,
)
_LARGEST = 10
QUARTER_SECONDS = 900
"""The clocks of all zones differ by whole quarters of an hour."""
_OUTCOME, _QUARTER, _PREFIX = "outcome", "quarter", "prefix"
_BY_LENGTH = {
    length: [f"+{code}" for code in COUNTRY_CODE_TO_REGION_CODE if len(str(code)) == length]
    for length in (1, 2)
}


def counted(batch_id: BatchId) -> CompoundSelect[*tuple[Any, ...]]:
    """Count ended calls by outcome, and the unanswered by zone and quarter of an hour, and by prefix.

    Rows are what is counted, its value, the quarter since 1970 where that is counted, and the number.
    """
    c = calls.c
    of_batch = c.batch_id == batch_id
    unanswered = (
        select(CLOCK_ZONE.label("timezone"), c.started_at, c.to_number)
        .join_from(calls, contacts, c.contact_id == contacts.c.contact_id)
        .where(of_batch, c.call_status == CallStatus.NO_ANSWER)
        .cte("unanswered")
    )
    outcomes = (
        select(literal(_OUTCOME), c.call_status, cast(null(), BigInteger), func.count())
        .where(of_batch, c.call_status.in_(ENDINGS))
        .group_by(c.call_status)
    )
    quarter = cast(func.floor(extract("epoch", unanswered.c.started_at) / QUARTER_SECONDS), BigInteger)
    quarters = (
        select(literal(_QUARTER), unanswered.c.timezone, quarter, func.count())
        .where(unanswered.c.started_at.is_not(None))
        .group_by(unanswered.c.timezone, quarter)
    )
    prefix = _prefix(unanswered.c.to_number)
    largest = (
        select(literal(_PREFIX), prefix, cast(null(), BigInteger), func.count())
        .group_by(prefix)
        .order_by(func.count().desc(), prefix)
        .limit(_LARGEST)
        .subquery()
    )
    return union_all(outcomes, quarters, select(largest))


def added_up(rows: Sequence[Row[*tuple[Any, ...]]], timezone: str) -> EndedCalls:
    """Return the counts, with quarters as hours of each zone; `timezone` stands for a missing one."""
    outcomes: Counter[str] = Counter()
    hours: Counter[str] = Counter()
    prefixes: Counter[str] = Counter()
    for measure, value, quarter, count in rows:
        if measure == _OUTCOME:
            outcomes[value] += count
        elif measure == _PREFIX:
            prefixes[value] += count
        else:
            hours[hour_of(quarter, value or timezone)] += count
    return EndedCalls(
        ended=outcomes.total(),
        completed=outcomes[CallStatus.COMPLETED],
        no_answer=outcomes[CallStatus.NO_ANSWER],
        no_answer_by_hour=dict(sorted(hours.items())),
        no_answer_by_prefix=dict(sorted(prefixes.items(), key=lambda each: (-each[1], each[0]))),
    )


def _prefix(number: ColumnElement[str]) -> ColumnElement[str]:
    """Return `+`, the country code and three digits; no country code is the beginning of another."""

    def begins(length: int) -> ColumnElement[bool]:
        return func.left(number, 1 + length) == any_(literal(_BY_LENGTH[length], ARRAY(Text)))

    return func.left(number, case((begins(1), 5), (begins(2), 6), else_=7))


def hour_of(quarter: int, timezone: str) -> str:
    """Return the hour at which the clocks of a zone stood; a zone nobody knows reads as UTC."""
    placed_at = datetime.fromtimestamp(quarter * QUARTER_SECONDS, zone_named(timezone) or UTC)
    return f"{placed_at.hour:02}"
