"""The durable side of batches in memory: it remembers what it was told."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domain.batch import Batch
from domain.call import AttemptKind, CallRecord
from domain.contact import ContactStatus
from domain.counters import BatchTally
from domain.diagnosis.facts import QueueFacts
from domain.errors import EngineUnavailable
from domain.identity import BatchId, CampaignId, ContactId
from domain.lifecycle import Action
from domain.ports import EngineHealth, WorkflowDescription


@dataclass
class FakeEngine:
    """Implements BatchEngine and EndingDelivery. `is_down` makes every verb but `health` raise."""

    is_down: bool = False
    fails_to_start: bool = False
    """Answers a ping and then refuses to start a batch."""
    fails_to_listen: bool = False
    """Answers a ping and then refuses to hear what was done to a batch or a contact."""
    can_deliver: bool = True
    workflow_pollers: int = 1
    dial_pollers: int = 1
    tallies: dict[BatchId, BatchTally] = field(default_factory=dict)
    started: dict[BatchId, tuple[CampaignId, int]] = field(default_factory=dict)
    """Campaign and number of contacts of each started batch."""
    delivered: list[CallRecord] = field(default_factory=list)
    acts: list[tuple[BatchId, Action]] = field(default_factory=list)
    policy_changes: list[BatchId] = field(default_factory=list)
    """Of these changes, those that moved contacts who sleep, and since when."""
    dispatches: list[tuple[BatchId, CampaignId, int]] = field(default_factory=list)
    """Batch, campaign and number of contacts."""
    skips: list[tuple[BatchId, ContactId, ContactStatus]] = field(default_factory=list)
    """Batch, contact and the status it waited in."""
    follow_ups: list[tuple[BatchId, ContactId, int, datetime]] = field(default_factory=list)
    redials: list[tuple[BatchId, ContactId, int, datetime]] = field(default_factory=list)
    """Batch, contact, number of the attempt and when it is due."""
    descriptions: dict[BatchId, WorkflowDescription] = field(default_factory=dict)
    """Of workflows that do not simply run."""
    served: Sequence[QueueFacts] = ()
    """What is told of the task queues."""
    dispatchers: dict[BatchId, Mapping[str, object]] = field(default_factory=dict)
    hangs_on: set[str] = field(default_factory=set)
    """Names of the questions that are never answered."""
    asked_for_tallies: int = 0

    async def ping(self) -> None:
        """Return when the engine answers."""
        self._require_up()

    async def start_batch(self, batch: Batch) -> None:
        """Start the batch's workflow; nothing happens when it runs already."""
        self._require_up()
        if self.fails_to_start:
            raise EngineUnavailable
        self.started.setdefault(batch.batch_id, (batch.campaign_id, batch.total_contacts))

    async def tally(self, batch_id: BatchId) -> BatchTally | None:
        """Return the workflow's numbers, None without a worker."""
        self.asked_for_tallies += 1
        await self._answer("tally")
        return self.tallies.get(batch_id)

    async def deliver(self, record: CallRecord) -> bool:
        """Tell the contact's workflow where its call stands."""
        self._require_up()
        if self.can_deliver:
            self.delivered.append(record)
        return self.can_deliver

    async def act(self, batch_id: BatchId, action: Action) -> None:
        """Hear that a batch was paused, resumed or cancelled."""
        self._require_listening()
        self.acts.append((batch_id, action))

    async def policy_changed(self, batch_id: BatchId) -> None:
        """Hear that rules of a batch's campaign changed."""
        self._require_listening()
        self.policy_changes.append(batch_id)

    async def dispatch(self, batch: Batch) -> None:
        """Hear that a batch is to look for contacts again."""
        self._require_listening()
        self.dispatches.append((batch.batch_id, batch.campaign_id, batch.total_contacts))

    async def contact_skipped(self, batch_id: BatchId, contact_id: ContactId, was: ContactStatus) -> None:
        """Hear that a waiting contact was skipped by hand."""
        self._require_listening()
        self.skips.append((batch_id, contact_id, was))

    async def follow_up_scheduled(
        self,
        batch_id: BatchId,
        contact_id: ContactId,
        attempt: int,
        at: datetime,
        *,
        kind: AttemptKind = AttemptKind.FOLLOW_UP,
    ) -> None:
        """Hear that a completed contact is to be called again."""
        self._require_listening()
        news = (batch_id, contact_id, attempt, at)
        (self.redials if kind is AttemptKind.RETRY else self.follow_ups).append(news)

    async def health(self) -> EngineHealth:
        """Say whether the engine answers and who polls it."""
        if self.is_down:
            return EngineHealth(ok=False)
        return EngineHealth(ok=True, workflow_pollers=self.workflow_pollers, dial_pollers=self.dial_pollers)

    async def describe_batch(self, batch_id: BatchId) -> WorkflowDescription:
        """Tell how the batch's workflow stands; it runs unless a test says otherwise."""
        await self._answer("describe_batch")
        running = WorkflowDescription(
            workflow_id=f"batch/{batch_id}", status="running", run_id="run_1", history_length=12
        )
        return self.descriptions.get(batch_id, running)

    async def queues(self) -> Sequence[QueueFacts]:
        """Tell who serves each task queue."""
        await self._answer("queues")
        return self.served

    async def dispatcher(self, batch_id: BatchId) -> Mapping[str, object] | None:
        """Return what the workflow knows, None without a worker."""
        await self._answer("dispatcher")
        return self.dispatchers.get(batch_id)

    async def _answer(self, question: str) -> None:
        self._require_up()
        if question in self.hangs_on:
            await asyncio.Event().wait()

    def _require_up(self) -> None:
        if self.is_down:
            raise EngineUnavailable

    def _require_listening(self) -> None:
        self._require_up()
        if self.fails_to_listen:
            raise EngineUnavailable
