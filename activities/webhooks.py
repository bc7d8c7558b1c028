"""Tells clients' receivers what happened: events become deliveries, deliveries are posted.

Events are written by the transactions they tell of, and what is due stands in rows, so nothing here needs to
be remembered. Two deliverers at once share the work.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from temporalio import activity

from activities.failures import translating_failures
from activities.housekeeping import HousekeepingTerm, repeated, until_over
from domain.errors import BatchNotFound, TechnicalError
from domain.identity import BatchId, EndpointId, OrganizationId
from domain.ports import AttemptOutcome, ReadDiagnosis, WebhookOutbox, WebhookQueue, WebhookSender
from domain.webhooks import ClaimedDelivery, WebhookEvent, judged

_log = structlog.get_logger()
T = TypeVar("T")

POLL_EVERY = timedelta(milliseconds=500)
"""An event waits no longer for its deliveries, nor a delivery that falls due."""
REST = timedelta(milliseconds=100)
"""Between two claims, so that what falls due meanwhile is claimed together."""
SHORT_REST = timedelta(milliseconds=20)
"""While there is more than one claim takes."""
YIELDS = 4
"""How many times as long as the loop ran late is rested: posts can wait, and dials on this worker cannot."""
PAGE = 100
AT_ONCE = 200
"""Posts under way, of all endpoints together."""
PLACES = 10
"""Of one endpoint."""
DOUBTED_AFTER = 3
"""Posts without an answer, one after the other; then an endpoint has one place until it answers."""
LEASE = timedelta(seconds=20)
"""Twice as long as a post may take; then the worker that claimed it counts as dead."""
UPKEEP_EVERY = timedelta(seconds=1)
UPKEEP_PAGE = 500
DIAGNOSED_EVERY = timedelta(minutes=1)
DIAGNOSIS_SEARCH_EVERY = timedelta(seconds=10)
DIAGNOSED_AT_ONCE = 50
"""Batches in one search, one after the other; many batches are looked at less often than once a minute."""

WriteBody = Callable[[WebhookEvent], str]


@dataclass(frozen=True, kw_only=True)
class WebhookParts:
    """What telling receivers takes."""

    outbox: WebhookOutbox
    queue: WebhookQueue
    sender: WebhookSender
    write_body: WriteBody
    """Returns the body of an event as it is posted."""
    read_diagnosis: ReadDiagnosis
    clock: Callable[[], datetime]


class WebhookActivities:
    """Deliver events to receivers."""

    def __init__(self, parts: WebhookParts) -> None:
        self._parts = parts

    @activity.defn
    @translating_failures
    async def deliver_webhooks(self, term: HousekeepingTerm) -> None:
        """Post what happens to clients' endpoints."""
        await until_over(deliver(self._parts), term)

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class, to be registered with a worker."""
        return (self.deliver_webhooks,)


async def deliver(parts: WebhookParts) -> None:
    """Publish and post until cancelled; a loop that fails holds up none of the others."""
    poster, publisher = Poster(parts), Publisher(parts)

    async def publish() -> None:
        if await publisher.publish_all():
            poster.wake()

    loops = (
        repeated(publish, "publish_events", POLL_EVERY),
        repeated(poster.run, "post_events", timedelta()),
        repeated(publisher.keep_up, "tidy_deliveries", UPKEEP_EVERY),
        repeated(publisher.diagnose, "watch_diagnoses", DIAGNOSIS_SEARCH_EVERY),
    )
    async with asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(loop)


class Publisher:
    """Makes deliveries of events, and keeps their table in order."""

    def __init__(self, parts: WebhookParts) -> None:
        self._parts = parts

    async def publish_all(self) -> int:
        """Publish everything there is, and what is to be replayed; returns how many pages had something."""
        pages = 0
        while await self._publish_page():
            pages += 1
        while await self._parts.outbox.replay_page(self._parts.clock(), PAGE):
            pages += 1
        return pages

    async def _publish_page(self) -> bool:
        events = await self._parts.outbox.unpublished(PAGE)
        if not events:
            return False
        bodies = {}
        for event in events:
            bodies[event.event_id] = self._parts.write_body(event)
            await asyncio.sleep(0)
        erased = {event.event_id for event in events if event.is_erased}
        await self._parts.outbox.publish(bodies, self._parts.clock(), erased=erased)
        return True

    async def keep_up(self) -> None:
        """Fail what nobody is going to post, and forget what is old, a page of each at a time."""
        now, queue = self._parts.clock(), self._parts.queue
        await queue.fail_undeliverable(now, UPKEEP_PAGE)
        await queue.forget(now, UPKEEP_PAGE)

    async def diagnose(self) -> None:
        """Look at batches that were not looked at for a minute, one after the other."""
        before = self._parts.clock() - DIAGNOSED_EVERY
        found = await self._parts.outbox.undiagnosed(before, DIAGNOSED_AT_ONCE)
        for organization_id, batch_id in found:
            await self._diagnose(organization_id, batch_id)

    async def _diagnose(self, organization_id: OrganizationId, batch_id: BatchId) -> None:
        now = self._parts.clock()
        try:
            diagnosis, tip = await self._parts.read_diagnosis(organization_id, batch_id, now)
        except (BatchNotFound, TechnicalError):
            return  # deleted with its campaign; or looked at again
        await self._parts.outbox.changed_diagnosis(batch_id, diagnosis, tip, now)


class Poster:
    """Claims what is due and posts it, a few of each endpoint at once.

    An endpoint that does not answer takes up its own places, and soon only one.
    """

    def __init__(self, parts: WebhookParts) -> None:
        self._parts = parts
        self._busy: Counter[EndpointId] = Counter()
        self._unanswered: Counter[EndpointId] = Counter()
        self._outcomes: list[AttemptOutcome] = []
        self._settling = asyncio.Lock()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look for due deliveries at once."""
        self._woken.set()

    async def run(self) -> None:
        """Post until cancelled. Raises StoreUnavailable, or a group of them; unsettled claims lapse."""
        self._busy.clear()
        self._outcomes = []
        async with asyncio.TaskGroup() as group:
            while True:
                self._woken.clear()
                due = await self._claim()
                for claimed in due:
                    self._busy[claimed.endpoint_id] += 1
                    group.create_task(self._post(claimed))
                await _rest(SHORT_REST if len(due) >= PLACES else REST)
                await self._wait()

    async def _claim(self) -> Sequence[ClaimedDelivery]:
        free = AT_ONCE - self._busy.total()
        if free <= 0:
            return ()
        queue, now = self._parts.queue, self._parts.clock()
        return await queue.claim(self._places(), each=PLACES, limit=free, now=now, lease=LEASE)

    def _places(self) -> Mapping[EndpointId, int]:
        """Return how many more posts each endpoint may have, of those that may not have all."""
        watched = {*self._busy, *self._unanswered}
        return {each: max(self._allowed(each) - self._busy[each], 0) for each in watched}

    def _allowed(self, endpoint_id: EndpointId) -> int:
        return 1 if self._unanswered[endpoint_id] >= DOUBTED_AFTER else PLACES

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_EVERY.total_seconds()):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _post(self, claimed: ClaimedDelivery) -> None:
        endpoint_id = claimed.endpoint_id
        try:
            attempt = await self._parts.sender.send(claimed, self._parts.clock())
        finally:
            self._busy[endpoint_id] -= 1
            if not self._busy[endpoint_id]:
                del self._busy[endpoint_id]
            self.wake()
        if attempt.status is None:
            self._unanswered[endpoint_id] += 1
        else:
            self._unanswered.pop(endpoint_id, None)
        draw = random.random()  # noqa: S311 - spreads waits
        verdict = judged(claimed, attempt, self._parts.clock(), draw)
        await self._settle(AttemptOutcome(claimed=claimed, attempt=attempt, verdict=verdict))

    async def _settle(self, outcome: AttemptOutcome) -> None:
        """Keep what came of a post, along with others that wait for the same."""
        self._outcomes.append(outcome)
        async with self._settling:
            these, self._outcomes = self._outcomes, []
            if not these:
                return
            disabled = await _unbroken(self._parts.queue.settle(these, self._parts.clock()))
        for endpoint_id, reason in disabled.items():
            _log.warning("webhook endpoint disabled", endpoint_id=endpoint_id, reason=reason)


async def _rest(length: timedelta) -> None:
    """Rest, and longer where the loop is so busy that it wakes us late."""
    clock, seconds = asyncio.get_running_loop().time, length.total_seconds()
    began_at = clock()
    await asyncio.sleep(seconds)
    late = clock() - began_at - seconds
    await asyncio.sleep(min(YIELDS * late, POLL_EVERY.total_seconds()))


async def _unbroken(step: Coroutine[None, None, T]) -> T:
    """Do a step to its end also when this task is cancelled: what a receiver took would be posted again."""
    task = asyncio.create_task(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
