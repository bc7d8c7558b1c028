"""Activities about contacts that sleep while the rules they sleep by are changed."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.calls import CallLimits
from activities.failures import translating_failures
from domain.batch import Batch, calling_hours_in_force
from domain.campaign import CampaignRules
from domain.errors import BatchNotFound
from domain.identity import BatchId
from domain.ports import (
    BatchStore,
    RescheduledContact,
    RescheduledTime,
    RescheduleStore,
    WorkflowDirectory,
)
from domain.working_hours import spread_after


@dataclass(frozen=True, kw_only=True)
class RescheduleContacts:
    """Ask to time the contacts behind a position that wait, by the rules as they are now."""

    batch_id: str
    after_position: int
    limit: int


@dataclass(frozen=True)
class RescheduledContactsPage:
    """How far they were timed; None when nobody is left behind them."""

    next_position: int | None
    may_have_moved: bool
    """Some have another time now, or are done; an attempt that was cut off may have moved them."""


@dataclass(frozen=True, kw_only=True)
class NotifyRescheduled:
    """Ask to tell the contacts behind a position that were rescheduled at an instant or later."""

    batch_id: str
    since: datetime
    after_position: int
    limit: int


@dataclass(frozen=True)
class NotifiedRescheduled:
    """Where to go on; None when no contact is left."""

    next_position: int | None


class RescheduledActivities:
    """Time rows by changed rules, and tell workflows that sleep how their rows have moved."""

    def __init__(
        self,
        reschedules: RescheduleStore,
        batches: BatchStore,
        directory: WorkflowDirectory,
        *,
        limits: CallLimits,
        clock: Callable[[], datetime],
    ) -> None:
        self._reschedules = reschedules
        self._limits = limits
        self._batches = batches
        self._directory = directory
        self._clock = clock

    @activity.defn
    @translating_failures
    async def reschedule_contacts(self, request: RescheduleContacts) -> RescheduledContactsPage:
        """Time the next waiting contacts by the rules as they are now; twice is harmless."""
        page = await self._reschedules.reschedule(
            BatchId(request.batch_id),
            request.after_position,
            request.limit,
            self._clock(),
            quiet_after_unknown=self._limits.quiet_after_unknown,
        )
        may_have_moved = page.changed > 0 or activity.info().attempt > 1
        return RescheduledContactsPage(page.last_position, may_have_moved)

    @activity.defn
    @translating_failures
    async def notify_rescheduled(self, request: NotifyRescheduled) -> NotifiedRescheduled:
        """Tell the next moved contacts until when they sleep, or that they need not; twice is harmless."""
        batch_id = BatchId(request.batch_id)
        page = await self._reschedules.rescheduled_since(
            batch_id, request.since, request.after_position, request.limit
        )
        await self._directory.reschedule(batch_id, await self._times(batch_id, page))
        return NotifiedRescheduled(page[-1].position if len(page) == request.limit else None)

    async def _times(
        self, batch_id: BatchId, page: Sequence[RescheduledContact]
    ) -> Sequence[RescheduledTime]:
        if not page:
            return []
        try:
            batch, campaign = await self._batches.load(batch_id)
        except BatchNotFound:
            return []
        now = self._clock()
        return [
            RescheduledTime(
                contact_id=each.contact_id,
                attempt=each.attempt,
                due_at=_wakes_at(each, batch, campaign.rules, now),
            )
            for each in page
        ]

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class, to be registered with a worker."""
        return (self.reschedule_contacts, self.notify_rescheduled)


def _wakes_at(
    sleeper: RescheduledContact, batch: Batch, rules: CampaignRules, now: datetime
) -> datetime | None:
    """Return when a contact requests its slot; one that waits for an opening does so a little after it."""
    if sleeper.due_at is None or sleeper.due_at <= now:
        return sleeper.due_at
    hours = calling_hours_in_force(batch.overrides, rules, sleeper.zone)
    spread = spread_after(hours, sleeper.due_at, before=batch.scheduled_end)
    return sleeper.due_at + spread * random.random()  # noqa: S311 - spreads load, keeps no secret
