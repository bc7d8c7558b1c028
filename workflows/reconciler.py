"""What frees the slots of contacts whose workflows died: slots are leases."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from domain.contact import WAITING
    from workflows import errands, pace, slots
    from workflows.messages import BatchState
    from workflows.stories import Stories


class Reconciler:
    """Looks into suspects at once, and at a steady pace into everybody who fell silent."""

    def __init__(self, batch_id: str, state: BatchState, stories: Stories, wake: Callable[[], None]) -> None:
        self._batch_id = batch_id
        self._state = state
        self._stories = stories
        self._wake = wake
        self._clock: asyncio.Task[None] | None = None
        self._sweep_is_due = False
        self._may_have_orphans = False
        self._held_at_last_sweep: set[str] = set()
        self.sweeps_at: datetime | None = None
        """When everybody is looked into next."""

    def expect_orphans(self) -> None:
        """Look more often for sleepers without a workflow: the batch was started anew."""
        self._may_have_orphans = True

    def begin(self) -> None:
        """Start the clock that calls for sweeps."""
        if self._clock is None:
            self._clock = asyncio.create_task(self._keep_sweeping())

    def call_for_sweep(self) -> None:
        """Have everybody looked into soon."""
        self._sweep_is_due = True
        self._wake()

    async def reconcile(self, adopt: Callable[[], Awaitable[object]]) -> None:
        """Free the slots of contacts whose workflows died; `adopt` takes over from the database."""
        if self._state.is_miscounted and not self._state.in_flight:
            self._state.is_miscounted = False
            await adopt()
            self._wake()
        if self._sweep_is_due:
            self._sweep_is_due = False
            await self._sweep(adopt)
        for contact_id in sorted(self._stories.suspects):
            self._stories.suspects.discard(contact_id)
            with suppress(ActivityError):  # the next sweep tries again
                await self._close(contact_id)

    async def find_due(self) -> None:
        """Queue contacts whose time has come and who did not ask, or were turned away."""
        for each in await errands.due(self._batch_id, slots.MAX_WAITING):
            slots.request_slot(self._state, each)

    async def _keep_sweeping(self) -> None:
        while True:
            pause = self._pause()
            self.sweeps_at = workflow.now() + pause
            await workflow.sleep(pause, summary="sweep for contacts that fell silent")
            self.call_for_sweep()

    def _pause(self) -> timedelta:
        if self._may_have_orphans and slots.has_sleepers(self._state):
            return pace.SWEEP_ORPHANS_EVERY
        return pace.SWEEP_EVERY if self._state.in_flight else pace.SWEEP_IDLE_EVERY

    async def _sweep(self, adopt: Callable[[], Awaitable[object]]) -> None:
        """Look for contacts whose workflows closed without a word, in this run or an earlier one."""
        holders = set(self._state.in_flight)
        silent = (holders - self._stories.watched) | (holders & self._held_at_last_sweep)
        self._held_at_last_sweep = holders
        if silent:
            self._stories.suspects.update(await errands.closed_among(self._batch_id, sorted(silent)))
        if not self._state.in_flight:
            # Without a live contact no report is on its way: the database cannot be ahead of the signals.
            await adopt()
        if slots.has_sleepers(self._state):
            await self.find_due()
        self._wake()

    async def _close(self, contact_id: str) -> None:
        """End a contact nobody looks after any more; while its call lives it keeps its slot."""
        attempt = self._state.in_flight.get(contact_id, 0)
        closed = await errands.close(contact_id, attempt)
        if attempt:
            slots.release(self._state, contact_id, attempt, closed.status)
        elif closed.was in WAITING:
            slots.close_sleeping(self._state, contact_id, closed.was, closed.status)
        self._wake()
