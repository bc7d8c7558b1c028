"""One batch: hands out slots to its contacts until every one of them has reached an end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages import LoadedBatch, SlotRequest
    from domain.batch import TERMINAL_BATCH, BatchStatus
    from domain.contact import ContactStatus
    from domain.lifecycle import Action
    from workflows import attributes, dashboard, errands, messages, names, pace, slots
    from workflows.alarms import Alarms
    from workflows.journal import Journal
    from workflows.meanings import MEANS
    from workflows.messages import BatchInput, BatchState
    from workflows.reader import Reader
    from workflows.reconciler import Reconciler
    from workflows.stories import Stories


@workflow.defn
class BatchWorkflow:
    """Waits for the scheduled start, then keeps every free slot in use until nobody is left to call.

    What people may signal, with or without JSON: `pause`, `resume`, `cancel`, `dispatch`, `policy_changed`;
    cancelling the workflow on the server means `cancel`.
    What contacts and the API signal: `attempt_reported`, `slot_requested`, `contact_skipped`,
    `follow_up_scheduled`, `recount`.
    Queries: `counters`, `debug`, `in_flight`.
    Continues as new after a number of contacts or signals, or when the server suggests it;
    contacts live on, their slots are carried over as a set.
    """

    @workflow.init
    def __init__(self, start: BatchInput) -> None:
        self._batch_id = start.batch_id
        self._state = start.state or BatchState()
        self._changed = False
        self._signals = 0
        self._errands: list[Callable[[], Awaitable[None]]] = []
        self._is_stale = True
        self._reports_while_loading: list[messages.AttemptReported] | None = None
        self._alarms = Alarms()
        self._journal = Journal(start.batch_id, self._state)
        self._stories = Stories(start, self._state, self._wake)
        self._reconciler = Reconciler(start.batch_id, self._state, self._stories, self._wake)
        self._reader = Reader(
            start.batch_id, self._state, alarms=self._alarms, reconciler=self._reconciler, wake=self._wake
        )

    @workflow.run
    async def run(self, start: BatchInput) -> str:
        """Return the status the batch ended in."""
        story = asyncio.create_task(self._run(start))
        try:
            return await asyncio.shield(story)  # or an errand under way would be cancelled, and the run fail
        except asyncio.CancelledError:
            self._ask(self._journal.act(Action.CANCEL, "cancelled on the server"))
            return await story
        finally:
            self._alarms.clear()

    @workflow.signal(name=names.PAUSE, description=MEANS[names.PAUSE])
    def pause(self, request: object = None) -> None:
        """Hold the batch."""
        self._ask(self._journal.act(Action.PAUSE, request))

    @workflow.signal(name=names.RESUME, description=MEANS[names.RESUME])
    def resume(self, request: object = None) -> None:
        """Let the batch go on."""
        self._ask(self._journal.act(Action.RESUME, request))

    @workflow.signal(name=names.CANCEL, description=MEANS[names.CANCEL])
    def cancel(self, request: object = None) -> None:
        """End the batch."""
        self._ask(self._journal.act(Action.CANCEL, request))

    @workflow.signal(name=names.DISPATCH, description=MEANS[names.DISPATCH])
    def dispatch(self, request: object = None) -> None:
        """Read pending contacts from the first one again."""
        self._journal.write(names.DISPATCH, request)
        slots.forget_fresh(self._state)
        self._refresh_soon()

    @workflow.signal(name=names.POLICY_CHANGED, description=MEANS[names.POLICY_CHANGED])
    def policy_changed(self, request: object = None) -> None:
        """Read the batch's rules again."""
        self._journal.write_change(names.POLICY_CHANGED, request)
        slots.forget_fresh(self._state)
        self._refresh_soon()

    @workflow.signal(name=names.ATTEMPT_REPORTED, description=MEANS[names.ATTEMPT_REPORTED])
    def attempt_reported(self, request: object = None) -> None:
        """Take a contact's slot back."""
        self._signals += 1
        report = self._journal.read(names.ATTEMPT_REPORTED, messages.ATTEMPT_REPORTED, request)
        if report is None:
            return
        if self._reports_while_loading is not None:
            self._reports_while_loading.append(report)
        if slots.release(self._state, report.contact_id, report.attempt, report.status):
            self._wake()
        if report.withheld:
            slots.forget_fresh(self._state)
            self._refresh_soon()

    @workflow.signal(name=names.SLOT_REQUESTED, description=MEANS[names.SLOT_REQUESTED])
    def slot_requested(self, request: object = None) -> None:
        """Queue a contact for a slot."""
        self._signals += 1
        wish = self._journal.read(names.SLOT_REQUESTED, messages.SLOT_REQUESTED, request)
        if wish is not None:
            slots.request_slot(self._state, SlotRequest(wish.contact_id, wish.attempt, wish.kind))
            self._wake()

    @workflow.signal(name=names.CONTACT_SKIPPED, description=MEANS[names.CONTACT_SKIPPED])
    def contact_skipped(self, request: object = None) -> None:
        """Forget a waiting contact that was skipped by hand."""
        self._signals += 1
        skipped = self._journal.read(names.CONTACT_SKIPPED, messages.CONTACT_SKIPPED, request)
        if skipped is not None:
            slots.close_sleeping(self._state, skipped.contact_id, skipped.was, ContactStatus.SKIPPED)
            self._stories.stop(skipped.contact_id)
            self._wake()

    @workflow.signal(name=names.FOLLOW_UP_SCHEDULED, description=MEANS[names.FOLLOW_UP_SCHEDULED])
    def follow_up_scheduled(self, request: object = None) -> None:
        """Let a completed contact be called again."""
        self._signals += 1
        agreed = self._journal.read(names.FOLLOW_UP_SCHEDULED, messages.FOLLOW_UP_SCHEDULED, request)
        if agreed is not None:
            slots.call_again(self._state)
            self._stories.follow_up(agreed)
            self._wake()

    @workflow.signal(name=names.RECOUNT, description=MEANS[names.RECOUNT])
    def recount(self, request: object = None) -> None:
        """Take the numbers over from the database, once no report is on its way."""
        self._signals += 1
        self._state.is_miscounted = True
        self._wake()

    @workflow.query(name=names.COUNTERS, description=MEANS[names.COUNTERS])
    def counters(self) -> dict[str, int]:
        """Return the numbers of the batch; they sum to its contacts."""
        return asdict(slots.tally(self._state))

    @workflow.query(name=names.IN_FLIGHT, description=MEANS[names.IN_FLIGHT])
    def in_flight(self) -> dict[str, int]:
        """Return who holds a slot."""
        return dict(self._state.in_flight)

    @workflow.query(name=names.DEBUG, description=MEANS[names.DEBUG])
    def debug(self) -> dict[str, object]:
        """Return the dispatcher's view of itself."""
        return dashboard.view(self._state, self._clocks())

    async def _run(self, start: BatchInput) -> str:
        if self._state.total_contacts == 0 and not await self._open():
            return "nothing to call"
        self._reconciler.begin()
        while not await self._is_over():
            self._changed = False
            if self._state.status is BatchStatus.IN_PROGRESS:
                await self._reader.read_ahead()
                self._stories.fill_slots()
            await self._reconciler.reconcile(self._adopt)
            if self._should_continue_as_new(start):
                await self._continue_as_new(start)
            self._show()
            await workflow.wait_condition(lambda: self._changed)
        self._show()
        return self._state.status

    async def _open(self) -> bool:
        """Take the batch over from the database; False when there is nothing to do."""
        loaded = await self._adopt()
        if slots.has_sleepers(self._state) or self._state.in_flight:
            self._reconciler.expect_orphans()
        return loaded.exists and loaded.status not in TERMINAL_BATCH

    async def _is_over(self) -> bool:
        """Do what was asked, and tell whether the batch has ended and nobody holds a slot any more."""
        await self._obey()
        if self._state.status not in TERMINAL_BATCH and slots.is_done(self._state):
            if not await errands.finish(self._batch_id):
                workflow.logger.warning("contacts are left that no slot knows of; reading them again")
                self._reconciler.call_for_sweep()
            await self._adopt()
            await self._obey()
        return self._state.status in TERMINAL_BATCH and not self._state.in_flight

    async def _obey(self) -> None:
        """Run the errands people and timers asked for, then look how the batch stands."""
        while self._errands or self._is_stale:
            while self._errands:
                await self._errands.pop(0)()
            self._is_stale = False
            was_over = self._state.status in TERMINAL_BATCH
            loaded = await errands.load(self._batch_id)
            self._take_over(loaded)
            if not self._errands:
                self._journal.settle(loaded.status)
            if loaded.status in (BatchStatus.CANCELLED, BatchStatus.EXPIRED) and not was_over:
                await errands.stop_skipped(self._batch_id)
                await self._adopt()

    def _take_over(self, loaded: LoadedBatch) -> None:
        """Follow the batch's status, limit and timetable as they are now."""
        if loaded.status is not self._state.status:
            slots.forget_fresh(self._state)
        self._state.status, self._state.paused_by = loaded.status, loaded.paused_by
        attributes.show_batch(loaded.status)
        self._state.concurrency_limit = loaded.concurrency_limit
        waits = loaded.status is BatchStatus.PENDING
        self._set_alarm("scheduled start", loaded.scheduled_start if waits else None, errands.begin)
        ends = loaded.status not in TERMINAL_BATCH
        self._set_alarm("scheduled end", loaded.scheduled_end if ends else None, errands.expire)

    def _set_alarm(self, name: str, at: datetime | None, errand: Callable[[str], Awaitable[None]]) -> None:
        self._alarms.set(name, at, lambda: self._ask(partial(errand, self._batch_id)))

    async def _adopt(self) -> LoadedBatch:
        """Take over from the database who stands where, with the reports that came in meanwhile."""
        self._reports_while_loading = []
        loaded = await errands.load(self._batch_id)
        slots.adopt(self._state, loaded)
        for report in self._reports_while_loading:
            slots.release(self._state, report.contact_id, report.attempt, report.status)
        self._reports_while_loading = None
        if loaded.status is not self._state.status:
            self._refresh_soon()  # a signal was lost, or somebody was faster
        return loaded

    def _ask(self, errand: Callable[[], Awaitable[None]]) -> None:
        self._errands.append(errand)
        self._wake()

    def _refresh_soon(self) -> None:
        self._is_stale = True
        self._wake()

    def _wake(self) -> None:
        self._changed = True

    def _should_continue_as_new(self, start: BatchInput) -> bool:
        return (
            self._stories.started >= start.contacts_per_run
            or self._signals >= pace.SIGNALS_PER_RUN
            or workflow.info().is_continue_as_new_suggested()
        )

    async def _continue_as_new(self, start: BatchInput) -> None:
        """Go on in a new run, once nothing is half done; what is signalled meanwhile is carried too."""
        await workflow.wait_condition(lambda: self._stories.all_told and workflow.all_handlers_finished())
        if self._errands:
            return  # done in this run, and then asked again
        slots.carry_over(self._state)
        workflow.continue_as_new(
            BatchInput(
                batch_id=start.batch_id,
                campaign_id=start.campaign_id,
                organization_id=start.organization_id,
                contacts_per_run=start.contacts_per_run,
                state=self._state,
            )
        )

    def _show(self) -> None:
        """Put the batch on the run's page in the Web UI."""
        workflow.set_current_details(dashboard.details(self._state, self._clocks()))

    def _clocks(self) -> dashboard.Clocks:
        alarms, sweeps_at = self._alarms.waiting(), self._reconciler.sweeps_at
        if sweeps_at is not None:
            alarms.append((sweeps_at, "look for contacts that fell silent"))
        return dashboard.Clocks(
            now=workflow.now(), alarms=sorted(alarms), window_opens_at=self._reader.window_opens_at
        )
