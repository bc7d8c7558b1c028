"""What is known of a batch: every source is asked at once, each within a bounded time."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

from domain.batch import TERMINAL_BATCH, Batch, BatchStatus, calling_hours_in_force, clock_zone
from domain.campaign import Campaign
from domain.contact import ContactStatus
from domain.counters import BatchTally, CounterDifference
from domain.diagnosis.counter_check import has_counted, unexplained_differences
from domain.diagnosis.decision import RECENT_ATTEMPTS, RECENT_ENDINGS, WEBHOOK_SILENCE
from domain.diagnosis.facts import RUNNING, QueueFacts, Withheld
from domain.errors import EngineUnavailable, StoreUnavailable, TechnicalError
from domain.frequency import CapsAt
from domain.identity import BatchId, ContactId, OrganizationId
from domain.ports import (
    BatchEngine,
    BatchStore,
    CircuitReport,
    CircuitStore,
    ContactStore,
    DiagnosticsStore,
    EndedCalls,
    RecentAttempts,
    StatusShare,
    WebhookSilence,
    WorkflowDescription,
)
from domain.working_hours import is_open

SOURCE_SECONDS = 1.5
"""The answer comes within three seconds, with what is known by then."""
DATABASE_SECONDS = 2.5
ALL_SECONDS = 2.8
PENDING_SAMPLE = 3
CHECKED_CONTACTS = 20_000
"""Pending contacts whose numbers are checked to learn whether any can be called."""
A_MOMENT_SECONDS = 0.3
"""Before both are read again; what is on its way arrives in that time."""
SECOND_READING_SECONDS = 0.9
"""For the second reading, with the moment before it."""

T = TypeVar("T")


class Sources(Protocol):
    """Who is asked about a batch."""

    @property
    def batches(self) -> BatchStore: ...
    @property
    def contacts(self) -> ContactStore: ...
    @property
    def diagnostics(self) -> DiagnosticsStore: ...
    @property
    def routes(self) -> CircuitStore: ...
    @property
    def engine(self) -> BatchEngine: ...
    @property
    def clock(self) -> Callable[[], datetime]: ...


@dataclass(frozen=True, kw_only=True)
class StoredFacts:
    """What the database knows of a batch."""

    standings: Mapping[ContactStatus, StatusShare]
    pending_sample: Sequence[ContactId]
    pending_zones: Sequence[str | None]
    campaign_live: int
    silence: WebhookSilence
    recent: RecentAttempts
    routes: Sequence[CircuitReport]
    withheld: Withheld | None = None
    """Why no contact can be called although windows are open; None when one can."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The answers of all sources; None where a source did not answer."""

    batch: Batch
    campaign: Campaign
    stored: StoredFacts
    ended_calls: EndedCalls | None
    workflow: WorkflowDescription | None
    queues: Sequence[QueueFacts] | None
    dispatcher: Mapping[str, object] | None
    counter_differences: Collection[CounterDifference] | None = None
    """Where workflow and rows count otherwise; empty when they agree."""


async def read_batch(
    sources: Sources, organization_id: OrganizationId, batch_id: BatchId, now: datetime
) -> Reading:
    """Ask every source about a batch. Raises BatchNotFound, StoreUnavailable."""
    batch, campaign = await sources.batches.get_uncounted(organization_id, batch_id)
    timezone = clock_zone(batch.overrides, campaign.rules)
    deadline = asyncio.get_running_loop().time() + ALL_SECONDS
    tally, stored, ended_calls, workflow, queues, dispatcher = await asyncio.gather(
        _in_time(sources.engine.tally(batch_id)),
        _stored(sources, batch, campaign, now),
        _in_time(sources.diagnostics.ended_calls(batch_id, timezone)),
        _in_time(sources.engine.describe_batch(batch_id)),
        _in_time(sources.engine.queues()),
        _in_time(sources.engine.dispatcher(batch_id)),
    )
    reading = Reading(
        batch=batch,
        campaign=campaign,
        stored=stored,
        ended_calls=ended_calls,
        workflow=workflow,
        queues=queues,
        dispatcher=dispatcher,
        counter_differences=await _counter_differences(
            sources, batch_id, tally, stored.standings, deadline=deadline
        ),
    )
    return await _read_again(sources, reading, now) if _seems_left_alone(reading) else reading


def _seems_left_alone(reading: Reading) -> bool:
    is_gone = reading.workflow is not None and reading.workflow.status != RUNNING
    return is_gone and reading.batch.status not in TERMINAL_BATCH


async def _read_again(sources: Sources, reading: Reading, now: datetime) -> Reading:
    """Read the rows once more: a batch that has ended by now needs no workflow."""
    before = reading.batch
    batch, campaign = await sources.batches.get_uncounted(before.organization_id, before.batch_id)
    if batch.status not in TERMINAL_BATCH:
        return reading
    stored = await _stored(sources, batch, campaign, now)
    return replace(reading, batch=batch, campaign=campaign, stored=stored)


async def _stored(sources: Sources, batch: Batch, campaign: Campaign, now: datetime) -> StoredFacts:
    """Read one thing after the other, on one connection at a time: other requests need the pool too."""
    numbers, batch_id = sources.diagnostics, batch.batch_id
    deadline = asyncio.get_running_loop().time() + DATABASE_SECONDS
    try:
        async with asyncio.timeout_at(deadline):
            stored = StoredFacts(
                standings=await numbers.standings(batch_id),
                pending_sample=await numbers.longest_pending(batch_id, PENDING_SAMPLE),
                pending_zones=await sources.contacts.pending_zones(batch_id),
                campaign_live=await numbers.live_in_campaign(batch.campaign_id),
                silence=await numbers.webhook_silence(batch_id, now - WEBHOOK_SILENCE, RECENT_ENDINGS),
                recent=await numbers.recent_attempts(batch_id, RECENT_ATTEMPTS),
                routes=await sources.routes.reports(),
            )
    except TimeoutError:
        raise StoreUnavailable from None
    try:
        async with asyncio.timeout_at(deadline):
            return replace(stored, withheld=await _withheld(sources, batch, campaign, stored, now))
    except TimeoutError:
        return replace(stored, withheld=Withheld())


async def _withheld(
    sources: Sources, batch: Batch, campaign: Campaign, stored: StoredFacts, now: datetime
) -> Withheld | None:
    """Read why contacts with open windows are withheld, while the batch may call at all."""
    zones = stored.pending_zones
    closed = [zone for zone in zones if not _is_open(batch, campaign, zone, now)]
    if batch.status is not BatchStatus.IN_PROGRESS or len(closed) == len(zones):
        return None
    caps = CapsAt(campaign.rules.caps_in_force, now)
    return await sources.diagnostics.withheld(batch.batch_id, caps, CHECKED_CONTACTS, closed_zones=closed)


def _is_open(batch: Batch, campaign: Campaign, zone: str | None, now: datetime) -> bool:
    return is_open(calling_hours_in_force(batch.overrides, campaign.rules, zone), now)


async def _in_time(answer: Awaitable[T]) -> T | None:
    """Return what a source answers, None when it does not in time. Raises StoreUnavailable."""
    try:
        async with asyncio.timeout(SOURCE_SECONDS):
            return await answer
    except (TimeoutError, EngineUnavailable):
        return None


async def _counter_differences(
    sources: Sources,
    batch_id: BatchId,
    tally: BatchTally | None,
    standings: Mapping[ContactStatus, StatusShare],
    *,
    deadline: float,
) -> Collection[CounterDifference] | None:
    """Return where workflow and rows differ both now and a moment later; None where unknown.

    `tally` and `standings` are the first reading.

    `deadline` is an instant of the running loop that ends the wait.
    """
    if tally is None or not has_counted(tally):
        return None
    found = unexplained_differences(tally, standings, sources.clock())
    if not found:
        return found
    end = min(deadline, asyncio.get_running_loop().time() + SECOND_READING_SECONDS)
    try:
        async with asyncio.timeout_at(end):
            await asyncio.sleep(A_MOMENT_SECONDS)
            tally = await sources.engine.tally(batch_id)
            standings = await sources.diagnostics.standings(batch_id)
    except (TimeoutError, TechnicalError):
        return None
    if tally is None:
        return None
    return found & unexplained_differences(tally, standings, sources.clock())
