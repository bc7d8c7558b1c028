"""A contact's sleep between two attempts: until its time, which may move, and while a call is wanted."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.contact import ContactStatus
    from workflows import search_attributes, text

GRANT_ENDS_SLEEP = "grant-ends-sleep"
"""Before this, a contact that was granted its slot early slept on and held it."""


@dataclass(frozen=True)
class WaitUntil:
    """What is slept for."""

    attempt: int
    due_at: datetime
    status: ContactStatus
    summary: str


class RetryTimer:
    """Ends at its time, where that has moved to, with a slot that is granted early, or by a stop."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._moved: dict[int, datetime] = {}
        self._attempt = 0
        """The one slept for, 0 while awake."""
        self._is_granted = False
        self.is_stopped = False
        """Nobody wants the contact called any more."""

    def stop(self) -> None:
        """Wait no longer, now and later."""
        self.is_stopped = True

    def move(self, attempt: int, due_at: datetime | None) -> None:
        """Sleep until then for this attempt, also if the sleep has not begun; None stops it."""
        if due_at is None:
            self.stop()
        else:
            self._moved[attempt] = due_at

    def grant(self, attempt: int) -> None:
        """End the sleep before this attempt: its slot is granted already."""
        # Asked in this rare case alone: an undisturbed sleep gets no further events.
        if attempt == self._attempt:
            self._is_granted = workflow.patched(GRANT_ENDS_SLEEP)

    def has_news(self, attempt: int) -> bool:
        """Tell whether the time of this attempt has moved, and nobody has slept by it yet."""
        return attempt in self._moved

    def forget(self, attempt: int) -> None:
        """Drop what was heard of this attempt's time: the gates are asked now."""
        self._moved.pop(attempt, None)

    async def until(self, sleep: WaitUntil, *, is_granted: bool) -> None:
        """Hold no slot until then, or until something ends the sleep earlier."""
        if is_granted and workflow.patched(GRANT_ENDS_SLEEP):
            return
        self._attempt, self._is_granted = sleep.attempt, False
        await self._until(sleep)
        self._attempt = 0

    async def rest(self, pause: timedelta, summary: str, is_over: Callable[[], bool] = lambda: False) -> bool:
        """Wait so long; False when it ended earlier, by a stop or because it was over."""
        self._show(f"sleeps until {text.instant(workflow.now() + pause)}: {summary}")
        try:
            await workflow.wait_condition(
                lambda: self.is_stopped or is_over(), timeout=pause, timeout_summary=summary
            )
        except TimeoutError:
            return True
        return False

    async def _until(self, sleep: WaitUntil) -> None:
        wakes_at = sleep.due_at
        while (wakes_at := self._moved.pop(sleep.attempt, wakes_at)) > workflow.now():
            search_attributes.show_sleep(sleep.status, wakes_at, sleep.attempt)
            is_over = partial(self._is_over, sleep.attempt, wakes_at)
            if await self.rest(wakes_at - workflow.now(), sleep.summary, is_over) or self.is_stopped:
                return
            if self._is_granted:
                break
        search_attributes.show_sleep(sleep.status, workflow.now(), sleep.attempt)

    def _is_over(self, attempt: int, wakes_at: datetime) -> bool:
        return self._is_granted or self._moved.get(attempt, wakes_at) != wakes_at
