"""One course that a batch may take, played through event by event.

Who is called when is decided by the rules that hold for real calls: hours, caps, redials, follow-ups.
Only how a call goes is drawn.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count

from domain.call import OUTCOME_OF, AttemptKind
from domain.contact import call_order
from domain.forecast.past_calls import CallDraws, Chance, DrawnCall
from domain.forecast.question import ForecastQuestion, PlannedContact, Scale
from domain.frequency import Capped, CapsAt, CountedCall, capped_by
from domain.settlement import EndedAttempt, Settlement, Terms, settle_under
from domain.working_hours import open_until, spread_after

_HOUR = timedelta(hours=1)
_ALWAYS, _NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_TURN = {AttemptKind.FOLLOW_UP: 0, AttemptKind.RETRY: 1, AttemptKind.INITIAL: 2}


@dataclass(slots=True)
class _Person:
    """A contact on its way through a course."""

    call_order: int
    lane: "_Lane"
    calls: list[CountedCall]
    """Newest first."""
    kind: AttemptKind = AttemptKind.INITIAL
    retry_count: int = 0
    follow_up_count: int = 0


@dataclass(slots=True)
class _Lane:
    """Those who wait for a slot under the same hours."""

    terms: Terms
    waiting: list[tuple[int, datetime, int, _Person]] = field(default_factory=list)
    open_until: datetime | None = None
    opens_at: datetime | None = None
    """While it is closed: when it opens, the end of time where it never does."""
    looked_for: datetime | None = None
    """The opening at which the course looks at it again."""

    def is_open(self, now: datetime) -> bool:
        if self.open_until is not None and now < self.open_until:
            return True
        if self.opens_at is not None and now < self.opens_at:
            return False
        self.open_until = open_until(self.terms.hours, now)
        self.opens_at = None
        if self.open_until is None:
            self.opens_at = self.terms.opening(now) or _NEVER
        return self.open_until is not None

    def add(self, person: _Person, due_at: datetime) -> bool:
        """Have a contact wait; between those that were never called their `call_order` decides.

        Returns whether it is the first in the lane now.
        """
        since = _ALWAYS if person.kind is AttemptKind.INITIAL else due_at
        heappush(self.waiting, (_TURN[person.kind], since, person.call_order, person))
        return self.waiting[0][3] is person


@dataclass(kw_only=True)
class Course:
    """What came of a batch in one course; times and numbers are those of the part that was simulated."""

    first_call_at: datetime | None = None
    finished_at: datetime | None = None
    """None where somebody waits for ever."""
    calls: int = 0
    talk: timedelta = timedelta()
    cost: float = 0.0
    left: int = 0
    """Contacts that wait when the batch's end comes, or for ever."""
    calls_by_hour: Counter[datetime] = field(default_factory=Counter)


def play(question: ForecastQuestion, scale: Scale, chance: Chance) -> Course:
    """Return one course, which the random numbers decide."""
    return _Play(question, scale, chance).run()


class _Play:
    def __init__(self, question: ForecastQuestion, scale: Scale, chance: Chance) -> None:
        self._question, self._scale, self._chance = question, scale, chance
        self._rules, self._ends_at = question.rules, question.new.scheduled_end
        self._caps = question.rules.caps_in_force
        self._draws = CallDraws(question.past, chance)
        self._lanes: dict[tuple[str, ...], _Lane] = {}
        self._lane_of: dict[str | None, _Lane] = {}
        self._firsts: list[tuple[int, datetime, int, int, _Lane]] = []
        """Who stands first in each lane; those who do no longer are passed over."""
        self._events: list[tuple[datetime, int, Callable[..., None], tuple[object, ...]]] = []
        self._order = count()
        self._now = self._next_dial_at = question.starts_at
        self._hour = self._now.replace(minute=0, second=0, microsecond=0)
        self._interval = timedelta()
        if (rate := question.rules.calls_per_second) is not None:
            self._interval = timedelta(seconds=1 / rate) * scale.every
        self._free = scale.slots
        self._unfinished = self._live = 0
        self._course = Course()

    def run(self) -> Course:
        """Play until nothing is left to happen, or the batch's end comes."""
        for position, contact in enumerate(self._question.contacts[:: self._scale.every]):
            self._enter(position, contact)
        self._grant()
        while self._events:
            at, _, happen, told = heappop(self._events)
            if self._ends_at is not None and at >= self._ends_at:
                self._now = self._ends_at
                break
            self._now = at
            happen(*told)
            self._grant()
        return self._over()

    def _over(self) -> Course:
        self._course.left = self._unfinished - self._live
        if self._unfinished:
            self._course.finished_at = self._ends_at
        return self._course

    def _at(self, at: datetime, happen: Callable[..., None], *told: object) -> None:
        heappush(self._events, (at, next(self._order), happen, told))

    def _enter(self, position: int, contact: PlannedContact) -> None:
        order = call_order(contact.priority, position)
        person = _Person(order, self._lane(contact.zone), list(contact.calls))
        self._unfinished += 1
        comes_at = max(self._now, contact.not_before or self._now)
        if contact.is_on_the_phone:
            comes_at = max(comes_at, self._question.now + self._question.past.mean_length)
        if comes_at > self._now:
            self._wake(person, comes_at)
        else:
            self._wait(person, self._now)

    def _lane(self, zone: str | None) -> _Lane:
        """Return the lane for a key of zones; different keys may mean the same zones."""
        lane = self._lane_of.get(zone)
        if lane is None:
            question = self._question
            terms = Terms.of(question.new, self._rules, zone, question.quiet_after_unknown)
            lane = self._lanes.setdefault(terms.hours.timezones, _Lane(terms))
            self._lane_of[zone] = lane
        return lane

    def _wait(self, person: _Person, due_at: datetime) -> None:
        if person.lane.add(person, due_at):
            self._show_first(person.lane)

    def _show_first(self, lane: _Lane) -> None:
        if lane.waiting:
            turn, since, position, _ = lane.waiting[0]
            heappush(self._firsts, (turn, since, position, next(self._order), lane))

    def _grant(self) -> None:
        """Give free slots to those who may be called, in their turn."""
        while self._free > 0 and (person := self._next()) is not None:
            capped = self._capped(person)
            if capped is not None:
                self._put_off(person, capped.until)
                continue
            self._free -= 1
            self._reserve(person)

    def _next(self) -> _Person | None:
        """Take the next contact out of its lane; a closed lane is looked at when it opens."""
        while self._firsts:
            *_, position, _, lane = heappop(self._firsts)
            if not lane.waiting or lane.waiting[0][2] != position:
                continue
            if lane.is_open(self._now):
                person = heappop(lane.waiting)[3]
                self._show_first(lane)
                return person
            self._look_again_for(lane)
        return None

    def _look_again_for(self, lane: _Lane) -> None:
        if lane.looked_for != lane.opens_at and lane.opens_at not in (None, _NEVER):
            lane.looked_for = lane.opens_at
            self._at(lane.opens_at, self._show_first, lane)

    def _capped(self, person: _Person) -> Capped | None:
        if not (self._caps and person.calls):
            return None
        return capped_by(CapsAt(self._caps, self._now), person.calls)

    def _put_off(self, person: _Person, until: datetime) -> None:
        """Wait for an opening after the caps let go; without one a retry ends as the last call did."""
        again_at = person.lane.terms.opening(until)
        if again_at is not None:
            self._wake(person, again_at)
        elif person.kind is AttemptKind.RETRY:
            self._finish()

    def _wake(self, person: _Person, due_at: datetime) -> None:
        """Have a contact ask for a slot; those that slept until an opening are spread behind it."""
        spread = timedelta()
        if person.kind is not AttemptKind.INITIAL:
            spread = spread_after(person.lane.terms.hours, due_at, before=self._ends_at)
            spread *= self._chance()
        self._at(due_at + spread, self._wait, person, due_at)

    def _reserve(self, person: _Person) -> None:
        """Dial at the next instant that the campaign's rate has free, the slot being held until then."""
        dial_at = max(self._now, self._next_dial_at)
        self._next_dial_at = dial_at + self._interval
        if dial_at > self._now:
            self._at(dial_at, self._dial, person)
        else:
            self._dial(person)

    def _dial(self, person: _Person) -> None:
        if not person.lane.is_open(self._now):
            self._free += 1
            self._wait(person, self._now)
            return
        person.retry_count += person.kind is AttemptKind.RETRY
        person.follow_up_count += person.kind is AttemptKind.FOLLOW_UP
        self._live += 1
        drawn = self._draws.draw(person.kind)
        person.calls.insert(0, CountedCall(self._now, is_conversation=drawn.alike.are_conversations))
        self._count(drawn)
        self._at(self._now + drawn.length, self._end, person, drawn)
        if self._scale.stretch > 1:
            self._at(self._now + drawn.length * self._scale.stretch, self._free_slot)

    def _count(self, drawn: DrawnCall) -> None:
        course = self._course
        course.first_call_at = course.first_call_at or self._now
        course.calls += 1
        course.talk += drawn.talk
        course.cost += drawn.alike.cost or 0.0
        if self._now >= self._hour + _HOUR:  # time only moves forward
            self._hour = self._now.replace(minute=0, second=0, microsecond=0)
        course.calls_by_hour[self._hour] += 1

    def _free_slot(self) -> None:
        self._free += 1

    def _end(self, person: _Person, drawn: DrawnCall) -> None:
        if self._scale.stretch <= 1:
            self._free_slot()
        self._live -= 1
        settled = self._settle(person, drawn)
        if settled.due_at is None:
            self._finish()
            return
        person.kind = AttemptKind.RETRY if settled.follow_up_at is None else AttemptKind.FOLLOW_UP
        self._wake(person, settled.due_at)

    def _settle(self, person: _Person, drawn: DrawnCall) -> Settlement:
        alike = drawn.alike
        attempt = EndedAttempt(
            OUTCOME_OF[alike.call_status],
            self._now,
            person.retry_count,
            alike.answered_by,
            alike.disposition,
        )
        asked_for = None if alike.follow_up_after is None else self._now + alike.follow_up_after
        has_follow_up = person.follow_up_count < self._rules.max_follow_ups
        return settle_under(person.lane.terms, attempt, asked_for, self._now, has_follow_up=has_follow_up)

    def _finish(self) -> None:
        self._unfinished -= 1
        self._course.finished_at = self._now
