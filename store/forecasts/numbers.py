"""What an organization knows of many numbers at once, as statements over a page of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Text, func, literal, select, true

from domain.frequency import MOST_CALLS, CapsAt, Counted
from domain.identity import OrganizationId
from store.numbers.frequency import asked_calls
from store.numbers.on_the_phone import is_on_own_call
from store.numbers.suppressed import is_suppressed

_NUMBER = "number"


def marked(organization_id: OrganizationId, numbers: Sequence[str], now: datetime) -> Select[str, bool, bool]:
    """Select the numbers that are suppressed or on the phone, and which of both."""
    number: ColumnElement[str] = _unnested(numbers).column
    owner: ColumnElement[str] = literal(organization_id, Text)
    facts = select(
        number.label(_NUMBER),
        is_suppressed(owner, number, now).label("is_suppressed"),
        is_on_own_call(number, owner).label("is_busy"),
    ).subquery()
    return select(facts).where(facts.c.is_suppressed | facts.c.is_busy)


def attempts(
    organization_id: OrganizationId, numbers: Sequence[str], caps: CapsAt
) -> Select[str, datetime, bool]:
    """Select the attempts that the caps may count, newest first for each number, and which were talks."""
    # A talk may have been followed by any number of attempts.
    counts_talks = any(cap.counts is Counted.CONVERSATIONS for cap in caps.caps)
    most = MOST_CALLS if counts_talks else max(cap.max_calls for cap in caps.caps)
    number = _unnested(numbers)
    since = caps.now - max(cap.window for cap in caps.caps)
    asked = asked_calls(literal(organization_id, Text), number.column, since, most)
    newest = select(asked).order_by(asked.c.started_at.desc()).limit(most).lateral("newest")
    return (
        select(number.column.label(_NUMBER), newest.c.started_at, newest.c.was_conversation)
        .select_from(number.join(newest, true()))
        .order_by(newest.c.started_at.desc())
    )


def _unnested(numbers: Sequence[str]) -> Any:
    return func.unnest(literal(list(numbers), ARRAY(Text))).table_valued(_NUMBER).alias("asked")
