"""How a batch comes by the contacts it calls next: pages of its rows, and timers for those left out."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages import FreshPage
    from workflows import errands, pace, slots
    from workflows.alarms import Alarms
    from workflows.messages import BatchState
    from workflows.reconciler import Reconciler

WINDOW = "next window opens"
BUSY = "numbers were busy: look again"
CAPPED = "a number may be called again"


class Reader:
    """Keeps fresh contacts at hand while there are any."""

    def __init__(
        self,
        batch_id: str,
        state: BatchState,
        alarms: Alarms,
        reconciler: Reconciler,
        wake: Callable[[], None],
    ) -> None:
        self._batch_id = batch_id
        self._state = state
        self._alarms = alarms
        self._reconciler = reconciler
        self._wake = wake

    @property
    def window_opens_at(self) -> datetime | None:
        """When to call those whose windows are closed, None when nobody was left out for that."""
        return self._alarms.at(WINDOW)

    async def read_ahead(self) -> None:
        """Read the next page when little is at hand, and fetch due contacts that were turned away."""
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
        """Read everybody again when a window opens or a cap lets go, or soon when numbers were busy."""
        if not page.busy:
            self._alarms.set(WINDOW, page.opens_at, self._reopen)
        elif not self._alarms.is_set(BUSY):  # a later page must not put an earlier one off
            self._alarms.set(BUSY, page.opens_at, self._reopen)

        if page.capped_until is not None:
            self._wait_for_a_cap(page.capped_until)

    def _wait_for_a_cap(self, until: datetime) -> None:
        """Pages tell of different numbers, so the earliest instant stands."""
        known = self._alarms.at(CAPPED)
        # Another machine's clock may lag behind: an alarm that has rung cannot be set to the same instant.
        at = max(until, workflow.now() + timedelta(seconds=1))
        if known is None or at < known:
            self._alarms.set(CAPPED, at, self._reopen)

    def _reopen(self) -> None:
        slots.forget_fresh(self._state)
        self._wake()
