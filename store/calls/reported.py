"""How many calls were reported: who answered, and what came of them; read from a partial index."""

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.disposition import MOST_COUNTED, AnsweredBy, ReportedCounts
from store.schema.tables import calls

_ANSWERED_BY, _DISPOSITION = "answered_by", "disposition"


async def count_reported(connection: AsyncConnection, mine: ColumnElement[bool]) -> ReportedCounts:
    """Count the calls that match by who answered and by disposition, the most frequent ones."""
    both = union_all(*(select(_by(name, mine).subquery()) for name in (_ANSWERED_BY, _DISPOSITION)))
    found = sorted((await connection.execute(both)).all(), key=lambda row: (-row.number, row.word))
    return ReportedCounts(
        answered_by={AnsweredBy(word): number for kind, word, number in found if kind == _ANSWERED_BY},
        dispositions={word: number for kind, word, number in found if kind == _DISPOSITION},
    )


def _by(name: str, mine: ColumnElement[bool]) -> Select[str, str, int]:
    c = calls.c
    is_reported = or_(c.answered_by.is_not(None), c.disposition.is_not(None))  # as the index has it
    return (
        select(literal(name).label("kind"), c[name].label("word"), func.count().label("number"))
        .where(mine, is_reported, c[name].is_not(None))
        .group_by(c[name])
        .order_by(func.count().desc(), c[name])
        .limit(MOST_COUNTED)
    )
