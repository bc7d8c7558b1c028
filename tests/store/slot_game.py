"""A game with a campaign's slots, played at random on the real database: `python -m tests.store.slot_game`.

The rows, the statements, the triggers, the activities and the dispatcher's plain half are the real ones; the
workflows around them are played: dispatchers that are woken, die, are started anew and repeat a request, and
children that dial, talk, sleep, ask and are terminated. Signals are lost and doubled, reports are late, and
the clock of the workflows is not the database's. After every move the books must be right; once the faults
stop, everything ends.
"""

import argparse
import asyncio
import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.batches import BatchActivities
from activities.calls import CallLimits
from activities.contacts import ContactActivities
from activities.messages import (
    BeginBatch,
    CloseContact,
    ExpireBatch,
    FinishBatch,
    ReturnSlot,
    SettleAttempt,
    StopContacts,
)
from domain.batch import TERMINAL_BATCH
from domain.call import AttemptKind, CallRecord, CallStatus, DialState, has_ended
from domain.campaign import CONCURRENCY_KEY, Campaign, CampaignRules
from domain.contact import TERMINAL, ContactStatus
from domain.errors import Conflict, ContactNotFound
from domain.gates import Gate
from domain.identity import BatchId, CampaignId, ContactId, ExecutionId
from domain.lifecycle import Action
from domain.ports import AttemptReport, Attendance, Claimed, RescheduledTime
from domain.redial import RedialPolicy
from domain.slots import GrantedSlot, GrantedSlots, SlotGrants
from embedded.postgres import EmbeddedPostgres
from store.batches.repository import PostgresBatchStore
from store.calls.repository import PostgresCallStore
from store.campaigns.repository import PostgresCampaignStore
from store.contacts.repository import PostgresContactStore
from store.database.engine import create_store_engine, single_statement
from store.database.ids import mint
from store.migrations import upgrade
from store.schema.base import OPEN_ATTEMPT
from store.slots.repository import PostgresSlotStore
from store.suppressions.repository import PostgresSuppressionStore
from tests.builders import (
    MONDAY_NOON,
    ORGANIZATION,
    a_campaign_rules,
    a_claim,
    a_new_batch,
    a_new_contact,
    a_status_event,
)
from tests.fakes import FakeCallMetrics, FakeLookClock
from tests.store.slot_guards import GUARDS, drop_triggers, replaced
from workflows.batch import limits
from workflows.batch.dispatcher import Dispatcher
from workflows.contact.workflow import GRANT_PATIENCE
from workflows.messages import BatchState

LIMITS = CallLimits(
    ring_timeout=timedelta(seconds=45), max_call=timedelta(minutes=20), silence=timedelta(seconds=30)
)
COOLDOWN = timedelta(seconds=20)
MOVES = 150
ENDS_WITHIN = timedelta(minutes=1)
"""Between the end of a batch's last contact and that of the batch."""
LONGEST_CALM = timedelta(seconds=20)
CALM_LASTS = timedelta(minutes=40)
"""At most, in played time."""
STUCK_AFTER = GRANT_PATIENCE + timedelta(minutes=5)
"""Of calm, played time in which nobody is called or settled: who waits for a slot asks again before that."""

_OPEN_CALL = f"SELECT FROM calls WHERE calls.contact_id = contacts.contact_id AND {OPEN_ATTEMPT}"
_SLOT = "SELECT FROM slots WHERE slots.contact_id = contacts.contact_id"
_BOOKS = text(
    f"""
    SELECT contact_id, status, EXISTS ({_SLOT}) AS has_slot, EXISTS ({_OPEN_CALL}) AS is_called FROM contacts
    WHERE (status IN ('dispatched', 'in_progress') OR EXISTS ({_OPEN_CALL})) AND NOT EXISTS ({_SLOT})
        OR status = ANY(:over) AND EXISTS ({_SLOT}) AND NOT EXISTS ({_OPEN_CALL})
    """  # noqa: S608 - made of constants
)
_GRANTED_BY = text("SELECT contact_id FROM slots WHERE granted_by = :request")
_IN_USE = text("SELECT batch_id, count(*) FROM slots GROUP BY batch_id")


_ENDED_CALLS = text(
    "SELECT execution_id, contact_id FROM calls"
    " WHERE call_status IN ('completed', 'busy', 'no_answer', 'failed', 'unknown')"
)


class BooksAreWrong(AssertionError):
    """An invariant does not hold; says in which game and after which moves."""


@dataclass
class Child:
    """The workflow of a contact, as far as slots are concerned."""

    batch_id: BatchId
    attempt: int
    kind: AttemptKind
    state: str = "dials"
    """dials, talks, has ended, sleeps, waits"""
    due_at: datetime | None = None
    record: CallRecord | None = None


@dataclass
class Batch:
    """The workflow of a batch: the dispatcher is the real one."""

    batch_id: BatchId
    limit: int
    state: BatchState = field(default_factory=BatchState)
    clock: FakeLookClock = field(default_factory=FakeLookClock)
    dispatcher: Dispatcher | None = None
    """None while no workflow runs."""
    is_woken: bool = True
    wakes_at: datetime | None = None
    looks: int = 0
    repeats: SlotGrants | None = None
    """The request whose answer was lost."""
    checked_at: datetime = MONDAY_NOON
    lost: set[ContactId] = field(default_factory=set)
    is_over: bool = False


class Workflows:
    """Who runs, for the activities; implements `BatchReports` and `WorkflowDirectory`."""

    def __init__(self, game: "Game") -> None:
        self._game = game

    async def report(self, batch_id: BatchId, report: AttemptReport) -> bool:
        """Wake the batch; the signal may be lost."""
        batch = self._game.batches[batch_id]
        if batch.dispatcher is None:
            return False
        self._game.signal(batch, lambda: self._take(batch, report))
        return True

    def _take(self, batch: Batch, report: AttemptReport) -> None:
        assert batch.dispatcher is not None
        if report.withheld:
            batch.dispatcher.forget()
            batch.wakes_at = self._game.workflow_time() + limits.REST_AFTER_WITHHELD
        else:
            self._game.wake(batch)

    async def attendance(
        self, batch_id: BatchId, contact_ids: Sequence[ContactId]
    ) -> Mapping[ContactId, Attendance]:
        """Tell whose child runs."""
        game = self._game
        return {
            each: Attendance.RUNNING
            if each in game.children
            else Attendance.OVER
            if each in game.terminated
            else Attendance.MISSING
            for each in contact_ids
        }

    async def reschedule(self, batch_id: BatchId, times: Sequence[RescheduledTime]) -> None:
        """Nobody's rules change in this game."""

    async def stop(self, batch_id: BatchId, contact_ids: Sequence[ContactId]) -> None:
        """Wake contacts that need not wait any longer."""
        for each in contact_ids:
            self._game.stop(each)


class Game:
    """One campaign, some batches, and a hundred moves."""

    def __init__(self, engine: AsyncEngine, seed: int) -> None:
        self.engine, self.seed, self.random = engine, seed, random.Random(seed)
        self.now = MONDAY_NOON
        self.skew = timedelta(seconds=self.random.uniform(-1, 1))
        """How far the workflows' clock is ahead of the database's."""
        self.is_calm = False
        self.pace = timedelta(seconds=1)
        """At which calm passes."""
        self.moved_at = self.now
        """When in calm somebody was called or settled last."""
        self.batches: dict[BatchId, Batch] = {}
        self.children: dict[ContactId, Child] = {}
        self.terminated: set[ContactId] = set()
        self.ever_terminated: set[ContactId] = set()
        self.open_calls: dict[ContactId, CallRecord] = {}
        """Calls that live although their child does not."""
        self.cap: int | None = None
        self.events = 0
        self.late_grants: list[GrantedSlot] = []
        """Signals on their way for the second time."""
        self.late_returns: list[ReturnSlot] = []
        """Activities whose first answer was lost."""
        self.log: list[str] = []
        self.slots = PostgresSlotStore(engine)
        self.calls = PostgresCallStore(engine, mint)
        self.contacts = PostgresContactStore(engine)
        self.stored = PostgresBatchStore(engine, mint)
        self.campaigns = PostgresCampaignStore(engine, mint)
        self.metrics = FakeCallMetrics()
        workflows = Workflows(self)
        self.of_contacts = ContactActivities(
            self.contacts,
            self.calls,
            suppressions=PostgresSuppressionStore(engine, mint),
            reports=workflows,
            directory=workflows,
            metrics=self.metrics,
            limits=LIMITS,
            clock=self.clock,
        )
        self.of_batches = BatchActivities(self.stored, self.clock)
        self.workflows = workflows

    def clock(self) -> datetime:
        """Return the database's time."""
        return self.now

    def workflow_time(self) -> datetime:
        """Return what a workflow's clock shows."""
        return self.now + self.skew

    async def play(self) -> None:
        """Play at random, then in calm to the end. Raises BooksAreWrong."""
        campaign = await self._begin()
        for _ in range(MOVES):
            await self._move(campaign.campaign_id)
            await self._check_books()
        await self._end(campaign.campaign_id)
        await self._check_counted()

    async def _begin(self) -> Campaign:
        self.cap = self.random.choice([None, 2, 4])
        metadata = {} if self.cap is None else {CONCURRENCY_KEY: self.cap}
        rules = a_campaign_rules(
            retry_policy=RedialPolicy(cooldown=COOLDOWN, max_retries=1), metadata=metadata
        )
        campaign = await self.campaigns.create(ORGANIZATION, rules, self.now)
        first = 1
        for _ in range(self.random.randint(1, 3)):
            size, limit = self.random.randint(3, 12), self.random.randint(1, 5)
            start = self.now + timedelta(seconds=3) if self.random.random() < 0.3 else None
            people = [a_new_contact(number) for number in range(first, first + size)]
            first += size
            end = self.now + timedelta(seconds=self.random.randint(30, 300))
            new = a_new_batch(
                campaign_id=campaign.campaign_id,
                concurrency_limit=limit,
                scheduled_start=start,
                scheduled_end=end if self.random.random() < 0.2 else None,
            )
            kept = await self.stored.create(new, people, self.now)
            batch = self.batches[kept.batch_id] = Batch(kept.batch_id, limit)
            self._start(batch)
        return campaign

    async def _move(self, campaign_id: CampaignId) -> None:
        moves: Sequence[tuple[float, Callable[[], Awaitable[None]]]] = (
            (20, self._pass_time),
            (30, self._look_somewhere),
            (40, self._move_child),
            (6, self._end_lost_call),
            (5, self._skip),
            (5, self._terminate_child),
            (0.7, self._terminate_batch),
            (3, self._dispatch),
            (5, self._pause_or_resume),
            (1, self._cancel),
            (3, self._deliver_late_grant),
            (6, self._repeat_late_return),
            (2, lambda: self._change_cap(campaign_id)),
        )
        (chosen,) = self.random.choices([each for _, each in moves], [weight for weight, _ in moves])
        self.log.append(getattr(chosen, "__name__", "change cap"))
        await chosen()

    # What the faults do to signals.

    def signal(self, batch: Batch, take: Callable[[], None]) -> None:
        """Deliver a signal once, not at all, or twice."""
        if batch.dispatcher is None:
            return
        times = 1 if self.is_calm else self.random.choices([0, 1, 2], [2, 7, 1])[0]
        for _ in range(times):
            take()

    def wake(self, batch: Batch) -> None:
        """Have the dispatcher look soon."""
        if batch.dispatcher is not None:
            batch.dispatcher.stir()
            batch.is_woken = True

    def stop(self, contact_id: ContactId) -> None:
        """End a child that waits or sleeps; one that dials is followed to its end."""
        child = self.children.get(contact_id)
        if child is not None and child.state in ("sleeps", "waits"):
            del self.children[contact_id]

    # Moves of the clock and of dispatchers.

    async def _pass_time(self) -> None:
        self.now += timedelta(seconds=self.random.choice([0.2, 1, 3, 8, COOLDOWN.total_seconds()]))

    def _start(self, batch: Batch) -> None:
        batch.state = BatchState()
        batch.dispatcher = Dispatcher(batch.batch_id, batch.state, batch.clock)
        batch.is_woken, batch.wakes_at, batch.repeats = True, None, None
        batch.checked_at = self.now

    async def _look_somewhere(self) -> None:
        batch = self.random.choice(list(self.batches.values()))
        await self._look_if_due(batch)

    async def _look_if_due(self, batch: Batch) -> bool:
        is_due = batch.wakes_at is not None and batch.wakes_at <= self.workflow_time()
        if batch.dispatcher is None or batch.is_over or not (batch.is_woken or is_due):
            return False
        await self._look(batch, batch.dispatcher)
        return True

    async def _look(self, batch: Batch, dispatcher: Dispatcher) -> None:
        batch.is_woken = False
        batch.looks += 1
        key = f"{id(dispatcher)}/{batch.looks}"
        request = batch.repeats or dispatcher.request(key, 1000, self.workflow_time())
        before = await self._in_use()
        stands = await self.slots.grant(request, self.now)
        assert stands is not None
        await self._check_limits(batch, before, stands)
        await self._check_repetition(request, stands)
        if not self.is_calm and self.random.random() < 0.07:
            batch.repeats, batch.is_woken = request, True  # the worker died; its task is done again
            return
        batch.repeats = None
        batch.clock.now = self.now
        dispatcher.take(stands, self.now)
        if stands.is_begin_due:
            await self.of_batches.begin_batch(BeginBatch(batch.batch_id))
        elif stands.is_end_due:
            await self.of_batches.expire_batch(ExpireBatch(batch.batch_id))
        elif stands.is_done:
            await self.of_batches.finish_batch(FinishBatch(batch.batch_id))
        else:
            await self._hand_out(batch, dispatcher, stands)
            return
        batch.is_woken = True

    async def _hand_out(self, batch: Batch, dispatcher: Dispatcher, stands: GrantedSlots) -> None:
        for slot in stands.granted:
            self._give(batch, slot)
        for each in stands.refused:
            child = self.children.get(each.contact_id)
            if child is not None and child.state == "waits":
                child.state, child.due_at = "sleeps", each.due_at
                if each.due_at is None:
                    del self.children[each.contact_id]
        for other in stands.waiting_batches:
            self.signal(self.batches[other], lambda other=other: self._tell_of_free_slot(self.batches[other]))  # type: ignore[misc]
        dispatcher.hand_out(stands)
        if stands.status in TERMINAL_BATCH:
            everybody = StopContacts(batch_id=batch.batch_id, after_position=0, limit=len(self.children) + 1)
            await self.of_contacts.stop_stories(everybody)
            batch.is_over = not stands.in_use
            if batch.is_over:
                return
        await self._check_slots(batch, stands)
        batch.is_woken = batch.is_woken or dispatcher.must_read_at_once(stands)
        self._wake_later(batch, dispatcher.next_wake(stands, self.now))

    def _wake_later(self, batch: Batch, next_wake: tuple[datetime, str] | None) -> None:
        if next_wake is None:
            batch.wakes_at = None
            return
        wakes_at = self.workflow_time() + max(next_wake[0] - self.now, timedelta())
        still = batch.wakes_at is not None and batch.wakes_at > self.workflow_time()
        batch.wakes_at = min(wakes_at, batch.wakes_at) if still and batch.wakes_at else wakes_at

    def _tell_of_free_slot(self, batch: Batch) -> None:
        if batch.dispatcher is not None:
            batch.dispatcher.hear_of_free_slot()
            self.wake(batch)

    def _give(self, batch: Batch, slot: GrantedSlot) -> None:
        """Start the child, or wake the one that sleeps or waits; the signal may be lost."""
        child = self.children.get(slot.contact_id)
        if child is None:
            if slot.contact_id in self.terminated and slot.kind is not AttemptKind.INITIAL:
                batch.lost.add(slot.contact_id)
                return
            self.children[slot.contact_id] = Child(batch.batch_id, slot.attempt, slot.kind)
            self.terminated.discard(slot.contact_id)
        elif self.is_calm or self.random.random() > 0.1:
            self._wake_child(child, slot)
            if self.random.random() < 0.2:
                self.late_grants.append(slot)

    def _wake_child(self, child: Child, slot: GrantedSlot) -> None:
        if child.state in ("sleeps", "waits"):
            child.state, child.due_at = "dials", None
            child.attempt, child.kind = slot.attempt, slot.kind

    async def _deliver_late_grant(self) -> None:
        """A grant comes for the second time, when the slot may have been given back."""
        if not self.late_grants:
            return
        slot = self.late_grants.pop(self.random.randrange(len(self.late_grants)))
        child = self.children.get(slot.contact_id)
        if child is not None and child.attempt == slot.attempt:
            self._wake_child(child, slot)

    async def _check_slots(self, batch: Batch, stands: GrantedSlots) -> None:
        """Look for lost children as `SlotCheck` does."""
        lost, batch.lost = batch.lost, set()
        for contact_id in lost:
            await self.of_contacts.close_contact(CloseContact(contact_id=contact_id, attempt=0))
        since = self.now - batch.checked_at
        if not (since >= limits.CHECK_ALL_EVERY or (stands.is_unattended and since >= limits.CHECK_EVERY)):
            return
        batch.checked_at = self.now
        held = await self.slots.unattended(
            batch.batch_id, self.now, limits.CHECKED_AT_ONCE, with_calls=since >= limits.CHECK_ALL_EVERY
        )
        for slot in held:
            if slot.contact_id in self.children:
                continue
            if slot.contact_id in self.terminated:
                await self._close(slot.contact_id, slot.attempt)
            else:
                granted = GrantedSlot(contact_id=slot.contact_id, attempt=slot.attempt, kind=slot.kind)
                self._give(batch, granted)
        self.wake(batch)

    async def _close(self, contact_id: ContactId, attempt: int) -> None:
        """Close a contact whose child is over, once its call is."""
        brief = await self.calls.dial_brief(contact_id, attempt)
        record = brief.record if brief else None
        if record is not None and record.dial_state is DialState.READY and not has_ended(record.call_status):
            await self._hear(record, CallStatus.FAILED)  # the provider knows of no call
        await self.of_contacts.close_contact(CloseContact(contact_id=contact_id, attempt=attempt))

    # Moves of children.

    async def _move_child(self) -> None:
        now = self.workflow_time()
        able = [each for each, child in self.children.items() if child.due_at is None or child.due_at <= now]
        if able:
            await self._step(self.random.choice(able))

    async def _step(self, contact_id: ContactId) -> bool:
        """Let a child do what it can do now; False when it can only wait."""
        child = self.children[contact_id]
        match child.state:
            case "dials":
                await self._dial(contact_id, child)
            case "talks":
                assert child.record is not None
                outcome = self.random.choice([CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.NO_ANSWER])
                await self._hear(child.record, outcome)
                child.state = "has ended"
            case "has ended":
                await self._settle(contact_id, child)
            case "sleeps" | "waits" if child.due_at is not None and child.due_at <= self.workflow_time():
                child.state, child.due_at = "waits", self.workflow_time() + GRANT_PATIENCE
                batch = self.batches[child.batch_id]
                self.signal(batch, lambda: self._asked(batch, contact_id))
            case _:
                return False
        return True

    def _asked(self, batch: Batch, contact_id: ContactId) -> None:
        assert batch.dispatcher is not None
        batch.dispatcher.ask(contact_id)
        self.wake(batch)

    async def _dial(self, contact_id: ContactId, child: Child) -> None:
        claim = a_claim(contact_id, attempt=child.attempt, kind=child.kind)
        answer = await self.calls.claim_attempt(claim, self.now)
        if isinstance(answer, Claimed):
            child.record = answer.record
            child.state = "has ended" if has_ended(answer.record.call_status) else "talks"
            if answer.may_ask and self.random.random() < 0.15:
                await self.calls.record_dial(answer.record.execution_id, DialState.READY)
                child.state = "dials"  # the provider was busy: the same attempt again, later
            elif answer.may_ask:
                await self.calls.record_dial(answer.record.execution_id, DialState.ACCEPTED)
            return
        request = ReturnSlot(batch_id=child.batch_id, contact_id=contact_id, attempt=child.attempt)
        returned = await self.of_contacts.return_slot(request)
        if self.random.random() < 0.6:
            self.late_returns.append(request)
        stays = answer in (Gate.BATCH_HELD, Gate.NO_SLOT, Gate.NUMBER_BUSY)
        sleeping = (ContactStatus.RETRYING, ContactStatus.FOLLOWUP_SCHEDULED)
        if stays and returned.status in sleeping and not returned.batch_is_gone:
            child.state, child.due_at = "sleeps", self.workflow_time() + timedelta(seconds=5)
        else:
            del self.children[contact_id]

    async def _repeat_late_return(self) -> None:
        """A slot is returned for the second time, when the contact may have been granted another."""
        if self.late_returns:
            late = self.late_returns.pop(self.random.randrange(len(self.late_returns)))
            await self.of_contacts.return_slot(late)

    async def _settle(self, contact_id: ContactId, child: Child) -> None:
        request = SettleAttempt(batch_id=child.batch_id, contact_id=contact_id, attempt=child.attempt)
        settled = await self.of_contacts.settle_attempt(request)
        if settled.due_at is None or settled.kind is None or settled.batch_is_gone:
            del self.children[contact_id]
        else:
            child.state, child.due_at = "sleeps", settled.due_at
            child.attempt, child.kind = child.attempt + 1, settled.kind

    async def _hear(self, record: CallRecord, status: CallStatus) -> None:
        self.events += 1
        event = a_status_event(status, happened_at=self.now)
        await self.calls.record_event(record.execution_id, event, event_key=f"{self.events}", body=None)

    # What people and faults do.

    async def _end_lost_call(self) -> None:
        """A call ends whose child is over: the webhook finds nobody, and the batch is told."""
        if not self.open_calls:
            return
        contact_id = self.random.choice(list(self.open_calls))
        record = self.open_calls.pop(contact_id)
        await self._hear(record, CallStatus.COMPLETED)
        batch = self.batches[record.batch_id]
        batch.checked_at -= limits.CHECK_ALL_EVERY
        self.signal(batch, lambda: self.wake(batch))

    async def _skip(self) -> None:
        batch = self.random.choice(list(self.batches.values()))
        people = await self._people(batch)
        contact_id = self.random.choice(people)
        with suppress(Conflict, ContactNotFound):
            await self.contacts.skip_by_hand(batch.batch_id, contact_id, self.now)
            self.signal(batch, lambda: self._skipped(batch, contact_id))

    async def _terminate_child(self) -> None:
        if not self.children:
            return
        contact_id = self.random.choice(list(self.children))
        child = self.children.pop(contact_id)
        self.terminated.add(contact_id)
        self.ever_terminated.add(contact_id)
        if child.state == "talks" and child.record is not None:
            self.open_calls[contact_id] = child.record
        batch = self.batches[child.batch_id]
        self.signal(batch, lambda: self._lost(batch, contact_id))

    def _skipped(self, batch: Batch, contact_id: ContactId) -> None:
        self.stop(contact_id)
        self.wake(batch)

    def _lost(self, batch: Batch, contact_id: ContactId) -> None:
        batch.lost.add(contact_id)
        self.wake(batch)

    async def _terminate_batch(self) -> None:
        self.random.choice(list(self.batches.values())).dispatcher = None

    async def _dispatch(self) -> None:
        batch = self.random.choice(list(self.batches.values()))
        self._revive(batch)

    def _revive(self, batch: Batch) -> None:
        """Dispatch: start the workflow anew where none runs, else have it look at everything."""
        if batch.is_over:
            return
        if batch.dispatcher is None:
            self._start(batch)
        batch.dispatcher = batch.dispatcher or Dispatcher(batch.batch_id, batch.state, batch.clock)
        batch.dispatcher.forget()
        batch.checked_at -= limits.CHECK_ALL_EVERY
        self.wake(batch)

    async def _pause_or_resume(self) -> None:
        batch = self.random.choice(list(self.batches.values()))
        action = self.random.choice([Action.PAUSE, Action.RESUME, Action.RESUME])
        with suppress(Conflict):
            await self.stored.act(batch.batch_id, action, self.now)
            self.signal(batch, lambda: self._changed(batch))

    async def _cancel(self) -> None:
        batch = self.random.choice(list(self.batches.values()))
        with suppress(Conflict):
            await self.stored.act(batch.batch_id, Action.CANCEL, self.now)
            self.signal(batch, lambda: self._changed(batch))

    def _changed(self, batch: Batch) -> None:
        assert batch.dispatcher is not None
        batch.dispatcher.forget()
        self.wake(batch)

    async def _change_cap(self, campaign_id: CampaignId) -> None:
        self.cap = self.random.choice([None, 1, 2, 3, 6])
        metadata = {} if self.cap is None else {CONCURRENCY_KEY: self.cap}

        def amend(rules: CampaignRules, *_: object) -> CampaignRules:
            return replace(rules, metadata=metadata)

        await self.campaigns.change(ORGANIZATION, campaign_id, amend, self.now)
        for batch in self.batches.values():
            self.signal(batch, lambda batch=batch: self._changed(batch))  # type: ignore[misc]

    async def _people(self, batch: Batch) -> Sequence[ContactId]:
        ids = text("SELECT contact_id FROM contacts WHERE batch_id = :batch ORDER BY position")
        async with single_statement(self.engine) as connection:
            return (await connection.scalars(ids, {"batch": batch.batch_id})).all()

    # What must hold.

    async def _check_counted(self) -> None:
        """Each call was counted once, however it ended and whoever died over it.

        Nobody settles the call of a contact that was skipped and whose workflow was terminated.
        """
        counted = Counter(each.execution_id for each in self.metrics.settled)
        async with single_statement(self.engine) as connection:
            rows = (await connection.execute(_ENDED_CALLS)).all()
        ended = {ExecutionId(execution_id): ContactId(contact_id) for execution_id, contact_id in rows}
        self._require(counted == Counter(counted.keys()), f"counted twice: {counted}")
        self._require(counted.keys() <= ended.keys(), "counted before its end")
        missed = {ended[each] for each in ended.keys() - counted.keys()}
        self._require(missed <= self.ever_terminated, f"not counted: {missed - self.ever_terminated}")

    async def _in_use(self) -> Mapping[BatchId, int]:
        async with single_statement(self.engine) as connection:
            return {BatchId(each): number for each, number in await connection.execute(_IN_USE)}

    async def _check_limits(self, batch: Batch, before: Mapping[BatchId, int], stands: GrantedSlots) -> None:
        after = await self._in_use()
        own, own_before = after.get(batch.batch_id, 0), before.get(batch.batch_id, 0)
        if own > own_before:  # a limit that was lowered lets live calls go on
            limit = min(batch.limit, self.cap or batch.limit)
            self._require(own <= limit, f"{own} slots of {limit}")
            total = sum(after.values())
            self._require(
                self.cap is None or total <= self.cap, f"{total} slots of the campaign's {self.cap}"
            )
        self._require(own == stands.in_use, f"{stands.in_use} slots told, {own} held")

    async def _check_repetition(self, request: SlotGrants, stands: GrantedSlots) -> None:
        """Whatever a request was granted is in its answer, however often it is made."""
        async with single_statement(self.engine) as connection:
            granted = set((await connection.scalars(_GRANTED_BY, {"request": request.key})).all())
        left_out = granted - {each.contact_id for each in stands.granted}
        self._require(not left_out, f"{left_out} were granted to a request and are not in its answer")

    async def _check_books(self) -> None:
        async with single_statement(self.engine) as connection:
            wrong = (await connection.execute(_BOOKS, {"over": sorted(TERMINAL)})).all()
        self._require(not wrong, f"slots and contacts differ: {wrong}")
        for batch in self.batches.values():
            counters = await self.stored.count(batch.batch_id)
            people = await self._people(batch)
            self._require(counters.total == len(people), f"{counters} of {len(people)}")
            counts = batch.state.counts
            self._require(all(number >= 0 for number in counts.values()), f"negative: {counts}")
            self._require(not counts or sum(counts.values()) == len(people), f"{counts} of {len(people)}")

    async def _end(self, campaign_id: CampaignId) -> None:
        """Stop the faults, let everybody go on, and expect every batch to end soon after its last contact."""
        self.is_calm = True
        for batch in self.batches.values():
            with suppress(Conflict):
                await self.stored.act(batch.batch_id, Action.RESUME, self.now)
            if batch.dispatcher is None:
                self._revive(batch)
        calm_since = self.moved_at = self.now
        last_moved: dict[BatchId, datetime] = {}
        while not all(each.is_over for each in self.batches.values()):
            if self.now - calm_since >= CALM_LASTS or self.now - self.moved_at >= STUCK_AFTER:
                self._require(False, f"stuck: {await self._standing()}")
            await self._calm_round()
            await self._check_books()
            for batch in self.batches.values():
                if await self._is_unfinished(batch):
                    last_moved[batch.batch_id] = self.now
                ended = last_moved.get(batch.batch_id, calm_since)
                self._require(
                    batch.is_over or self.now - ended <= ENDS_WITHIN, f"{batch.batch_id} does not end"
                )

    async def _calm_round(self) -> None:
        before = self._standstill()
        for contact_id in list(self.open_calls):
            record = self.open_calls.pop(contact_id)
            await self._hear(record, CallStatus.COMPLETED)
        for _ in range(20):
            moved = [await self._look_if_due(each) for each in self.batches.values()]
            moved += [await self._step(each) for each in list(self.children) if each in self.children]
            if not any(moved):
                break
        is_still = self._standstill() == before
        if not is_still:
            self.moved_at = self.now
        self._pass_calm(is_still=is_still)

    def _standstill(self) -> tuple[object, ...]:
        """Return what changes when somebody is called or settled."""
        return self.events, {each: child.state for each, child in self.children.items()}

    def _pass_calm(self, *, is_still: bool) -> None:
        """Let time pass until something is due, ever faster while nothing happens."""
        self.pace = min(2 * self.pace, LONGEST_CALM) if is_still else timedelta(seconds=1)
        due = [each.wakes_at for each in self.batches.values() if each.wakes_at and not each.is_over]
        due += [each.due_at for each in self.children.values() if each.due_at is not None]
        next_at = min(due, default=self.workflow_time() + ENDS_WITHIN) - self.skew
        self.now = max(next_at, self.now + self.pace)

    async def _is_unfinished(self, batch: Batch) -> bool:
        counters = await self.stored.count(batch.batch_id)
        return counters.unfinished > 0 or (await self._in_use()).get(batch.batch_id, 0) > 0

    async def _standing(self) -> str:
        standing = text(
            "SELECT contact_id, contacts.status, next_retry_at, slots.attempt, batches.status FROM contacts "
            "JOIN batches USING (batch_id) LEFT JOIN slots USING (contact_id) "
            "WHERE contacts.status <> ALL(:over)"
        )
        async with single_statement(self.engine) as connection:
            rows = (await connection.execute(standing, {"over": sorted(TERMINAL)})).all()
        return f"{self.now} {rows} {self.children}"

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise BooksAreWrong(f"{what} after {self.log[-12:]}")


async def play(url: str, seed: int, without: Collection[str] = ()) -> None:
    """Play one game in a migrated database; what is in it goes, and so do these guards."""
    engine = create_store_engine(url)
    try:
        async with single_statement(engine) as connection:
            await connection.execute(text("TRUNCATE campaigns, organizations, slot_demands CASCADE"))
        await drop_triggers(engine, without)
        with replaced(without):
            await Game(engine, seed).play()
    finally:
        await engine.dispose()


def main() -> None:
    """Play many games and print how they went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", choices=sorted(GUARDS), action="append", default=[])
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    seeds = range(arguments.seed, arguments.seed + arguments.games)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "data", durable=False)
        server.start()
        try:
            server.create_database("game")
            upgrade(server.url("game"))
            failed = [seed for seed in seeds if _fails(server.url("game"), seed, arguments.without)]
        finally:
            server.stop()
    print(f"{len(seeds)} games, {len(failed)} failed {failed}, {time.monotonic() - began:.0f} s")  # noqa: T201


def _fails(url: str, seed: int, without: Collection[str]) -> bool:
    try:
        asyncio.run(play(url, seed, without))
    except Exception as failure:  # noqa: BLE001 - what fails in a game is found by it
        print(f"game {seed}: {failure!r}")  # noqa: T201
        return True
    return False


if __name__ == "__main__":
    main()
