"""The workflow of one contact: slot, dial, outcome, then the end or the wait for the next attempt."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.calls import CallActivities
    from activities.contacts import ContactActivities
    from activities.messages import (
        DialAnswer,
        PlaceCall,
        PlacedCall,
        ReturnSlot,
        SettleAttempt,
        SettledAttempt,
    )
    from domain.call import has_ended
    from domain.contact import SLEEPING, WAITS_AS, ContactStatus
    from domain.dial_reservations import DialReservation
    from domain.disposition import MACHINES
    from domain.gates import Gate
    from workflows import messages, names, search_attributes, text
    from workflows.contact.live_call import LiveCall
    from workflows.contact.retry_timer import RetryTimer, WaitUntil
    from workflows.descriptions import DESCRIPTIONS
    from workflows.messages import ContactInput, SlotRequested, read_request
    from workflows.options import DIAL, LOCAL, STORE

ASK_AGAIN_PAUSE = timedelta(seconds=5)
"""Before the provider is asked again, where the answer names no pause."""
HELD_PAUSE = timedelta(seconds=5)
"""A contact that was withheld asks for a slot again no sooner, so that a held batch costs little."""
PUT_OFF = frozenset({Gate.OUTSIDE_HOURS, Gate.FREQUENCY_CAPPED})
"""Hours or days may pass until these gates open, and the row says when the call comes."""
STAYS = frozenset({Gate.BATCH_HELD, Gate.NO_SLOT})
"""A contact that was called before waits for its slot behind these."""
NOBODY_GRANTS = "nobody_grants_a_slot"
GRANT_PATIENCE = timedelta(minutes=15)
"""After so long without an answer a request for a slot is made again, then ever more rarely: the batch finds
due contacts among its rows, and only a batch that is gone would not."""
LONGEST_PATIENCE = timedelta(days=1)
LONGEST_REST = timedelta(seconds=30)
"""A contact that was certainly not dialled asks the gates again after so long: its batch may be held."""
CONTINUE_WAITING = "continue-waiting-as-new"
"""Before this, a contact that waited for a slot never continued as new."""
SLEEP_AGAIN = "sleep-again"
"""Before this, a contact that waited for a slot did not hear that it is to be called later."""


@workflow.defn
class ContactWorkflow:
    """Calls one contact until somebody is reached or the redial policy says stop.

    Started by its batch, which thereby grants the first slot; later slots are asked for by signal.
    A slot is held from its grant to the end of the call, never while the contact waits.
    Signals: `call_event` (where a call stands), `slot_granted`, `stop` (the contact was skipped),
    `due_changed` (another time than the one it sleeps until).
    Continues as new between two tries of one attempt, when the server suggests it: a provider that is down
    for days, or a number that is busy for hours, must not fill the history. A slot that is held stays held.
    """

    @workflow.init
    def __init__(self, start: ContactInput) -> None:
        self._batch_id = start.batch_id
        self._campaign_id = start.campaign_id
        self._contact_id = start.contact_id
        self._attempt = start.attempt
        self._kind = start.kind
        self._granted_attempt = start.attempt if start.due_at is None else start.attempt - 1
        self._sleep = RetryTimer(self._show)
        self._waits_for_slot = False
        self._is_put_off = False
        """It waits for a slot, and has heard that it is to be called later."""
        self._told = ""
        """Who answered the calls so far and what came of them, a paragraph for each that was reported."""
        self._call = LiveCall(start.contact_id, start.attempt)

    @workflow.run
    async def run(self, start: ContactInput) -> str:
        """Return the status the contact ended in."""
        if start.due_at is not None:
            summary, waits_as = text.CALL[self._kind], WAITS_AS[self._kind]
            await self._sleep_for(WaitUntil(self._attempt, start.due_at, waits_as, summary))
        while True:
            if not await self._hold_slot():
                return NOBODY_GRANTS
            withheld = await self._dial()
            if withheld is not None:
                ended_as = await self._return_slot(withheld)
                if ended_as is not None:
                    return ended_as
                continue
            settled = await self._settle()
            self._note(settled)
            if settled.due_at is None or settled.kind is None:
                return settled.status
            if settled.batch_is_gone:
                return NOBODY_GRANTS
            wakes_at = settled.due_at + settled.spread * workflow.random().random()
            await self._sleep_for(WaitUntil(self._attempt + 1, wakes_at, settled.status, settled.summary))
            self._attempt += 1
            self._kind = settled.kind

    @workflow.signal(name=names.CALL_EVENT, description=DESCRIPTIONS[names.CALL_EVENT])
    def call_event(self, request: object = None) -> None:
        """Take note of a call's status; events may come doubled, shuffled, and before the dial returned."""
        event = read_request(messages.CALL_EVENT, request)
        if event is not None:
            self._call.hear(event.attempt, event.call_status)
            if event.answered_by in MACHINES and not has_ended(event.call_status):
                self._call.hear_of_machine(event.attempt)

    @workflow.signal(name=names.SLOT_GRANTED, description=DESCRIPTIONS[names.SLOT_GRANTED])
    def slot_granted(self, request: object = None) -> None:
        """Take the slot for an attempt."""
        grant = read_request(messages.SLOT_GRANT, request)
        if grant is not None:
            self._granted_attempt = max(self._granted_attempt, grant.attempt)
            self._sleep.grant(grant.attempt)

    @workflow.signal(name=names.DUE_CHANGED, description=DESCRIPTIONS[names.DUE_CHANGED])
    def due_changed(self, request: object = None) -> None:
        """Move the due time of an attempt that is still to come, or drop it."""
        moved = read_request(messages.DUE_CHANGED, request)
        if moved is not None and moved.attempt >= self._attempt:
            self._sleep.move(moved.attempt, moved.due_at)
            # Asked in this rare case alone, so that all other histories stay as they are.
            self._is_put_off = self._waits_for_slot and workflow.patched(SLEEP_AGAIN)

    @workflow.signal(name=names.STOP, description=DESCRIPTIONS[names.STOP])
    def stop(self, request: object = None) -> None:
        """Wait no longer; a call that is under way is followed to its end."""
        self._sleep.stop()

    async def _hold_slot(self) -> bool:
        """Wait for this attempt's slot; False when no batch is left to grant one, or none is needed."""
        patience = GRANT_PATIENCE
        while self._granted_attempt < self._attempt:
            if workflow.info().is_continue_as_new_suggested() and workflow.patched(CONTINUE_WAITING):
                self._go_on_in_a_new_run(due_at=workflow.now())
            self._show("waits for a slot of its batch")
            self._waits_for_slot, self._is_put_off = True, False
            if self._sleep.is_stopped or not await self._request_slot():
                return False
            with suppress(asyncio.TimeoutError):
                await workflow.wait_condition(
                    self._may_stop_waiting, timeout=patience, timeout_summary="asked for a slot"
                )
            self._waits_for_slot = False
            patience = min(2 * patience, LONGEST_PATIENCE)
            if self._is_put_off:
                summary, waits_as = text.CALL[self._kind], WAITS_AS[self._kind]
                await self._sleep_for(WaitUntil(self._attempt, workflow.now(), waits_as, summary))
        return True

    def _may_stop_waiting(self) -> bool:
        return self._granted_attempt >= self._attempt or self._sleep.is_stopped or self._is_put_off

    async def _request_slot(self) -> bool:
        batch = workflow.get_external_workflow_handle(names.batch_workflow_id(self._batch_id))
        request = SlotRequested(self._contact_id, self._attempt, self._kind)
        try:
            await batch.signal(names.SLOT_REQUESTED, request)
        except ApplicationError as error:
            if error.type == names.NO_SUCH_WORKFLOW:
                return False
            if error.type != names.TOO_MANY_SIGNALS:
                raise
            # The batch is about to continue as new; the request is made again.
        return True

    async def _dial(self) -> PlacedCall | None:
        """Place this attempt's call and follow it to its end; return what withheld it, if anything did."""
        self._call.begin(self._attempt)
        self._sleep.forget(self._attempt)
        placed = await self._place_call()
        while placed.answer is DialAnswer.ASK_AGAIN:
            why = "waits for the rate limit" if placed.turn else "the provider did not dial: ask again"
            await self._sleep.rest(min(placed.ask_again_in or ASK_AGAIN_PAUSE, LONGEST_REST), why)
            if self._sleep.is_stopped:
                # Certainly nothing was dialled, and nobody wants it to be.
                return replace(placed, answer=DialAnswer.WITHHELD, gate=Gate.CONTACT_CLOSED)
            if placed.turn is None:  # a new run would lose the reservation
                self._go_on_in_a_new_run(due_at=None)
            placed = await self._place_call(placed.turn)
        if placed.timing is None:
            return placed
        self._call.hear(self._attempt, placed.call_status, news=placed.answer is DialAnswer.PLACED)
        await self._call.follow(placed.asked_at, placed.timing)
        return None

    async def _return_slot(self, withheld: PlacedCall) -> str | None:
        """Give the slot back unused; return the status when this ends the workflow.

        A fresh contact ends it and is read from the database again when calls may be placed.
        """
        self._granted_attempt = self._attempt - 1  # a grant from now on is a new one
        returned = await workflow.execute_activity_method(
            ContactActivities.return_slot,
            ReturnSlot(
                batch_id=self._batch_id,
                contact_id=self._contact_id,
                attempt=self._attempt,
                due_at=withheld.opens_at if withheld.gate in PUT_OFF else None,
                ends=withheld.gate in PUT_OFF and withheld.opens_at is None,
            ),
            summary=text.withheld(withheld.gate, withheld.presets),
            **STORE,
        )
        if returned.batch_is_gone:
            return NOBODY_GRANTS
        if returned.status is ContactStatus.PENDING and self._granted_attempt >= self._attempt:
            return None  # granted again while the slot was given back
        may_wait = withheld.gate in STAYS or withheld.opens_at is not None
        if not may_wait or returned.status not in SLEEPING:
            return returned.status
        again_at = withheld.opens_at or workflow.now() + HELD_PAUSE
        if returned.spread:
            again_at += returned.spread * workflow.random().random()
        if not self._sleep.is_stopped and not self._sleep.has_news(self._attempt):
            is_granted = self._granted_attempt >= self._attempt
            self._go_on_in_a_new_run(due_at=None if is_granted else again_at)
        summary = text.withheld(withheld.gate, withheld.presets)
        await self._sleep_for(WaitUntil(self._attempt, again_at, returned.status, summary))
        return None

    def _go_on_in_a_new_run(self, *, due_at: datetime | None) -> None:
        """Leave a long history behind; nothing else is known of an attempt that was never dialled.

        With `due_at` the slot was given back, and is asked for then.
        """
        if workflow.info().is_continue_as_new_suggested():
            start = ContactInput(
                batch_id=self._batch_id,
                campaign_id=self._campaign_id,
                contact_id=self._contact_id,
                attempt=self._attempt,
                kind=self._kind,
                due_at=due_at,
            )
            workflow.continue_as_new(start)

    async def _place_call(self, turn: DialReservation | None = None) -> PlacedCall:
        self._show("is being called")
        return await workflow.execute_activity_method(
            CallActivities.place_call,
            PlaceCall(
                contact_id=self._contact_id,
                attempt=self._attempt,
                kind=self._kind,
                turn=turn,
                until_ended=True,
            ),
            summary=f"attempt {self._attempt}: {text.CALL[self._kind]}",
            **DIAL,
        )

    async def _settle(self) -> SettledAttempt:
        parent = workflow.info().parent
        return await workflow.execute_local_activity_method(
            ContactActivities.settle_attempt,
            SettleAttempt(
                batch_id=self._batch_id,
                contact_id=self._contact_id,
                attempt=self._attempt,
                started_by=None if parent is None else parent.run_id,
            ),
            **LOCAL,
        )

    def _note(self, settled: SettledAttempt) -> None:
        """Remember who answered and what came of it, for the run's page and for searches."""
        if told := text.told(settled.answered_by, settled.disposition):
            self._told += f"\n\nattempt {self._attempt}: {told}"
        if settled.disposition is not None:
            search_attributes.show_disposition(settled.disposition)
        self._show(f"settled as {settled.status}")

    async def _sleep_for(self, sleep: WaitUntil) -> None:
        await self._sleep.until(sleep, is_granted=self._granted_attempt >= sleep.attempt)

    def _show(self, what: str) -> None:
        """Put on the run's page in the Web UI what happens now."""
        workflow.set_current_details(f"**attempt {self._attempt}**: {what}{self._told}")
