"""A long history put into a database by SQL: batches that are over, and one under way in each campaign."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.batch import NewBatch
from domain.campaign import CampaignRules
from domain.identity import BatchId, CampaignId, OrganizationId
from embedded.postgres import EmbeddedPostgres
from store.batches.repository import PostgresBatchStore
from store.campaigns.repository import PostgresCampaignStore
from store.database.engine import bulk_transaction, single_statement
from store.database.ids import mint
from store.migrations import upgrade

ORGANIZATION = OrganizationId("org_bench")

# Every tenth is skipped; who is pending or waits is so in the batch under way alone.
_PEOPLE = """
INSERT INTO contacts (contact_id, batch_id, campaign_id, position, phone_number, call_variables, status,
                      skip_reason, retry_count, last_attempted_at, next_retry_at, created_at, updated_at)
SELECT 'con_' || :batch_id || '_' || position, :batch_id, :campaign_id, position,
       '+1415' || lpad((:first + position)::text, 7, '0'), '{"callee_name": "Somebody"}'::jsonb, status,
       CASE status WHEN 'skipped' THEN 'manual' END, retry_count,
       CASE WHEN status NOT IN ('pending', 'skipped') THEN called_at END,
       CASE status WHEN 'retrying' THEN CAST(:now AS timestamptz) + interval '1 hour' END,
       CAST(:now AS timestamptz) - interval '1 day', called_at
FROM (SELECT position, position % 3 AS retry_count,
             CAST(:now AS timestamptz) - (position % 7200) * interval '1 second' AS called_at,
             (CASE WHEN :is_over THEN :over ELSE :under_way END::text[])[position % 10 + 1] AS status
      FROM generate_series(1, :contacts) AS position) AS people"""
_OVER = (
    "{skipped,completed,completed,busy,no_answer,failed,completed,completed,max_retries_reached,completed}"
)
_UNDER_WAY = "{skipped,completed,pending,busy,no_answer,pending,completed,retrying,pending,completed}"
_CALLS = """
INSERT INTO calls (execution_id, contact_id, batch_id, campaign_id, attempt, kind, call_status, dial_state,
                   provider, from_number, to_number, started_at, answered_at, ended_at)
SELECT 'exec_' || contact_id || '_' || attempt, contact_id, batch_id, campaign_id, attempt,
       CASE WHEN attempt = 1 THEN 'initial' WHEN position % 20 = 1 THEN 'follow_up' ELSE 'retry' END,
       CASE WHEN attempt <= retry_count OR status = 'retrying'
            THEN (ARRAY['busy', 'no_answer', 'failed'])[position % 3 + 1]
            WHEN status = 'max_retries_reached' THEN 'no_answer' ELSE status END,
       'accepted', 'bench', '+14155550180', phone_number,
       last_attempted_at - (retry_count + 1 - attempt) * interval '30 minutes', NULL,
       last_attempted_at - (retry_count + 1 - attempt) * interval '30 minutes' + interval '20 seconds'
FROM contacts CROSS JOIN generate_series(1, 3) AS attempt
WHERE batch_id = :batch_id AND last_attempted_at IS NOT NULL AND attempt <= retry_count + 1"""
_EVENTS = """
INSERT INTO call_events (execution_id, event_key, source, call_status, received_at, happened_at, delivered_at)
SELECT execution_id, 'ended', 'webhook', call_status, ended_at, ended_at, ended_at
FROM calls WHERE batch_id = :batch_id"""
_STANDING = """
UPDATE batches SET total_contacts = :contacts, status = :status, workflow_started_at = created_at
WHERE batch_id = :batch_id"""


@dataclass(frozen=True)
class StoredHistory:
    """What was put in; of each campaign the newest batch is under way."""

    campaign_id: CampaignId
    running: BatchId
    over: BatchId | None
    """None where the only batch is under way."""


async def keep_history(engine: AsyncEngine, contacts: int, batches: int, now: datetime) -> StoredHistory:
    """Keep so many contacts in so many batches of one campaign, with their calls."""
    rules = CampaignRules(name="bench", agent_id="agent", phone_numbers=("+14155550180",))
    campaign = await PostgresCampaignStore(engine, mint).create(ORGANIZATION, rules, now)
    kept = []
    for number in range(batches):
        new = NewBatch(campaign_id=campaign.campaign_id, organization_id=ORGANIZATION)
        batch = await PostgresBatchStore(engine, mint).create(new, [], now)
        is_over = number < batches - 1
        await _fill(engine, batch.batch_id, campaign.campaign_id, number, contacts // batches, is_over, now)
        kept.append(batch.batch_id)
    async with single_statement(engine) as connection:
        await connection.execute(text("VACUUM ANALYZE"))  # as the server does by itself within a minute
    return StoredHistory(campaign.campaign_id, kept[-1], kept[0] if batches > 1 else None)


async def _fill(  # noqa: PLR0913 - what one batch consists of
    engine: AsyncEngine,
    batch_id: BatchId,
    campaign_id: CampaignId,
    number: int,
    contacts: int,
    is_over: bool,
    now: datetime,
) -> None:
    told = {
        "batch_id": batch_id,
        "campaign_id": campaign_id,
        "contacts": contacts,
        "first": number * contacts,
        "is_over": is_over,
        "over": _OVER,
        "under_way": _UNDER_WAY,
        "status": "completed" if is_over else "in_progress",
        "now": now,
    }
    async with bulk_transaction(engine) as connection:
        for statement in (_PEOPLE, _CALLS, _EVENTS, _STANDING):
            await connection.execute(text(statement), told)


@contextmanager
def a_database() -> Iterator[str]:
    """Yield the address of a migrated database on a server of its own."""
    with tempfile.TemporaryDirectory(prefix="apollo-bench-") as folder:
        Path(folder).chmod(0o755)  # under root the server runs as another user
        server = EmbeddedPostgres(Path(folder), durable=False)
        server.start()
        try:
            server.create_database("bench")
            upgrade(server.url("bench"))
            yield server.url("bench")
        finally:
            server.stop()
