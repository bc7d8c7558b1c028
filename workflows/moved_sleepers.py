"""How a batch tells contacts that sleep of times that moved: page by page, between two looks at its slots."""

from collections.abc import Callable
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import errands
    from workflows.messages import BatchState


class MovedSleepers:
    """Pages through whoever was moved, and begins anew when more are."""

    def __init__(self, batch_id: str, state: BatchState, wake: Callable[[], None]) -> None:
        self._batch_id = batch_id
        self._state = state
        self._wake = wake
        self._times_asked = 0

    def expect(self, since: datetime) -> None:
        """Have everybody told who was moved since then, and whoever is still to be told of an older move."""
        known = self._state.moved_since
        self._state.moved_since = since if known is None else min(known, since)
        self._state.moved_cursor = 0
        self._times_asked += 1
        self._wake()

    async def tell_next_page(self) -> None:
        """Tell a page of them; the database is asked who stands where, so the newest news is told last."""
        since, asked = self._state.moved_since, self._times_asked
        if since is None:
            return
        told = await errands.tell_moved(self._batch_id, since, self._state.moved_cursor)
        if told.ended:
            self._state.is_miscounted = True
        if asked == self._times_asked:
            self._state.moved_cursor = told.next_position or 0
            self._state.moved_since = None if told.next_position is None else since
        self._wake()
