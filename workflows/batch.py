"""One batch: hands out slots to its contacts until every one of them has reached an end."""

import asyncio
from dataclasses import asdict

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages import SlotRequest
    from domain.batch import TERMINAL_BATCH, BatchStatus
    from domain.contact import ContactStatus
    from domain.lifecycle import Action
    from workflows import dashboard, errands, messages, names, pace, slots
    from workflows.alarms import Alarms
    from workflows.journal import Journal
    from workflows.meanings import MEANS
    from workflows.messages import BatchInput, BatchState
    from workflows.moved_sleepers import MovedSleepers
    from workflows.orders import Orders
    from workflows.reader import Reader
    from workflows.reconciler import Reconciler
    from workflows.share import Share
    from workflows.stories import Stories


@workflow.defn
class BatchWorkflow:
    """Waits for the scheduled start, then keeps every free slot in use until nobody is left to call.

    What people may signal, with or without JSON: `pause`, `resume`, `cancel`, `dispatch`, `policy_changed`;
    cancelling the workflow on the server means `cancel`.
    What contacts and the API signal: `attempt_reported`, `slot_requested`, `contact_skipped`,
    `follow_up_scheduled`, `recount`. What its campaign signals: `slots_leased`.
    Queries: `counters`, `debug`, `in_flight`.
    Continues as new after a number of contacts or signals, or when the server suggests it;
    contacts live on, their slots are carried over as a set.
    """

    @workflow.init
    def __init__(self, start: BatchInput) -> None:
        self._batch_id = start.batch_id
        self._state = start.state or BatchState()
        self._signals = 0
        self._alarms = Alarms()
        self._journal = Journal(start.batch_id, self._state)
        self._orders = Orders(start.batch_id, self._state, self._alarms, self._journal)
        wake = self._orders.wake
        self._share = Share(start, self._state, self._alarms, wake)
        self._stories = Stories(start, self._state, wake)
        self._moved_sleepers = MovedSleepers(start.batch_id, self._state, wake)
        self._reconciler = Reconciler(start.batch_id, self._state, self._stories, wake)
        self._reader = Reader(
            start.batch_id, self._state, alarms=self._alarms, reconciler=self._reconciler, wake=wake
        )

    @workflow.run
    async def run(self, start: BatchInput) -> str:
        """Return the status the batch ended in."""
        story = asyncio.create_task(self._run(start))
        try:
            return await asyncio.shield(story)  # or an errand under way would be cancelled, and the run fail
        except asyncio.CancelledError:
            self._orders.ask(self._journal.act(Action.CANCEL, "cancelled on the server"))
            return await story
        finally:
            self._alarms.clear()

    @workflow.signal(name=names.PAUSE, description=MEANS[names.PAUSE])
    def pause(self, request: object = None) -> None:
        """Hold the batch."""
        self._orders.ask(self._journal.act(Action.PAUSE, request))

    @workflow.signal(name=names.RESUME, description=MEANS[names.RESUME])
    def resume(self, request: object = None) -> None:
        """Let the batch go on."""
        self._orders.ask(self._journal.act(Action.RESUME, request))

    @workflow.signal(name=names.CANCEL, description=MEANS[names.CANCEL])
    def cancel(self, request: object = None) -> None:
        """End the batch."""
        self._orders.ask(self._journal.act(Action.CANCEL, request))

    @workflow.signal(name=names.DISPATCH, description=MEANS[names.DISPATCH])
    def dispatch(self, request: object = None) -> None:
        """Read pending contacts from the first one again."""
        self._journal.write(names.DISPATCH, request)
        slots.forget_fresh(self._state)
        self._orders.refresh_soon()

    @workflow.signal(name=names.POLICY_CHANGED, description=MEANS[names.POLICY_CHANGED])
    def policy_changed(self, request: object = None) -> None:
        """Read the batch's rules again, and tell contacts that sleep whose times they moved."""
        changed = self._journal.write_change(names.POLICY_CHANGED, request)
        if changed is not None and changed.rescheduled_since is not None:
            self._moved_sleepers.expect(changed.rescheduled_since)
        slots.forget_fresh(self._state)
        self._orders.refresh_soon()

    @workflow.signal(name=names.ATTEMPT_REPORTED, description=MEANS[names.ATTEMPT_REPORTED])
    def attempt_reported(self, request: object = None) -> None:
        """Take a contact's slot back."""
        self._signals += 1
        report = self._journal.read(names.ATTEMPT_REPORTED, messages.ATTEMPT_REPORTED, request)
        if report is None:
            return
        self._orders.take_report(report)
        if report.withheld:
            slots.forget_fresh(self._state)
            self._orders.refresh_soon()

    @workflow.signal(name=names.SLOT_REQUESTED, description=MEANS[names.SLOT_REQUESTED])
    def slot_requested(self, request: object = None) -> None:
        """Queue a contact for a slot."""
        self._signals += 1
        wish = self._journal.read(names.SLOT_REQUESTED, messages.SLOT_REQUESTED, request)
        if wish is not None:
            slots.request_slot(self._state, SlotRequest(wish.contact_id, wish.attempt, wish.kind))
            self._orders.wake()

    @workflow.signal(name=names.CONTACT_SKIPPED, description=MEANS[names.CONTACT_SKIPPED])
    def contact_skipped(self, request: object = None) -> None:
        """Forget a waiting contact that was skipped by hand."""
        self._signals += 1
        skipped = self._journal.read(names.CONTACT_SKIPPED, messages.CONTACT_SKIPPED, request)
        if skipped is not None:
            slots.close_sleeping(self._state, skipped.contact_id, skipped.was, ContactStatus.SKIPPED)
            self._stories.stop(skipped.contact_id)
            self._orders.wake()

    @workflow.signal(name=names.FOLLOW_UP_SCHEDULED, description=MEANS[names.FOLLOW_UP_SCHEDULED])
    def follow_up_scheduled(self, request: object = None) -> None:
        """Let a completed contact be called again."""
        self._signals += 1
        agreed = self._journal.read(names.FOLLOW_UP_SCHEDULED, messages.FOLLOW_UP_SCHEDULED, request)
        if agreed is not None:
            slots.call_again(self._state)
            self._stories.follow_up(agreed)
            self._orders.wake()

    @workflow.signal(name=names.RECOUNT, description=MEANS[names.RECOUNT])
    def recount(self, request: object = None) -> None:
        """Take the numbers over from the database, once no report is on its way."""
        self._signals += 1
        self._state.is_miscounted = True
        self._orders.wake()

    @workflow.signal(name=names.SLOTS_LEASED, description=MEANS[names.SLOTS_LEASED])
    def slots_leased(self, request: object = None) -> None:
        """Follow how many of the campaign's slots the batch may use."""
        self._signals += 1
        leased = self._journal.read(names.SLOTS_LEASED, messages.SLOTS_LEASED, request)
        if leased is not None:
            self._share.take(leased)
            if self._state.campaign_limit is None:
                self._orders.refresh_soon()  # a cap this batch has not heard of

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
            self._orders.has_news = False
            if self._state.status is BatchStatus.IN_PROGRESS:
                await self._reader.read_ahead()
                self._stories.fill_slots()
            await self._reconciler.reconcile(self._orders.adopt)
            await self._moved_sleepers.tell_next_page()
            if self._should_continue_as_new(start):
                await self._continue_as_new(start)
            self._share.adjust()
            self._show()
            await workflow.wait_condition(lambda: self._orders.has_news)
        await self._share.leave()
        self._show()
        return self._state.status

    async def _open(self) -> bool:
        """Take the batch over from the database; False when there is nothing to do."""
        loaded = await self._orders.adopt()
        if slots.has_sleepers(self._state) or self._state.in_flight:
            self._reconciler.expect_orphans()
        return loaded.exists and loaded.status not in TERMINAL_BATCH

    async def _is_over(self) -> bool:
        """Do what was asked, and tell whether the batch has ended and nobody holds a slot any more."""
        await self._orders.obey()
        if self._state.status not in TERMINAL_BATCH and slots.is_done(self._state):
            if not await errands.finish(self._batch_id):
                workflow.logger.warning("contacts are left that no slot knows of; reading them again")
                self._reconciler.call_for_sweep()
            await self._orders.adopt()
            await self._orders.obey()
        return self._state.status in TERMINAL_BATCH and not self._state.in_flight

    def _should_continue_as_new(self, start: BatchInput) -> bool:
        return (
            self._stories.started >= start.contacts_per_run
            or self._signals >= pace.SIGNALS_PER_RUN
            or workflow.info().is_continue_as_new_suggested()
        )

    async def _continue_as_new(self, start: BatchInput) -> None:
        """Go on in a new run, once nothing is half done; what is signalled meanwhile is carried too."""
        await workflow.wait_condition(self._is_quiet)
        if self._orders.is_busy:
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

    def _is_quiet(self) -> bool:
        return self._stories.all_told and self._share.is_told and workflow.all_handlers_finished()

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
