"""What people, timers and the API ask of a batch, done one after the other, and how the batch stands then."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages import LoadedBatch
    from domain.batch import TERMINAL_BATCH, BatchStatus
    from workflows import attributes, errands, messages, slots
    from workflows.alarms import Alarms
    from workflows.journal import Journal
    from workflows.messages import BatchState


class Orders:
    """Runs errands, reads the batch again after them, and wakes whoever waits for news."""

    def __init__(self, batch_id: str, state: BatchState, alarms: Alarms, journal: Journal) -> None:
        self._batch_id = batch_id
        self._state = state
        self._alarms = alarms
        self._journal = journal
        self._errands: list[Callable[[], Awaitable[None]]] = []
        self._is_stale = True
        self._reports_while_loading: list[messages.AttemptReported] | None = None
        self.has_news = False
        """Something changed since this was last set back."""

    @property
    def is_busy(self) -> bool:
        """Tell whether an errand is left to be run."""
        return bool(self._errands)

    def ask(self, errand: Callable[[], Awaitable[None]]) -> None:
        """Have an errand run soon."""
        self._errands.append(errand)
        self.wake()

    def refresh_soon(self) -> None:
        """Have the batch read again."""
        self._is_stale = True
        self.wake()

    def wake(self) -> None:
        """Let the batch look around."""
        self.has_news = True

    def take_report(self, report: messages.AttemptReported) -> None:
        """Take a contact's slot back, also from what the database is just being asked about."""
        if self._reports_while_loading is not None:
            self._reports_while_loading.append(report)
        if slots.release(self._state, report.contact_id, report.attempt, report.status):
            self.wake()

    async def obey(self) -> None:
        """Run the errands people and timers asked for, then look how the batch stands."""
        while self._errands or self._is_stale:
            while self._errands:
                await self._errands.pop(0)()
            self._is_stale = False
            was_over = self._state.status in TERMINAL_BATCH
            loaded = await errands.load(self._batch_id)
            self._take_over(loaded)
            if not self._errands:
                self._journal.settle(loaded.status)
            if loaded.status in (BatchStatus.CANCELLED, BatchStatus.EXPIRED) and not was_over:
                await errands.stop_skipped(self._batch_id)
                await self.adopt()

    async def adopt(self) -> LoadedBatch:
        """Take over from the database who stands where, with the reports that came in meanwhile."""
        self._reports_while_loading = []
        loaded = await errands.load(self._batch_id)
        slots.adopt(self._state, loaded)
        for report in self._reports_while_loading:
            slots.release(self._state, report.contact_id, report.attempt, report.status)
        self._reports_while_loading = None
        if loaded.status is not self._state.status:
            self.refresh_soon()  # a signal was lost, or somebody was faster
        return loaded

    def _take_over(self, loaded: LoadedBatch) -> None:
        """Follow the batch's status, limit and timetable as they are now."""
        if loaded.status is not self._state.status:
            slots.forget_fresh(self._state)
        self._state.status, self._state.paused_by = loaded.status, loaded.paused_by
        attributes.show_batch(loaded.status)
        self._state.concurrency_limit = loaded.concurrency_limit
        self._state.campaign_limit = loaded.campaign_limit
        waits = loaded.status is BatchStatus.PENDING
        self._set_alarm("scheduled start", loaded.scheduled_start if waits else None, errands.begin)
        ends = loaded.status not in TERMINAL_BATCH
        self._set_alarm("scheduled end", loaded.scheduled_end if ends else None, errands.expire)

    def _set_alarm(self, name: str, at: datetime | None, errand: Callable[[str], Awaitable[None]]) -> None:
        self._alarms.set(name, at, lambda: self.ask(partial(errand, self._batch_id)))
