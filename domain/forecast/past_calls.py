"""How calls ended lately and how long they took, as draws for the calls of a forecast."""

from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

from domain.call import MAY_BE_CONVERSATIONS, AttemptKind, CallStatus
from domain.disposition import MACHINES, AnsweredBy

Chance = Callable[[], float]
"""Returns the next random number in [0, 1)."""

LOOKED_BACK = timedelta(days=30)
FEWEST_CALLS = 30
"""Fewer calls tell nothing: the defaults are taken, or for one kind of attempt the calls of all kinds."""


@dataclass(frozen=True, kw_only=True)
class CallsAlike:
    """Calls that ended alike, at least one."""

    kind: AttemptKind
    call_status: CallStatus
    """An ending."""
    answered_by: AnsweredBy | None = None
    disposition: str | None = None
    calls: int
    ring: timedelta = timedelta()
    """Mean time from the dial to the answer, or to the end."""
    talks: tuple[timedelta, ...] = (timedelta(),)
    """Equally likely times from the answer to the end."""
    follow_up_after: timedelta | None = None
    """Mean time from the end to the follow-up that was agreed; None without one."""
    cost: float | None = None
    """Mean cost, None where it is not told."""

    @property
    def are_conversations(self) -> bool:
        """Tell whether caps on conversations count them."""
        return self.call_status in MAY_BE_CONVERSATIONS and self.answered_by not in MACHINES


@dataclass(frozen=True)
class PastCalls:
    """Calls to draw from; never none."""

    alike: tuple[CallsAlike, ...]

    @property
    def total(self) -> int:
        return sum(each.calls for each in self.alike)

    def share_of(self, call_status: CallStatus) -> float:
        """Return the share of calls that ended so, 0..1."""
        return sum(each.calls for each in self.alike if each.call_status is call_status) / self.total

    @property
    def mean_length(self) -> timedelta:
        """Return how long a call takes from dial to end."""
        return self._mean([each.ring + _mean(each.talks) for each in self.alike], self.alike)

    @property
    def mean_talk(self) -> timedelta:
        """Return how long an answered call lasts; zero where none was answered."""
        answered = [each for each in self.alike if each.call_status is CallStatus.COMPLETED]
        return self._mean([_mean(each.talks) for each in answered], answered)

    def _mean(self, lengths: Sequence[timedelta], of: Sequence[CallsAlike]) -> timedelta:
        weighted = (length * each.calls for length, each in zip(lengths, of, strict=True))
        return sum(weighted, timedelta()) / max(1, sum(each.calls for each in of))

    def of_kind(self, kind: AttemptKind) -> Sequence[CallsAlike]:
        """Return the calls of one kind of attempt, those of all kinds where it has too few."""
        own = [each for each in self.alike if each.kind is kind]
        return own if sum(each.calls for each in own) >= FEWEST_CALLS else self.alike


def _mean(lengths: Sequence[timedelta]) -> timedelta:
    return sum(lengths, timedelta()) / len(lengths)


@dataclass(frozen=True)
class DrawnCall:
    """A call as it might go."""

    alike: CallsAlike
    talk: timedelta

    @property
    def length(self) -> timedelta:
        return self.alike.ring + self.talk


class CallDraws:
    """Draws calls, each as likely as it was in the past."""

    def __init__(self, past: PastCalls, chance: Chance) -> None:
        self._chance = chance
        self._of_kind = {kind: self._weighted(past.of_kind(kind)) for kind in AttemptKind}

    def draw(self, kind: AttemptKind) -> DrawnCall:
        alike, reaches = self._of_kind[kind]
        found = alike[bisect(reaches, self._chance() * reaches[-1])]
        return DrawnCall(found, found.talks[int(self._chance() * len(found.talks))])

    @staticmethod
    def _weighted(alike: Sequence[CallsAlike]) -> tuple[Sequence[CallsAlike], Sequence[int]]:
        return alike, list(accumulate(each.calls for each in alike))


def _default(call_status: CallStatus, share: int, ring: int, talk: int = 0) -> CallsAlike:
    return CallsAlike(
        kind=AttemptKind.INITIAL,
        call_status=call_status,
        calls=share,
        ring=timedelta(seconds=ring),
        talks=(timedelta(seconds=talk),),
    )


DEFAULT_CALLS = PastCalls(
    (
        _default(CallStatus.COMPLETED, 35, ring=12, talk=90),
        _default(CallStatus.NO_ANSWER, 45, ring=30),
        _default(CallStatus.BUSY, 10, ring=4),
        _default(CallStatus.FAILED, 10, ring=4),
    )
)
"""Taken where an organization has called too little: our guess, and named as such in every answer."""
