"""One batch: hands out slots to its contacts until every one of them has reached an end."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import asdict

from temporalio import workflow
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.batches import BatchActivities
    from activities.calls import CallActivities
    from activities.contacts import ContactActivities
    from activities.messages import (
        BeginBatch,
        CheckCall,
        CloseContact,
        DueContacts,
        FindClosedContacts,
        FinishBatch,
        FreshContact,
        LoadBatch,
        LoadedBatch,
        NextContacts,
        SlotRequest,
    )
    from domain.contact import WAITING, ContactStatus
    from workflows import messages, names, pace, slots
    from workflows.contact import ContactWorkflow
    from workflows.messages import (
        BatchInput,
        BatchState,
        ContactInput,
        SlotGrant,
        read_request,
    )
    from workflows.options import LOOK, STORE

BATCH_ID = SearchAttributeKey.for_keyword("BatchId")
CAMPAIGN_ID = SearchAttributeKey.for_keyword("CampaignId")


@workflow.defn
class BatchWorkflow:
    """Waits for the scheduled start, then keeps every free slot in use until nobody is left to call.

    Signals: `attempt_reported` (a contact gives its slot back), `slot_requested` (a contact wants one again).
    Queries: `counters`, `debug`, `in_flight`.
    Continues as new after a number of contacts or signals, or when the server suggests it;
    contacts live on, their slots are carried over as a set.
    """

    @workflow.init
    def __init__(self, start: BatchInput) -> None:
        self._batch_id = start.batch_id
        self._state = start.state or BatchState(total_contacts=0, concurrency_limit=0)
        self._changed = False
        self._signals = 0
        self._started = 0
        self._handing_out: set[asyncio.Task[None]] = set()
        self._watched: set[str] = set()
        self._suspects: set[str] = set()
        self._in_flight_at_last_sweep: set[str] = set()
        self._sweep_is_due = False

    @workflow.run
    async def run(self, start: BatchInput) -> str:
        """Return why the batch is over."""
        if start.state is None and not await self._open():
            return "nothing to call"
        clock = asyncio.create_task(self._keep_sweeping())
        while not await self._is_finished():
            self._changed = False
            await self._read_ahead()
            self._fill_slots(start.campaign_id)
            await self._reconcile()
            if self._should_continue_as_new(start):
                await self._continue_as_new(start)
            self._show()
            await workflow.wait_condition(lambda: self._changed)
        clock.cancel()
        return "every contact reached an end"

    @workflow.signal(name=names.ATTEMPT_REPORTED, description="Sent by contacts; not for people.")
    def attempt_reported(self, request: object = None) -> None:
        """Take a contact's slot back."""
        self._signals += 1
        report = read_request(messages.ATTEMPT_REPORTED, request)
        if report is not None:
            self._release(report.contact_id, report.attempt, report.status)

    @workflow.signal(name=names.SLOT_REQUESTED, description="Sent by contacts; not for people.")
    def slot_requested(self, request: object = None) -> None:
        """Queue a contact for a slot."""
        self._signals += 1
        wish = read_request(messages.SLOT_REQUESTED, request)
        if wish is not None:
            slots.request_slot(self._state, SlotRequest(wish.contact_id, wish.attempt, wish.kind))
            self._changed = True

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
            "counters": self.counters(),
            "concurrency_limit": state.concurrency_limit,
            "free_slots": slots.free_slots(state),
            "waiting_for_slot": len(state.waiting),
            "read_ahead": len(state.fresh),
            "cursor": state.cursor,
            "run": state.runs,
        }

    async def _open(self) -> bool:
        """Read the batch and wait for its start; False when there is nothing to do."""
        loaded = await self._load()
        if not loaded.exists or loaded.is_over:
            return False
        slots.adopt(self._state, loaded)
        if loaded.scheduled_start is not None:
            if loaded.scheduled_start > workflow.now():
                await workflow.sleep(loaded.scheduled_start - workflow.now(), summary="scheduled start")
            await workflow.execute_activity_method(
                BatchActivities.begin_batch, BeginBatch(self._batch_id), **STORE
            )
        return True

    async def _is_finished(self) -> bool:
        """Complete the batch when nobody is left; the database has the last word on that."""
        if not slots.is_done(self._state):
            return False
        finished = await workflow.execute_activity_method(
            BatchActivities.finish_batch, FinishBatch(self._batch_id), **STORE
        )
        if not finished.is_over:
            workflow.logger.warning("contacts are left that no slot knows of; reading them again")
            slots.adopt(self._state, await self._load())
            self._call_for_sweep()
        return finished.is_over

    async def _load(self) -> LoadedBatch:
        return await workflow.execute_activity_method(
            BatchActivities.load_batch, LoadBatch(self._batch_id), **STORE
        )

    async def _read_ahead(self) -> None:
        """Keep fresh contacts at hand, and fetch due ones that were turned away."""
        state = self._state
        if not state.fresh_is_exhausted and len(state.fresh) < pace.PAGE // 2:
            limit = max(pace.PAGE, state.concurrency_limit)
            request = NextContacts(batch_id=self._batch_id, after_position=state.cursor, limit=limit)
            page = await workflow.execute_activity_method(BatchActivities.next_contacts, request, **STORE)
            slots.add_page(state, page, limit)
        if state.overflowed and len(state.waiting) < pace.PAGE // 2:
            state.overflowed = False
            await self._find_due()

    async def _find_due(self) -> None:
        request = DueContacts(batch_id=self._batch_id, limit=slots.MAX_WAITING)
        due = await workflow.execute_activity_method(BatchActivities.due_contacts, request, **STORE)
        for each in due:
            slots.request_slot(self._state, each)

    def _fill_slots(self, campaign_id: str) -> None:
        """Use every free slot: whoever waits first, fresh contacts after them."""
        while slots.free_slots(self._state) and (request := slots.take_waiting(self._state)):
            self._hand_out(self._grant(request))
        while slots.free_slots(self._state) and (fresh := slots.take_fresh(self._state)):
            self._started += 1
            self._hand_out(self._start_contact(campaign_id, fresh))
        if slots.free_slots(self._state) and not self._state.fresh_is_exhausted:
            self._changed = True  # more are to be read at once

    def _hand_out(self, giving: Coroutine[None, None, None]) -> None:
        """Let a slot travel to its contact while others are handed out."""
        task = asyncio.create_task(giving)
        self._handing_out.add(task)
        task.add_done_callback(self._handing_out.discard)

    async def _grant(self, request: SlotRequest) -> None:
        contact = workflow.get_external_workflow_handle(
            names.contact_workflow_id(self._batch_id, request.contact_id)
        )
        try:
            await contact.signal(names.SLOT_GRANTED, SlotGrant(request.attempt))
        except ApplicationError:
            self._suspect(request.contact_id)

    async def _start_contact(self, campaign_id: str, fresh: FreshContact) -> None:
        try:
            contact = await workflow.start_child_workflow(
                ContactWorkflow.run,
                ContactInput(batch_id=self._batch_id, campaign_id=campaign_id, contact_id=fresh.contact_id),
                id=names.contact_workflow_id(self._batch_id, fresh.contact_id),
                task_queue=names.CONTACT_QUEUE,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=TypedSearchAttributes(
                    [
                        SearchAttributePair(BATCH_ID, self._batch_id),
                        SearchAttributePair(CAMPAIGN_ID, campaign_id),
                    ]
                ),
                static_summary=f"contact {fresh.position}",
            )
        except WorkflowAlreadyStartedError:
            return  # it reports by itself; the sweep finds it when it cannot
        self._watched.add(fresh.contact_id)
        contact.add_done_callback(lambda story: self._story_ended(fresh.contact_id, story))

    def _story_ended(self, contact_id: str, story: "asyncio.Task[str]") -> None:
        """A contact's workflow closed: whoever fails, or leaves without a report, is looked into."""
        self._watched.discard(contact_id)
        failed = story.cancelled() or story.exception() is not None
        if failed or contact_id in self._state.in_flight:
            self._suspect(contact_id)

    def _suspect(self, contact_id: str) -> None:
        self._suspects.add(contact_id)
        self._changed = True

    def _release(self, contact_id: str, attempt: int, status: ContactStatus) -> None:
        if slots.release(self._state, contact_id, attempt, status):
            self._changed = True

    async def _reconcile(self) -> None:
        """Free the slots of contacts whose workflows died."""
        if self._sweep_is_due:
            self._sweep_is_due = False
            await self._sweep()
        for contact_id in sorted(self._suspects):
            self._suspects.discard(contact_id)
            with suppress(ActivityError):  # the next sweep tries again
                await self._close(contact_id)

    async def _keep_sweeping(self) -> None:
        """Call for a sweep at a steady pace, on one timer that nothing else touches."""
        while True:
            await workflow.sleep(pace.SWEEP_EVERY, summary="sweep for contacts that fell silent")
            self._call_for_sweep()

    def _call_for_sweep(self) -> None:
        self._sweep_is_due = self._changed = True

    async def _sweep(self) -> None:
        """Look for contacts whose workflows closed without a word, in this run or an earlier one."""
        holders = set(self._state.in_flight)
        silent = (holders - self._watched) | (holders & self._in_flight_at_last_sweep)
        self._in_flight_at_last_sweep = holders
        if silent:
            request = FindClosedContacts(batch_id=self._batch_id, contact_ids=sorted(silent))
            closed = await workflow.execute_activity_method(
                ContactActivities.find_closed_contacts, request, **STORE
            )
            self._suspects.update(closed)
        if not self._state.in_flight:
            # Without a live contact no report is on its way: the database cannot be ahead of the signals.
            slots.adopt(self._state, await self._load())
        await self._find_due()

    async def _close(self, contact_id: str) -> None:
        """End a contact nobody looks after any more; while its call lives it keeps its slot."""
        attempt = self._state.in_flight.get(contact_id, 0)
        if attempt:
            check = CheckCall(contact_id=contact_id, attempt=attempt, conclude=True)
            await workflow.execute_activity_method(CallActivities.check_call, check, **LOOK)
        closed = await workflow.execute_activity_method(
            ContactActivities.close_contact, CloseContact(contact_id=contact_id, attempt=attempt), **STORE
        )
        if attempt:
            self._release(contact_id, attempt, closed.status)
        elif closed.was in WAITING:
            slots.close_sleeping(self._state, contact_id, closed.was, closed.status)

    def _should_continue_as_new(self, start: BatchInput) -> bool:
        return (
            self._started >= start.contacts_per_run
            or self._signals >= pace.SIGNALS_PER_RUN
            or workflow.info().is_continue_as_new_suggested()
        )

    async def _continue_as_new(self, start: BatchInput) -> None:
        """Go on in a new run, once nothing is half done; what is signalled meanwhile is carried too."""
        await workflow.wait_condition(lambda: not self._handing_out and workflow.all_handlers_finished())
        self._state.runs += 1
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
        workflow.set_current_details(f"| contacts | |\n|---|---|\n{rows}")
