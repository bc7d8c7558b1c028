"""New ids: a prefix and a ULID in lower case."""

import time
from dataclasses import dataclass, field

from ulid import ULIDGenerator

_NANOSECONDS_IN_MILLISECOND = 1_000_000


@dataclass
class _SteadyClock:
    """Milliseconds since 1970 that never run backwards, so that ids sort also across a clock correction."""

    latest: int = field(default=0, init=False)

    def __call__(self) -> int:
        self.latest = max(self.latest, time.time_ns() // _NANOSECONDS_IN_MILLISECOND)
        return self.latest


_generator = ULIDGenerator(clock=_SteadyClock())


def mint(prefix: str) -> str:
    """Return a new id; ids minted by one process sort in the order they were minted."""
    return prefix + str(_generator.generate()).lower()
