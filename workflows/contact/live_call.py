"""The call of one contact that is under way: what is heard of it, and when the provider is asked instead."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.calls import CallActivities
    from activities.hang_ups import HangUpActivities
    from activities.messages import CheckCall, HangUpMachine
    from domain.call import RANK, CallStatus, has_ended
    from domain.disposition import HANG_UP_AFTER
    from domain.watchdog import CallTiming, CallWatch, must_end_by, next_poll
    from workflows.options import POLL


NEVER = datetime.max.replace(tzinfo=UTC)


class LiveCall:
    """Takes note of events, doubled, shuffled or early, and follows one attempt to its end."""

    def __init__(self, contact_id: str, attempt: int) -> None:
        self._contact_id = contact_id
        self._attempt = attempt
        self._statuses: dict[int, CallStatus] = {}
        self._heard_at: datetime | None = None
        self._answered_at: datetime | None = None
        self._hangs_up_at: dict[int, datetime] = {}
        """When an attempt is ended by us, for a machine answered."""

    def begin(self, attempt: int) -> None:
        """Turn to an attempt; what was heard of it already stands."""
        self._attempt = attempt
        self._heard_at = self._answered_at = None

    def hear_of_machine(self, attempt: int) -> None:
        """Hang up in a while, should the call still go on; the first word of the machine counts."""
        self._hangs_up_at.setdefault(attempt, workflow.now() + HANG_UP_AFTER)

    def hear(self, attempt: int, status: CallStatus, *, news: bool = True) -> None:
        """Take note of where the call of an attempt stands; only `news` ends a silence."""
        known = self._statuses.get(attempt, CallStatus.QUEUED)
        if RANK[status] > RANK[known]:
            self._statuses[attempt] = status
        if attempt != self._attempt:
            return
        if news:
            self._heard_at = workflow.now()
        if status is CallStatus.IN_PROGRESS and self._answered_at is None:
            self._answered_at = workflow.now()

    async def follow(self, asked_at: datetime, timing: CallTiming) -> None:
        """Wait until the call has ended, asking the provider whenever webhooks stay away."""
        watch = CallWatch(asked_at=asked_at)
        while not self._has_ended():
            if self._heard_at != watch.heard_at:
                watch = replace(watch, heard_at=self._heard_at, polls=0)
            watch = replace(watch, answered_at=self._answered_at)
            poll = next_poll(watch, timing)
            if poll.at > workflow.now():
                await self._wait(poll.at)
                continue
            watch = replace(watch, polled_at=workflow.now(), polls=watch.polls + 1)
            await self._poll(conclude=poll.conclude, must_end=workflow.now() >= must_end_by(watch, timing))

    async def _wait(self, poll_at: datetime) -> None:
        """Wait for the end until the provider is to be asked, and hang up meanwhile where that is due."""
        hangs_up_at = self._hangs_up_at.get(self._attempt)
        if hangs_up_at is None or hangs_up_at >= poll_at:
            await self._wait_for_end(poll_at - workflow.now(), "no webhook: ask the provider")
            return
        if hangs_up_at > workflow.now():
            await self._wait_for_end(hangs_up_at - workflow.now(), "a machine answered: hang up")
        if hangs_up_at <= workflow.now() and not self._has_ended():
            self._hangs_up_at[self._attempt] = NEVER  # once is enough: the call is followed to its end
            await self._hang_up()

    async def _wait_for_end(self, patience: timedelta, summary: str) -> None:
        known = self._hangs_up_at.get(self._attempt)

        def is_over() -> bool:
            return self._has_ended() or self._hangs_up_at.get(self._attempt) != known

        with suppress(asyncio.TimeoutError):
            await workflow.wait_condition(is_over, timeout=patience, timeout_summary=summary)

    async def _hang_up(self) -> None:
        request = HangUpMachine(contact_id=self._contact_id, attempt=self._attempt)
        try:
            await workflow.execute_activity_method(
                HangUpActivities.hang_up_machine, request, summary="a machine answered: hang up", **POLL
            )
        except ActivityError as error:
            cause = type(error.cause).__name__
            workflow.logger.warning(
                "call could not be ended", extra={"cause": cause, "attempt": self._attempt}
            )

    async def _poll(self, *, conclude: bool, must_end: bool) -> None:
        request = CheckCall(
            contact_id=self._contact_id, attempt=self._attempt, conclude=conclude, must_end=must_end
        )
        try:
            checked = await workflow.execute_activity_method(
                CallActivities.check_call, request, summary="no webhook: where is the call?", **POLL
            )
        except ActivityError as error:
            cause = type(error.cause).__name__
            workflow.logger.warning(
                "provider could not be asked", extra={"cause": cause, "attempt": self._attempt}
            )
            return
        # Only webhooks end a silence: a live call is asked about ever more rarely.
        self.hear(self._attempt, checked.call_status, news=checked.is_known and self._heard_at is None)

    def _has_ended(self) -> bool:
        return has_ended(self._statuses.get(self._attempt, CallStatus.QUEUED))
