"""What is sent often is planned once for all parameters: indexes of some rows are found even so."""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import bindparam, event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.batch import Batch
from domain.identity import TokenId
from domain.suppression import NewSuppression
from store.schema.base import INSTANT, METADATA, Word
from tests.builders import MONDAY_NOON, ORGANIZATION
from tests.store.scenes import Stores

pytestmark = pytest.mark.store

Asking = Callable[[Stores, Batch], Awaitable[object]]

# Many that are over and waiting people, so that whoever finds the index saves something.
_OTHER_BATCHES = text(
    """
    INSERT INTO batches SELECT other.* FROM batches AS one, generate_series(1, 2000) AS number,
    jsonb_populate_record(
        one, jsonb_build_object('batch_id', 'btc_' || number, 'status', 'completed')
    ) AS other
    """
)
_SOME_SLEEP = text(
    """
    UPDATE contacts SET
        status = CASE WHEN position % 8 = 1 THEN 'retrying' ELSE 'followup_scheduled' END,
        next_retry_at = CASE WHEN position % 8 = 1 THEN :at END,
        follow_up_at = CASE WHEN position % 8 = 2 THEN :at END
    WHERE position % 8 IN (1, 2)
    """
).bindparams(bindparam("at", MONDAY_NOON, INSTANT))

ASKED: dict[str, Asking] = {
    "ix_contacts_call_order": lambda stores, batch: stores.grant(batch.batch_id),
    "ix_contacts_due_retry": lambda stores, batch: stores.grant(batch.batch_id),
    "ix_contacts_due_follow_up": lambda stores, batch: stores.grant(batch.batch_id),
    "uq_calls_open_number": lambda stores, batch: stores.grant(batch.batch_id),
    "ix_contacts_sleeping_number": lambda stores, _: stores.suppressions.add(
        ORGANIZATION, NewSuppression(phone_number="+14155550199"), MONDAY_NOON, added_by=TokenId("tok_1")
    ),
    "ix_batches_in_progress": lambda stores, _: stores.workload.read(MONDAY_NOON),
    "ix_batches_unfinished": lambda stores, _: stores.number_zones.batches_to_learn("1/1", 10),
    "ix_call_events_undelivered": lambda stores, _: stores.endings.undelivered(after=0, limit=10),
}


@pytest.mark.parametrize("index", ASKED)
async def test_index_of_some_rows_is_found_whatever_the_parameters(stores: Stores, index: str) -> None:
    batch = await stores.a_kept_batch(2_000)
    async with stores.engine.begin() as connection:
        await connection.execute(_OTHER_BATCHES)
        await connection.execute(_SOME_SLEEP)
        await connection.execute(text("ANALYZE batches, contacts"))

    with _statements(stores.engine) as said:
        await ASKED[index](stores, batch)

    async with stores.engine.connect() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plans = [await connection.exec_driver_sql(f"EXPLAIN (GENERIC_PLAN) {each}") for each in said]
        assert index in "\n".join(line for plan in plans for line in plan.scalars())


def test_column_of_known_words_compares_them_without_parameters() -> None:
    known = {
        (table.name, constraint.name.removesuffix("_known").split(f"{table.name}_", 1)[-1])
        for table in METADATA.tables.values()
        for constraint in table.constraints
        if isinstance(constraint.name, str) and constraint.name.endswith("_known")
    }
    assert known == {
        (table.name, column.name)
        for table in METADATA.tables.values()
        for column in table.columns
        if isinstance(column.type, Word)
    }


@contextmanager
def _statements(engine: AsyncEngine) -> Iterator[list[str]]:
    """Hear what is asked, with the parameters numbered as Postgres does."""
    said: list[str] = []

    def hear(_: object, __: object, statement: str, *___: object) -> None:
        if not statement.lstrip().startswith(("SELECT", "WITH")):
            return
        numbers: dict[str, int] = {}
        said.append(
            re.sub(r"%\((\w+)\)s", lambda it: f"${numbers.setdefault(it[1], len(numbers) + 1)}", statement)
        )

    event.listen(engine.sync_engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", hear)
