"""A night of calls to a few people who are in many batches, and a ledger that was told of every ring.

The ledger knows nothing of the database: it is the oracle for what a claim may answer.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from domain.call import AttemptKind, CallRecord, CallStatus, DialState
from domain.contact import Contact, ContactStatus
from domain.frequency import Capped, FrequencyCap
from domain.gates import Gate
from domain.ports import ClaimAnswer, Claimed
from domain.settlement import Settlement
from tests.builders import MONDAY_NOON, a_campaign_rules, a_claim, a_new_contact
from tests.store.scenes import Stores

Caps = tuple[FrequencyCap, ...]
MINUTE = timedelta(minutes=1)


class Ending(Enum):
    """What the provider said to a dial, what was heard of the call, and where that leaves its contact."""

    ANSWERED = (DialState.ACCEPTED, CallStatus.COMPLETED, ContactStatus.COMPLETED)
    BUSY = (DialState.ACCEPTED, CallStatus.BUSY, ContactStatus.RETRYING)
    UNKNOWN = (DialState.AMBIGUOUS, CallStatus.UNKNOWN, ContactStatus.FAILED)
    REFUSED = (DialState.REFUSED, CallStatus.FAILED, ContactStatus.RETRYING)
    NOT_DIALLED = (DialState.READY, None, ContactStatus.PENDING)

    @property
    def counts(self) -> bool:
        """Tell whether the phone may have rung."""
        return self not in (Ending.REFUSED, Ending.NOT_DIALLED)


@dataclass(frozen=True)
class Turn:
    """What happens at once: time passes, then these claim while those calls end."""

    minutes: float
    claimants: tuple[int, ...]
    endings: tuple[tuple[int, Ending], ...] = ()


@dataclass(frozen=True)
class Script:
    """Campaigns by their caps, each with so many batches of the same people, and what happens to them."""

    campaigns: tuple[Caps, ...]
    batches_each: int
    phones: int
    """How many people there are."""
    turns: tuple[Turn, ...]


@dataclass(eq=False)
class Person:
    """A contact as the night knows it."""

    contact: Contact
    caps: Caps
    attempt: int = 1
    kind: AttemptKind = AttemptKind.INITIAL
    waits: bool = True

    @property
    def number(self) -> str:
        """The phone, which others share."""
        return self.contact.phone_number


@dataclass(eq=False)
class Ring:
    """A call that was asked for."""

    person: Person
    record: CallRecord
    at: datetime
    ending: Ending | None = None

    @property
    def counts(self) -> bool:
        """Tell whether it counts against caps; one that goes on does."""
        return self.ending is None or self.ending.counts


@dataclass
class Night:
    """Plays a script on the stores and holds every answer against the ledger."""

    stores: Stores
    numbers: Sequence[str]
    now: datetime = MONDAY_NOON
    people: list[Person] = field(default_factory=list)
    ledger: list[Ring] = field(default_factory=list)
    answers: Counter[type] = field(default_factory=Counter)

    async def play(self, script: Script) -> None:
        """Raises AssertionError as soon as an answer is wrong."""
        await self._upload(script)
        for turn in script.turns:
            self.now += MINUTE * turn.minutes
            await self._play(turn)

    async def _upload(self, script: Script) -> None:
        uploads = [a_new_contact(phone_number=number) for number in self.numbers]
        for caps in script.campaigns:
            campaign = await self.stores.a_kept_campaign(a_campaign_rules(frequency_caps=caps))
            for _ in range(script.batches_each):
                batch = await self.stores.a_kept_batch(uploads, campaign=campaign)
                self.people += [Person(each, caps) for each in await self.stores.people_of(batch)]

    async def _play(self, turn: Turn) -> None:
        waiting = [each for each in self.people if each.waits]
        claimants = [waiting[index % len(waiting)] for index in turn.claimants if waiting]
        live = self._open()
        ending = {live[index % len(live)]: how for index, how in turn.endings if live}
        expected = {
            each: self._expected(each)
            for each in claimants
            if self._is_calm(each.number, claimants, list(ending))
        }
        answers = await asyncio.gather(
            *(self._claim(each) for each in claimants),
            *(self._end(ring, how) for ring, how in ending.items()),
        )
        told = [answer for answer in answers if answer is not None]
        for ring, how in ending.items():
            ring.ending = how
        for person, answer in zip(claimants, told, strict=True):
            if person in expected:
                _require(answer, expected[person])
        self._require_held(self._write_down(claimants, told))

    async def _claim(self, person: Person) -> ClaimAnswer:
        claim = a_claim(person.contact.contact_id, attempt=person.attempt, kind=person.kind)
        return await self.stores.calls.claim_attempt(claim, self.now)

    async def _end(self, ring: Ring, how: Ending) -> None:
        state, heard, leaves = how.value
        person, contact_id = ring.person, ring.person.contact.contact_id
        await self.stores.calls.record_dial(ring.record.execution_id, state)
        if heard is None:
            await self.stores.contacts.give_back(contact_id, person.attempt, self.now)
        else:
            await self.stores.hears(ring.record, heard)
            retry_at = self.now if leaves is ContactStatus.RETRYING else None
            settled = Settlement(status=leaves, next_retry_at=retry_at)
            await self.stores.contacts.settle(contact_id, person.attempt, settled, self.now)
            person.attempt, person.kind = person.attempt + 1, AttemptKind.RETRY
        person.waits = leaves in (ContactStatus.PENDING, ContactStatus.RETRYING)

    def _write_down(self, claimants: Sequence[Person], answers: Sequence[ClaimAnswer]) -> Sequence[Ring]:
        """Keep whose phones ring now, for who may ask does ask; returns these rings."""
        rings: list[Ring] = []
        for person, answer in zip(claimants, answers, strict=True):
            self.answers[type(answer)] += 1
            if isinstance(answer, Claimed) and answer.may_ask:
                person.waits = False
                rings.append(Ring(person, answer.record, self.now))
        self.ledger += rings
        return rings

    def _open(self) -> list[Ring]:
        return [each for each in self.ledger if each.ending is None]

    def _is_calm(self, number: str, claimants: Sequence[Person], ending: Sequence[Ring]) -> bool:
        """Tell whether one claim alone is made on a number, so that its answer does not hang on the order."""
        claims = sum(each.number == number for each in claimants)
        return claims == 1 and all(each.person.number != number for each in ending)

    def _expected(self, person: Person) -> ClaimAnswer | None:
        """Return how a claim must be withheld now; None when it must pass."""
        until = self._capped_until(person)
        if until is not None:
            return Capped(until)
        is_busy = any(each.person.number == person.number for each in self._open())
        return Gate.NUMBER_BUSY if is_busy else None

    def _capped_until(self, person: Person) -> datetime | None:
        """Try every instant at which a ring leaves a window, from now on, until all caps allow a call."""
        rings = [each.at for each in self.ledger if each.person.number == person.number and each.counts]
        leave_at = sorted(at + cap.window for at in rings for cap in person.caps)
        for at in (self.now, *(each for each in leave_at if each > self.now)):
            if all(
                sum(at - cap.window < each <= at for each in rings) < cap.max_calls for cap in person.caps
            ):
                return None if at == self.now else at
        raise AssertionError("a cap lets go once its rings have left")

    def _require_held(self, new: Sequence[Ring]) -> None:
        """Require that nobody is rung twice at once, twice for an attempt, or more often than allowed."""
        live = [each.person.number for each in self._open()]
        assert len(live) == len(set(live))
        asked = [
            (each.record.contact_id, each.record.attempt)
            for each in self.ledger
            if each.ending is not Ending.NOT_DIALLED
        ]
        assert len(asked) == len(set(asked))
        for ring in new:
            # Of one number at most one claim passes in a turn, so those at the same instant came before it.
            counting = [
                each.at for each in self.ledger if each.person.number == ring.person.number and each.counts
            ]
            for cap in ring.person.caps:
                assert sum(at > ring.at - cap.window for at in counting) <= cap.max_calls


def _require(answer: ClaimAnswer, withheld: ClaimAnswer | None) -> None:
    """Hold the answer to a calm claim against what must withhold it."""
    if withheld is not None:
        assert answer == withheld
    else:
        assert isinstance(answer, Claimed)
        assert answer.may_ask
