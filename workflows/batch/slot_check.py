"""Recovers slots whose contacts' workflows are lost, beside the main loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.slots import LostSlot
    from domain.identity import ContactId
    from domain.slots import GrantedSlot, GrantedSlots
    from workflows.batch import activity_calls, limits
    from workflows.batch.children import ContactChildren
    from workflows.batch.clock import LookClock


class SlotCheck:
    """Asks the server about slots without an open call soon, and about all others at a calmer pace."""

    def __init__(self, batch_id: str, wake: Callable[[], None], clock: LookClock) -> None:
        self._batch_id = batch_id
        self._wake = wake
        self._clock = clock
        self._checking: asyncio.Task[None] | None = None
        self._checked_at = self._all_checked_at = None if clock.goes_by_looks else clock.now
        self._lost: set[str] = set()
        self._is_due = False

    def expect(self, contact_id: str) -> None:
        """Look into a contact whose workflow failed or was ended by hand."""
        self._lost.add(contact_id)
        self._wake()

    def call(self) -> None:
        """Look into every slot soon."""
        self._is_due = True
        self._wake()

    def begin(self, stands: GrantedSlots, children: ContactChildren) -> None:
        """Look beside the main loop, if there is reason to."""
        if self._checking is not None:
            return
        now = self._clock.now
        self._checked_at, self._all_checked_at = self._checked_at or now, self._all_checked_at or now
        with_calls = self._is_due or (
            stands.in_use > 0 and now - self._all_checked_at >= limits.CHECK_ALL_EVERY
        )
        is_suspicious = stands.is_unattended and now - self._checked_at >= limits.CHECK_EVERY
        if with_calls or is_suspicious or self._lost:
            self._note(now, with_calls=with_calls)
            lost, self._lost = sorted(self._lost), set()
            looks_at_slots = with_calls or is_suspicious
            self._checking = asyncio.create_task(
                self._check(children, lost, looks_at_slots=looks_at_slots, with_calls=with_calls)
            )
            self._checking.add_done_callback(self._was_checked)

    def end(self) -> None:
        """Leave the rest to the next run, which finds it again."""
        if self._checking is not None:
            self._checking.cancel()

    def _note(self, now: datetime, *, with_calls: bool) -> None:
        self._checked_at, self._is_due = now, False
        if with_calls:
            self._all_checked_at = now

    async def _check(
        self, children: ContactChildren, lost: list[str], *, looks_at_slots: bool, with_calls: bool
    ) -> None:
        for contact_id in lost:
            await self._close(contact_id, attempt=0)
        if looks_at_slots:
            found = await activity_calls.lost_slots(
                self._batch_id, limits.CHECKED_AT_ONCE, with_calls=with_calls
            )
            await asyncio.gather(*(self._recover(each, children) for each in found))

    async def _recover(self, slot: LostSlot, children: ContactChildren) -> None:
        """Start the contact's workflow again; one that was ended is followed by the call's own end."""
        if slot.is_final:
            await self._close(slot.contact_id, slot.attempt)
        else:
            granted = GrantedSlot(contact_id=ContactId(slot.contact_id), attempt=slot.attempt, kind=slot.kind)
            children.restart(granted)

    async def _close(self, contact_id: str, attempt: int) -> None:
        with suppress(ActivityError):  # found again by the next check
            await activity_calls.close(contact_id, attempt)

    def _was_checked(self, _checking: "asyncio.Task[None]") -> None:
        self._checking = None
        self._wake()
