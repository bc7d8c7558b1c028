"""One batch: hands out slots to its contacts until every one of them has reached an end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages import FreshPage, LoadedBatch, SlotRequest
    from domain.batch import TERMINAL_BATCH, BatchStatus
    from domain.contact import ContactStatus
    from domain.lifecycle import Action
    from workflows import errands, messages, names, pace, slots
    from workflows.alarms import Alarms
    from workflows.messages import BatchInput, BatchState, read_request
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
        self._stories = Stories(start.batch_id, start.campaign_id, self._state, self._wake)
        self._reconciler = Reconciler(start.batch_id, self._state, self._stories, self._wake)

    @workflow.run
    async def run(self, start: BatchInput) -> str:
        """Return the status the batch ended in."""
        story = asyncio.create_task(self._run(start))
        try:
            return await asyncio.shield(story)  # or an errand under way would be cancelled, and the run fail
        except asyncio.CancelledError:
            self._ask(partial(errands.act, self._batch_id, Action.CANCEL))
            return await story
        finally:
            self._alarms.clear()

    @workflow.signal(name=names.PAUSE, description="Start no more calls. No input needed.")
    def pause(self, request: object = None) -> None:
        """Hold the batch."""
        self._ask(partial(errands.act, self._batch_id, Action.PAUSE))

    @workflow.signal(name=names.RESUME, description="Go on after a pause. No input needed.")
    def resume(self, request: object = None) -> None:
        """Let the batch go on."""
        self._ask(partial(errands.act, self._batch_id, Action.RESUME))

    @workflow.signal(name=names.CANCEL, description="End the batch for good. No input needed.")
    def cancel(self, request: object = None) -> None:
        """End the batch."""
        self._ask(partial(errands.act, self._batch_id, Action.CANCEL))

    @workflow.signal(name=names.DISPATCH, description="Look for contacts to call again. No input needed.")
    def dispatch(self, request: object = None) -> None:
        """Read pending contacts from the first one again."""
        slots.forget_fresh(self._state)
        self._refresh_soon()

    @workflow.signal(name=names.POLICY_CHANGED, description="Read limits and hours again. No input needed.")
    def policy_changed(self, request: object = None) -> None:
        """Read the batch's rules again."""
        slots.forget_fresh(self._state)
        self._refresh_soon()

    @workflow.signal(name=names.ATTEMPT_REPORTED, description="Sent by contacts; not for people.")
    def attempt_reported(self, request: object = None) -> None:
        """Take a contact's slot back."""
        self._signals += 1
        report = read_request(messages.ATTEMPT_REPORTED, request)
        if report is None:
            return
        if self._reports_while_loading is not None:
            self._reports_while_loading.append(report)
        if slots.release(self._state, report.contact_id, report.attempt, report.status):
            self._wake()
        if report.withheld:
            slots.forget_fresh(self._state)
            self._refresh_soon()

    @workflow.signal(name=names.SLOT_REQUESTED, description="Sent by contacts; not for people.")
    def slot_requested(self, request: object = None) -> None:
        """Queue a contact for a slot."""
        self._signals += 1
        wish = read_request(messages.SLOT_REQUESTED, request)
        if wish is not None:
            slots.request_slot(self._state, SlotRequest(wish.contact_id, wish.attempt, wish.kind))
            self._wake()

    @workflow.signal(name=names.CONTACT_SKIPPED, description="Sent by the API; people use its endpoint.")
    def contact_skipped(self, request: object = None) -> None:
        """Forget a waiting contact that was skipped by hand."""
        self._signals += 1
        skipped = read_request(messages.CONTACT_SKIPPED, request)
        if skipped is not None:
            slots.close_sleeping(self._state, skipped.contact_id, skipped.was, ContactStatus.SKIPPED)
            self._stories.stop(skipped.contact_id)
            self._wake()

    @workflow.signal(name=names.FOLLOW_UP_SCHEDULED, description="Sent by the API; people use its endpoint.")
    def follow_up_scheduled(self, request: object = None) -> None:
        """Let a completed contact be called again."""
        self._signals += 1
        agreed = read_request(messages.FOLLOW_UP_SCHEDULED, request)
        if agreed is not None:
            slots.call_again(self._state)
            self._stories.follow_up(agreed)
            self._wake()

    @workflow.signal(name=names.RECOUNT, description="Sent by the API when a late ending changed a contact.")
    def recount(self, request: object = None) -> None:
        """Take the numbers over from the database, once no report is on its way."""
        self._signals += 1
        self._state.is_miscounted = True
        self._wake()

    @workflow.query(name=names.COUNTERS, description="How many contacts stand where; live = on a slot.")
    def counters(self) -> dict[str, int]:
        """Return the numbers of the batch; they sum to its contacts."""
        return asdict(slots.tally(self._state))

    @workflow.query(name=names.IN_FLIGHT, description="Contact ids that hold a slot, with their attempts.")
    def in_flight(self) -> dict[str, int]:
        """Return who holds a slot."""
        return dict(self._state.in_flight)

    @workflow.query(name=names.DEBUG, description="What the dispatcher knows and what it waits for.")
    def debug(self) -> dict[str, object]:
        """Return the dispatcher's view of itself."""
        state = self._state
        return {
            "status": state.status,
            "counters": self.counters(),
            "concurrency_limit": state.concurrency_limit,
            "free_slots": slots.free_slots(state),
            "waiting_for_slot": len(state.waiting),
            "read_ahead": len(state.fresh),
            "cursor": state.cursor,
            "run": state.runs,
        }

    async def _run(self, start: BatchInput) -> str:
        if self._state.total_contacts == 0 and not await self._open():
            return "nothing to call"
        self._reconciler.begin()
        while not await self._is_over():
            self._changed = False
            if self._state.status is BatchStatus.IN_PROGRESS:
                await self._read_ahead()
                self._stories.fill_slots()
            await self._reconciler.reconcile(self._adopt)
            if self._should_continue_as_new(start):
                await self._continue_as_new(start)
            self._show()
            await workflow.wait_condition(lambda: self._changed)
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
            if loaded.status in (BatchStatus.CANCELLED, BatchStatus.EXPIRED) and not was_over:
                await errands.stop_skipped(self._batch_id)
                await self._adopt()

    def _take_over(self, loaded: LoadedBatch) -> None:
        """Follow the batch's status, limit and timetable as they are now."""
        if loaded.status is not self._state.status:
            slots.forget_fresh(self._state)
        self._state.status = loaded.status
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

    async def _read_ahead(self) -> None:
        """Keep fresh contacts at hand, and fetch due ones that were turned away."""
        state = self._state
        if not state.fresh_is_exhausted and len(state.fresh) < pace.PAGE // 2:
            limit = max(pace.PAGE, state.concurrency_limit)
            page = await errands.next_page(self._batch_id, state.cursor, limit)
            slots.add_page(state, page, limit)
            self._wait_for_those_left_out(page)
        if state.overflowed and len(state.waiting) < pace.PAGE // 2:
            state.overflowed = False
            await self._reconciler.find_due()

    def _wait_for_those_left_out(self, page: FreshPage) -> None:
        """Read everybody again when a window opens, or in a moment when numbers were busy."""
        if not page.busy:
            self._alarms.set("next window opens", page.opens_at, self._reopen)
        elif not self._alarms.is_set("busy numbers"):  # a later page must not put an earlier one off
            self._alarms.set("busy numbers", page.opens_at, self._reopen)

    def _reopen(self) -> None:
        slots.forget_fresh(self._state)
        self._wake()

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
                contacts_per_run=start.contacts_per_run,
                state=self._state,
            )
        )

    def _show(self) -> None:
        """Put the numbers on the run's page in the Web UI."""
        rows = "\n".join(f"| {name} | {count} |" for name, count in self.counters().items())
        workflow.set_current_details(f"**{self._state.status}**\n\n| contacts | number |\n|---|--:|\n{rows}")
