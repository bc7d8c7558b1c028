"""What a batch requests each time it reads the rows, and when it reads again: without a timer or an await."""

from collections.abc import Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from domain.identity import BatchId, ContactId
from domain.slots import OVERDUE_AFTER, GrantedSlots, SlotGrants
from workflows.batch import limits
from workflows.messages import BatchState


class Clock(Protocol):
    """What time it is; see `LookClock`."""

    @property
    def goes_by_looks(self) -> bool:
        """Tell whether the time is that of the last look."""

    @property
    def now(self) -> datetime:
        """Return the time."""


class Dispatcher:
    """Keeps how far pending contacts were read, which contacts requested a slot, and what falls due."""

    def __init__(self, batch_id: BatchId, state: BatchState, clock: Clock) -> None:
        self._batch_id = batch_id
        self._state = state
        self._clock = clock
        self._leveled_at = None if clock.goes_by_looks else clock.now
        self._new: set[str] = set()
        """Contacts that asked since the last answer."""
        self._times_forgotten = 0
        self._forgotten_before = 0
        """When the request under way was made."""
        self._held = None if state.stands is None else state.stands.in_use
        """Slots after the last grant that was handed out, None before it; plus those left by others."""
        self._told_of = 0
        """Slots that other batches left since the last request."""
        self._asked_at: datetime | None = None
        self._run_id: str | None = None

    def request(self, key: str, at_most: int, now: datetime) -> SlotGrants:
        """Return the request; all contacts are read again when a window opened, or after a while.

        `now` is the time of the task: it may decide how long to wait, and nothing else.
        """
        self._held = None if self._held is None else self._held + self._told_of
        self._told_of = 0
        request = self._request(key, at_most, now)
        if not self._clock.goes_by_looks:
            request = request.as_of(now)
            if request.is_leveled:
                self._level(now)
            request = replace(request, level_at=None, count_at=None, is_leveled=False)
        self._forgotten_before = self._times_forgotten
        return request

    def _request(self, key: str, at_most: int, now: datetime) -> SlotGrants:
        counted_at = self._state.counted_at
        level_reads = [*self._state.rereads.values()]
        if (level_at := self._level_read_at()) is not None:
            level_reads.append(level_at)
        return SlotGrants(
            batch_id=self._batch_id,
            key=key,
            at_most=max(1, min(limits.GRANTED_AT_ONCE, at_most)),
            cursor=self._state.cursor,
            zones=self._state.zones,
            asked=tuple(ContactId(each) for each in list(self._state.asked)[: limits.ASKED_AT_ONCE]),
            is_counted=counted_at is None,
            held_before=self._held,
            linger=self._linger(now),
            dispatched_by=self._run_id,
            level_at=min(level_reads, default=None),
            count_at=counted_at and counted_at + limits.COUNT_FROM,
        )

    def _level(self, now: datetime) -> None:
        """All contacts are read again, and every batch is named: it makes up for lost signals."""
        self.forget()
        self._leveled_at = now
        self._state.idle_looks += 1

    def _linger(self, now: datetime) -> timedelta:
        """Return how long after the last request this one waits, where the run follows its children."""
        before, self._asked_at = self._asked_at, now
        if before is None or self._run_id is None:
            return timedelta()
        return max(before + limits.LOOKS_APART - now, timedelta())

    def take(self, stands: GrantedSlots, now: datetime) -> None:
        """Take over how the batch stands; a read older than the newest signal does not move the cursor."""
        state, is_newest = self._state, self._forgotten_before == self._times_forgotten
        if stands.is_leveled:
            self._level(now)
        self._leveled_at = self._leveled_at or now
        state.stands = replace(
            stands, granted=(), refused=(), counts=None, holders=None, answered_by=None, dispositions=None
        )
        if stands.counts is not None and stands.holders is not None:
            state.counts, state.counted_at = dict(stands.counts), now
            state.in_flight = dict(stands.holders)
            state.answered_by = dict(stands.answered_by or {})
            state.dispositions = dict(stands.dispositions or {})
        if stands.in_use:
            state.idle_looks = 0
        granted = {each.contact_id for each in stands.granted}
        self._drop_asked(granted | {each.contact_id for each in stands.refused}, now)
        if is_newest:
            state.cursor, state.zones = stands.cursor, stands.zones
            for each in stands.rereads:
                at = now + each.after
                state.rereads[each.what] = min(at, state.rereads.get(each.what, at))

    def follow_children(self, run_id: str) -> None:
        """Have the rows say that contacts which this run started need not report their end to it."""
        self._run_id = run_id

    def ask(self, contact_id: str) -> None:
        """Remember a contact that is due; one that is not remembered is found once it is overdue."""
        if len(self._state.asked) < limits.ASKED_AT_MOST:
            self._state.asked[contact_id] = self._clock.now
            self._new.add(contact_id)

    def hear_of_free_slot(self) -> None:
        """Another batch leaves a slot; if this one does not take it, it goes to the next."""
        self._told_of += 1

    def hand_out(self, stands: GrantedSlots) -> None:
        """The answer has been acted upon: contacts have their slots, other batches know of those left."""
        self._held = stands.in_use

    def forget(self) -> None:
        """Look at pending contacts from the first one again: others may be called now than a moment ago."""
        self._times_forgotten += 1
        self._state.cursor, self._state.zones = 0, None
        self._state.rereads.clear()

    def hurry(self) -> None:
        """Let the next look wait for nothing: somebody waits for what it finds."""
        self._asked_at = None

    def stir(self) -> None:
        """A signal came: read again soon, and then ever more rarely."""
        self._state.idle_looks = 0

    def must_read_at_once(self, stands: GrantedSlots) -> bool:
        """Tell whether another request would grant more."""
        was_answered = bool(stands.granted or stands.refused)
        return stands.has_more or (was_answered and len(self._state.asked) > limits.ASKED_AT_ONCE)

    def next_wake(self, stands: GrantedSlots, now: datetime) -> tuple[datetime, str] | None:
        """Return when to read again without a signal, and why; None while the batch rests until one comes."""
        due = [(now + each.after, each.what) for each in stands.wakes]
        due += [(at, what) for what, at in self._state.rereads.items()]
        if (level_at := self._level_read_at()) is not None:
            due.append((level_at, "look at the rows again"))
        if self._state.follow_again_at is not None:
            due.append((self._state.follow_again_at, "time contacts that were settled by the old rules"))
        if stands.counts is None and self._state.counted_at is not None:
            due.append((self._state.counted_at + limits.COUNT_EVERY, "count"))
        return min(due, default=None)

    def _level_read_at(self) -> datetime | None:
        """Return when all contacts are read again, signal or not: ever later while nothing happens.

        None for a batch that rests: the housekeeping finds out if a signal was lost.
        """
        is_resting = self._state.stands is not None and self._state.stands.is_resting
        if self._leveled_at is None or is_resting:
            return None
        doublings: int = 2 ** min(self._state.idle_looks, limits.LONGEST_DOUBLING)
        return self._leveled_at + min(limits.LOOK_EVERY * doublings, limits.LOOK_IDLE_EVERY)

    def _drop_asked(self, answered: Set[str], now: datetime) -> None:
        """Forget contacts that were answered, or that are overdue by now and found without having asked."""
        since, new, self._new = now - 2 * OVERDUE_AFTER, self._new, set()
        if self._clock.goes_by_looks:
            self._state.asked.update(dict.fromkeys(new & self._state.asked.keys(), now))
        self._state.asked = {
            each: at for each, at in self._state.asked.items() if each not in answered and at > since
        }
