"""What is thrown at a stack: blows drawn from a seed, the same ones whenever the seed is named again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

PARTS = ("worker", "api", "temporal", "postgres", "simulator")
LINKS = ("worker-postgres", "worker-temporal", "worker-provider", "api-postgres", "api-temporal")
CLOCKS = ("worker", "api")


class Kind(StrEnum):
    """What a blow does."""

    KILL = "kill"
    """-9; the supervisor starts the part again."""
    FREEZE = "freeze"
    """SIGSTOP, and SIGCONT after a while."""
    SLOW = "slow"
    """Everything on a line takes up to 0.4 seconds."""
    LOSSY = "lossy"
    """A third of what a line carries has to be sent again."""
    CUT = "cut"
    """A line's connections are reset, new ones too."""
    HOLE = "hole"
    """A line swallows everything and tells nobody."""
    WEBHOOKS = "webhooks"
    """The provider's webhooks are lost, doubled, shuffled or late."""
    DISK = "disk"
    """The database's disk is full."""
    CLOCK = "clock"
    """A part takes another time for the present one."""
    PAUSE = "pause"
    """A batch or campaign is paused, and resumed after a while."""
    WINDOW = "window"
    """The calling window of a campaign closes, and opens after a while."""
    SIGNAL = "signal"
    """An operator sends signals, wanted ones and nonsense."""
    APPEND = "append"
    SKIP = "skip"
    REQUEUE = "requeue"
    CANCEL = "cancel"
    CHANGE = "change"
    """Rules of a campaign or a batch are changed."""
    REPEAT = "repeat"
    """The same requests, several times at once, under the same keys."""


_LASTING = {
    Kind.FREEZE: (0.5, 5.0),
    Kind.SLOW: (2.0, 6.0),
    Kind.LOSSY: (2.0, 6.0),
    Kind.CUT: (0.0, 4.0),
    Kind.HOLE: (0.5, 5.0),
    Kind.WEBHOOKS: (2.0, 6.0),
    Kind.DISK: (1.0, 4.0),
    Kind.CLOCK: (3.0, 8.0),
    Kind.PAUSE: (0.5, 4.0),
    Kind.WINDOW: (1.0, 5.0),
}
"""Seconds that what lasts does so, at least and at most."""
_WEIGHTS = {Kind.KILL: 4, Kind.FREEZE: 4, Kind.DISK: 0.7, Kind.CANCEL: 0.7, Kind.WINDOW: 1.5, Kind.CLOCK: 1.5}
"""How often a kind is drawn, beside 2 for all others."""
_TARGETS: dict[Kind, Sequence[str]] = {
    Kind.KILL: PARTS,
    Kind.FREEZE: PARTS,
    Kind.SLOW: LINKS,
    Kind.LOSSY: LINKS,
    Kind.CUT: LINKS,
    Kind.HOLE: LINKS,
    Kind.WEBHOOKS: ("lost", "doubled", "shuffled", "late"),
    Kind.DISK: ("postgres",),
    Kind.CLOCK: CLOCKS,
    Kind.PAUSE: ("batch", "campaign"),
}
_WRONG_BY_SECONDS = (-86_400, -3_600, -200, -5, 5, 200, 3_600, 86_400)
_BETWEEN_BLOWS_SECONDS = (0.1, 1.5)


@dataclass(frozen=True, kw_only=True)
class Blow:
    """One thing that is done to the stack, or asked of it."""

    number: int
    kind: Kind
    target: str
    """A part, a line, a clock, or what befalls webhooks; empty for requests."""
    after: float
    """Seconds since the blow before began."""
    seconds: float
    """How long it lasts, 0 for what is done at once."""
    wrong_by: int
    """Seconds, of a clock."""
    seed: int
    """Of whatever else has to be chosen, such as who is skipped."""

    def __str__(self) -> str:
        words = [f"{self.number}. {self.kind}", self.target]
        words += [f"by {self.wrong_by:+d} s"] if self.kind is Kind.CLOCK else []
        words += [f"for {self.seconds:.1f} s"] if self.seconds else []
        return " ".join(filter(None, words))


def draw_blows(seed: int, number: int, kinds: Collection[Kind] = tuple(Kind)) -> Sequence[Blow]:
    """Return the blows of a seed. Another number or other kinds make it another storm."""
    ordered = [each for each in Kind if each in kinds]
    chance = Random(f"storm {seed}")
    return [_draw(chance, at, ordered) for at in range(1, number + 1)]


def _draw(chance: Random, number: int, kinds: Sequence[Kind]) -> Blow:
    [kind] = chance.choices(kinds, [_WEIGHTS.get(each, 2) for each in kinds])
    return Blow(
        number=number,
        kind=kind,
        target=chance.choice(_TARGETS.get(kind, ("",))),
        after=chance.uniform(*_BETWEEN_BLOWS_SECONDS),
        seconds=chance.uniform(*_LASTING[kind]) if kind in _LASTING else 0.0,
        wrong_by=chance.choice(_WRONG_BY_SECONDS),
        seed=chance.randrange(2**31),
    )
