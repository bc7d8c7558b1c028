"""One batch: has slots granted to its contacts until every one of them has reached an end."""

import asyncio
from dataclasses import asdict, replace
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.batch import TERMINAL_BATCH
    from domain.identity import BatchId
    from domain.lifecycle import Action
    from domain.slots import GrantedSlots
    from workflows import messages, names
    from workflows.batch import activity_calls, dashboard, limits
    from workflows.batch.changed_rules import ChangedRules
    from workflows.batch.children import ContactChildren, Heard
    from workflows.batch.clock import LookClock
    from workflows.batch.dispatcher import Dispatcher
    from workflows.batch.journal import Journal
    from workflows.batch.lull import lull
    from workflows.batch.requests import Requests
    from workflows.batch.rescheduled import RescheduledContacts
    from workflows.batch.slot_check import SlotCheck
    from workflows.batch.timer import WakeTimer
    from workflows.batch.transitions import Transitions
    from workflows.builds import must_move
    from workflows.descriptions import DESCRIPTIONS
    from workflows.messages import BatchInput, BatchState


FOLLOW_CHILDREN = "follow-children"
"""Before this, a batch did not look at the rows when a child ended: its report came before."""
SHORT_RUNS = "short-runs"
"""Before this, a run went on until the server suggested another, and ended with whatever task it was in."""


@workflow.defn
class BatchWorkflow:
    """Waits for the scheduled start, then has every free slot granted until nobody is left to call.

    The slots are rows of the database alone. The loop requests slots there, starts or wakes the
    contacts that got one, and waits until it is woken or something falls due; signals make it fast, and a
    lost one costs seconds.
    What people may signal, with or without JSON: `pause`, `resume`, `cancel`, `dispatch`, `policy_changed`;
    cancelling the workflow on the server means `cancel`.
    What contacts and the API signal: `attempt_reported`, `slot_requested`, `contact_skipped`,
    `follow_up_scheduled`, `recount`. What other batches of its campaign signal: `slots_freed`.
    Queries: `counters`, `debug`, `in_flight`.
    Continues as new after a number of contacts or events, when the server suggests it, or when workers of
    another build take over: a run stays with the build that began it.
    """

    @workflow.init
    def __init__(self, start: BatchInput) -> None:
        self._start = start
        self._batch_id = start.batch_id
        self._state = start.state or BatchState()
        self._is_woken = False
        self._looks = 0
        self._clock = LookClock()
        self._dispatcher = Dispatcher(BatchId(start.batch_id), self._state, self._clock)
        self._transitions = Transitions(start.batch_id, self._state)
        self._rescheduled = RescheduledContacts(start.batch_id, self._state)
        self._changed_rules = ChangedRules(start.batch_id, self._state, self._rescheduled, self._clock)
        self._journal = Journal(start.batch_id, self._state)
        self._requests = Requests(self._wake)
        self._timer = WakeTimer(self._ring, self._clock)
        self._slot_check = SlotCheck(start.batch_id, self._wake, self._clock)
        self._children = ContactChildren(
            start, Heard(self._slot_check.expect, self._hear_of_start, self._hear_of_end)
        )
        self._follows_children = self._has_heard_of_start = False
        self._is_short = False

    @workflow.run
    async def run(self, start: BatchInput) -> str:
        """Return the status the batch ended in."""
        self._follow_children()
        self._is_short = workflow.patched(SHORT_RUNS)
        loop = asyncio.create_task(self._run())
        try:
            return await asyncio.shield(loop)  # or an activity under way would be cancelled, and the run fail
        except asyncio.CancelledError:
            self._requests.submit(self._journal.act(Action.CANCEL, "cancelled on the server"))
            return await loop
        finally:
            self._timer.clear()

    @workflow.signal(name=names.PAUSE, description=DESCRIPTIONS[names.PAUSE])
    def pause(self, request: object = None) -> None:
        """Hold the batch."""
        self._requests.submit(self._journal.act(Action.PAUSE, request))

    @workflow.signal(name=names.RESUME, description=DESCRIPTIONS[names.RESUME])
    def resume(self, request: object = None) -> None:
        """Let the batch go on."""
        self._requests.submit(self._journal.act(Action.RESUME, request))

    @workflow.signal(name=names.CANCEL, description=DESCRIPTIONS[names.CANCEL])
    def cancel(self, request: object = None) -> None:
        """End the batch."""
        self._requests.submit(self._journal.act(Action.CANCEL, request))

    @workflow.signal(name=names.DISPATCH, description=DESCRIPTIONS[names.DISPATCH])
    def dispatch(self, request: object = None) -> None:
        """Look at everybody again, and for slots whose workflows are lost."""
        self._journal.write(names.DISPATCH, request)
        self._dispatcher.forget()
        self._dispatcher.hurry()
        self._slot_check.call()
        self._wake()

    @workflow.signal(name=names.POLICY_CHANGED, description=DESCRIPTIONS[names.POLICY_CHANGED])
    def policy_changed(self, request: object = None) -> None:
        """Follow changed rules."""
        changed = self._journal.write_change(names.POLICY_CHANGED, request)
        if changed is not None and changed.rescheduled_since is not None:
            self._rescheduled.expect(changed.rescheduled_since)
        self._dispatcher.forget()
        self._dispatcher.hurry()
        self._wake()

    @workflow.signal(name=names.ATTEMPT_REPORTED, description=DESCRIPTIONS[names.ATTEMPT_REPORTED])
    def attempt_reported(self, request: object = None) -> None:
        """A contact has given its slot back."""
        report = self._journal.read(names.ATTEMPT_REPORTED, messages.ATTEMPT_REPORTED, request)
        if report is not None and report.withheld:
            # A gate was closed that the grant did not see: it is not asked again at once.
            self._dispatcher.forget()
            self._timer.set(
                self._clock.now + limits.REST_AFTER_WITHHELD, "a contact was withheld: look again"
            )
        else:
            self._wake()

    @workflow.signal(name=names.SLOT_REQUESTED, description=DESCRIPTIONS[names.SLOT_REQUESTED])
    def slot_requested(self, request: object = None) -> None:
        """A contact is due, and asks for a slot."""
        asked = self._journal.read(names.SLOT_REQUESTED, messages.SLOT_REQUESTED, request)
        if asked is not None:
            self._dispatcher.ask(asked.contact_id)
        self._wake()

    @workflow.signal(name=names.CONTACT_SKIPPED, description=DESCRIPTIONS[names.CONTACT_SKIPPED])
    def contact_skipped(self, request: object = None) -> None:
        """A waiting contact was skipped by hand."""
        skipped = self._journal.read(names.CONTACT_SKIPPED, messages.CONTACT_SKIPPED, request)
        if skipped is not None:
            self._children.stop(skipped.contact_id)
            self._wake()

    @workflow.signal(name=names.FOLLOW_UP_SCHEDULED, description=DESCRIPTIONS[names.FOLLOW_UP_SCHEDULED])
    def follow_up_scheduled(self, request: object = None) -> None:
        """A completed contact is to be called again."""
        agreed = self._journal.read(names.FOLLOW_UP_SCHEDULED, messages.FOLLOW_UP_SCHEDULED, request)
        if agreed is not None:
            self._children.follow_up(agreed)
            self._wake()

    @workflow.signal(name=names.RECOUNT, description=DESCRIPTIONS[names.RECOUNT])
    def recount(self, request: object = None) -> None:
        """A call ended whose contact has no workflow."""
        self._slot_check.call()
        self._wake()

    @workflow.signal(name=names.SLOTS_FREED, description=DESCRIPTIONS[names.SLOTS_FREED])
    def slots_freed(self, request: object = None) -> None:
        """Another batch of the campaign leaves slots."""
        self._dispatcher.hear_of_free_slot()
        self._wake()

    @workflow.query(name=names.COUNTERS, description=DESCRIPTIONS[names.COUNTERS])
    def counters(self) -> dict[str, int]:
        """Return the numbers of the batch; they sum to its contacts."""
        return asdict(dashboard.tally(self._state))

    @workflow.query(name=names.IN_FLIGHT, description=DESCRIPTIONS[names.IN_FLIGHT])
    def in_flight(self) -> dict[str, int]:
        """Return the holders of slots."""
        return dict(self._state.in_flight)

    @workflow.query(name=names.DEBUG, description=DESCRIPTIONS[names.DEBUG])
    def debug(self) -> dict[str, object]:
        """Return the dispatcher's view of itself."""
        return dashboard.view(self._state)

    async def _run(self) -> str:
        while True:
            await self._requests.run()
            self._is_woken = self._has_heard_of_start = False
            stands = await self._look()
            if stands is None:
                return "nothing to call"
            if await self._transitions.run(stands):
                self._dispatcher.hurry()
                continue
            self._hand_out(stands)
            if await self._changed_rules.follow_next(stands):
                self._is_woken = True
            if await self._rescheduled.notify_next():
                self._is_woken = True
            if stands.status in TERMINAL_BATCH and not stands.in_use and self._requests.are_run:
                return await self._end(stands)
            self._slot_check.begin(stands, self._children)
            if self._should_continue_as_new():
                await self._continue_as_new()
            self._wake_later(stands)
            self._show()
            await workflow.wait_condition(lambda: self._is_woken or self._hears_of_starts())

    async def _look(self) -> GrantedSlots | None:
        """Have slots granted, and take over how the batch stands."""
        self._looks += 1
        key, now = f"{workflow.info().run_id}/{self._looks}", workflow.now()
        room = self._start.contacts_per_run - self._children.started
        stands = await activity_calls.grant_slots(self._dispatcher.request(key, room, now))
        if stands is not None:
            self._clock.set(stands.at)
            self._take_over(stands, self._clock.now if self._clock.goes_by_looks else now)
        return stands

    def _take_over(self, stands: GrantedSlots, now: datetime) -> None:
        before = None if self._state.stands is None else self._state.stands.status
        self._dispatcher.take(stands, now)
        if self._requests.are_run:
            self._journal.settle(stands.status)
        self._transitions.note(before, stands.status)

    def _hand_out(self, stands: GrantedSlots) -> None:
        """Start and wake contacts that were granted a slot, and batches that may have one."""
        self._children.hand_out(stands.granted)
        self._children.refuse(stands.refused)
        self._children.wake_batches(stands.waiting_batches[: limits.BATCHES_WOKEN_AT_ONCE])
        self._dispatcher.hand_out(stands)
        if self._dispatcher.must_read_at_once(stands):
            self._is_woken = True

    async def _end(self, stands: GrantedSlots) -> str:
        self._slot_check.end()
        self._show()
        await workflow.wait_condition(lambda: self._children.are_told)
        return stands.status

    def _wake(self) -> None:
        """Have the main loop read the rows: a signal came."""
        self._dispatcher.stir()
        self._is_woken = True

    def _follow_children(self) -> None:
        """Look at the rows when a contact that this run started ends, so that it need not report."""
        self._follows_children = workflow.patched(FOLLOW_CHILDREN)
        if self._follows_children:
            self._dispatcher.follow_children(workflow.info().run_id)

    def _hear_of_start(self) -> None:
        self._has_heard_of_start = self._follows_children

    def _hears_of_starts(self) -> bool:
        """Tell whether some contacts of several have started: the next look gathers news of the others."""
        return self._has_heard_of_start and self._children.starting > 0

    def _hear_of_end(self) -> None:
        """A contact that this run started has ended, with its slot given back."""
        if self._follows_children:
            self._wake()

    def _ring(self) -> None:
        self._is_woken = True

    def _wake_later(self, stands: GrantedSlots) -> None:
        self._state.next_wake = self._dispatcher.next_wake(stands, self._clock.now)
        if self._state.next_wake is None:
            self._timer.clear()
        else:
            self._timer.set(*self._state.next_wake)

    def _should_continue_as_new(self) -> bool:
        return (
            self._children.started >= self._start.contacts_per_run
            or self._has_events(limits.EVENTS_PER_RUN)
            or workflow.info().is_continue_as_new_suggested()
            or must_move()
        )

    async def _continue_as_new(self) -> None:
        """Go on in a new run, once nothing is half done; what is signalled meanwhile is carried too."""
        await workflow.wait_condition(self._is_settled)
        if not await self._is_lull() or not self._requests.are_run:
            self._is_woken = True
            return  # what came is done in this run, and then it is asked again
        self._slot_check.end()
        self._dispatcher.forget()
        self._state.runs += 1
        moved = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE if must_move() else None
        workflow.continue_as_new(replace(self._start, state=self._state), initial_versioning_behavior=moved)

    async def _is_lull(self) -> bool:
        """Wait for one, except in runs of former versions, and where there never is one."""
        if not self._is_short or self._has_events(limits.EVENTS_WITHOUT_LULL):
            return True
        return await lull(lambda: self._is_settled() and self._requests.are_run)

    def _is_settled(self) -> bool:
        return self._children.are_told and workflow.all_handlers_finished()

    def _has_events(self, count: int) -> bool:
        return self._is_short and workflow.info().get_current_history_length() >= count

    def _show(self) -> None:
        """Put the batch on the run's page in the Web UI."""
        workflow.set_current_details(dashboard.details(self._state, workflow.now()))
