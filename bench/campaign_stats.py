"""`python -m bench.campaign_stats`: the numbers of a large campaign beside another as large, query by query.

Every query is explained as it was run; what it reads of contacts, batches and calls is shown.
"""

import argparse
import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

from rich.console import Console
from rich.table import Table
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.stored_history import a_database
from domain.batch import NewBatch
from domain.campaign import Campaign, CampaignRules
from domain.contact import NewContact
from domain.identity import OrganizationId
from store.batches.repository import PostgresBatchStore
from store.campaigns.repository import PostgresCampaignStore
from store.database.engine import create_store_engine, single_statement, transaction
from store.database.ids import mint

ORGANIZATION = OrganizationId("org_bench")
BATCHES = 10
ROUNDS = 20

# Most have been called once; some wait for a retry, a few for a follow-up, and a tenth was never called.
_CALL_EVERYBODY = """
UPDATE contacts SET retry_count = position % 3, next_retry_at = NULL,
    status = (ARRAY['pending', 'completed', 'completed', 'busy', 'no_answer', 'failed', 'completed',
                    'retrying', 'max_retries_reached', 'completed'])[position % 10 + 1]
WHERE campaign_id = :campaign_id"""
_CALLS = """
INSERT INTO calls (execution_id, contact_id, batch_id, campaign_id, attempt, kind, call_status, dial_state,
                   to_number, started_at, ended_at)
SELECT 'exec_' || contact_id || attempt, contact_id, batch_id, campaign_id, attempt,
       CASE WHEN attempt = 1 THEN 'initial' WHEN position % 20 = 1 THEN 'follow_up' ELSE 'retry' END,
       (ARRAY['completed', 'busy', 'no_answer', 'failed'])[position % 4 + 1], 'accepted',
       phone_number, created_at, created_at
FROM contacts CROSS JOIN generate_series(1, 2) AS attempt
WHERE campaign_id = :campaign_id AND status <> 'pending' AND attempt <= retry_count + 1"""


@dataclass(frozen=True)
class Query:
    """One statement, how long it took in the database, and how it read the large tables."""

    counts: str
    milliseconds: float
    reads: Sequence[str]


async def keep_campaign(engine: AsyncEngine, contacts: int, now: datetime) -> Campaign:
    """Keep a campaign of so many contacts in several batches, most of them called."""
    rules = CampaignRules(name="bench", agent_id="agent", phone_numbers=("+14155550180",))
    campaign = await PostgresCampaignStore(engine, mint).create(ORGANIZATION, rules, now)
    upload = [NewContact(phone_number=f"+1415{each:07}") for each in range(contacts // BATCHES)]
    new = NewBatch(campaign_id=campaign.campaign_id, organization_id=ORGANIZATION)
    for _ in range(BATCHES):
        await PostgresBatchStore(engine, mint).create(new, upload, now)
    async with transaction(engine) as connection:
        for statement in (_CALL_EVERYBODY, _CALLS):
            await connection.execute(text(statement), {"campaign_id": campaign.campaign_id})
    return campaign


@contextmanager
def noted(engine: AsyncEngine) -> Iterator[list[tuple[str, Mapping[str, object]]]]:
    """Write down every statement of a block with its parameters."""
    statements: list[tuple[str, Mapping[str, object]]] = []

    def note(_c: object, _cursor: object, sql: str, given: Mapping[str, object], *_: object) -> None:
        statements.append((sql, given))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


async def explained(engine: AsyncEngine, sql: str, given: Mapping[str, object]) -> Query:
    """Run a statement once more and return how the database went about it."""
    async with single_statement(engine) as connection:
        found = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", dict(given))
        [explanation] = found.scalar_one()
    from_clause = sql.partition("FROM")[2].split()
    return Query(from_clause[0].strip(","), explanation["Execution Time"], list(_reads(explanation["Plan"])))


def _reads(plan: Mapping[str, object]) -> Iterator[str]:
    """Yield each way of reading a table below a node."""
    if "Relation Name" in plan or "Index Name" in plan:
        yield f"{plan['Node Type']} {plan.get('Index Name') or plan.get('Relation Name')}"
    below = plan.get("Plans", [])
    for each in below if isinstance(below, list) else []:
        yield from _reads(each)


async def measure(engine: AsyncEngine, contacts: int) -> tuple[list[float], list[Query]]:
    """Return the seconds of every round, and the queries of one."""
    now = datetime.now(UTC)
    campaign = await keep_campaign(engine, contacts, now)
    await keep_campaign(engine, contacts, now)
    async with single_statement(engine) as connection:
        await connection.execute(text("VACUUM ANALYZE"))  # as the server does by itself within a minute
    store, seconds = PostgresCampaignStore(engine, mint), []
    with noted(engine) as statements:
        await store.stats(ORGANIZATION, campaign.campaign_id)
    for _ in range(ROUNDS):
        began = perf_counter()
        await store.stats(ORGANIZATION, campaign.campaign_id)
        seconds.append(perf_counter() - began)
    return seconds, [await explained(engine, sql, given) for sql, given in statements]


def show(console: Console, seconds: Sequence[float], queries: Sequence[Query], contacts: int) -> None:
    """Print the whole and its parts."""
    worst = max(seconds) * 1000
    table = Table(title=f"{contacts:,} contacts: {median(seconds) * 1000:.0f} ms, at worst {worst:.0f} ms")
    for column in ("counts", "ms", "reads"):
        table.add_column(column)
    for each in queries:
        table.add_row(each.counts, f"{each.milliseconds:.1f}", ", ".join(each.reads))
    console.print(table)


async def run(database_url: str, contacts: int) -> None:
    """Measure on a database of our own and print what was found."""
    engine = create_store_engine(database_url)
    try:
        show(Console(), *await measure(engine, contacts), contacts)
    finally:
        await engine.dispose()


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    contacts = parser.parse_args().contacts
    with a_database() as database_url:
        asyncio.run(run(database_url, contacts))


if __name__ == "__main__":
    main()
