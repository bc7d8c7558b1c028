"""What falls due for a batch as a whole: start, end, completion, and the news for contacts it skipped."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.batch import BatchStatus
    from domain.slots import GrantedSlots
    from workflows import search_attributes
    from workflows.batch import activity_calls, limits
    from workflows.messages import BatchState

_SKIPS_EVERYBODY = frozenset({BatchStatus.CANCELLED, BatchStatus.EXPIRED})


class Transitions:
    """Moves the batch in the database, and shows where it stands."""

    def __init__(self, batch_id: str, state: BatchState) -> None:
        self._batch_id = batch_id
        self._state = state
        self._has_asked_to_end = False

    def note(self, before: BatchStatus | None, status: BatchStatus) -> None:
        """Show a status that changed; `before` is None at the first read."""
        if status is before:
            return
        search_attributes.show_batch(status)
        if before is not None:
            self._state.skipped_are_told = status not in _SKIPS_EVERYBODY

    async def run(self, stands: GrantedSlots) -> bool:
        """Do what has fallen due; True when it was something."""
        if stands.is_begin_due:
            await activity_calls.begin(self._batch_id)
        elif stands.is_end_due:
            await self._expire()
        elif stands.is_done:
            await activity_calls.finish(self._batch_id)
        elif not self._state.skipped_are_told:
            self._state.skipped_are_told = True
            await activity_calls.stop_skipped(self._batch_id)
        else:
            return False
        return True

    async def _expire(self) -> None:
        if self._has_asked_to_end:  # the process that was asked read the clock a little earlier
            await workflow.sleep(limits.REST_BEFORE_END, summary="the end has not come by all clocks")
        self._has_asked_to_end = True
        await activity_calls.expire(self._batch_id)
