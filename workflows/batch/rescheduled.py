"""Notifies sleeping contacts of times that moved: page by page, between two reads of the rows."""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.batch import activity_calls
    from workflows.messages import BatchState


class RescheduledContacts:
    """Pages through contacts that were rescheduled, and begins again when more are."""

    def __init__(self, batch_id: str, state: BatchState) -> None:
        self._batch_id = batch_id
        self._state = state
        self._times_asked = 0

    def expect(self, since: datetime) -> None:
        """Have contacts notified that were rescheduled since then, or since an older pending move."""
        known = self._state.rescheduled_since
        self._state.rescheduled_since = since if known is None else min(known, since)
        self._state.notified_up_to = 0
        self._times_asked += 1

    async def notify_next(self) -> bool:
        """Notify a page of them; False when none is left. The newest times of the rows come last."""
        since, asked = self._state.rescheduled_since, self._times_asked
        if since is None:
            return False
        next_position = await activity_calls.notify_rescheduled(
            self._batch_id, since, self._state.notified_up_to
        )
        if asked == self._times_asked:
            self._state.notified_up_to = next_position or 0
            self._state.rescheduled_since = None if next_position is None else since
        return self._state.rescheduled_since is not None
