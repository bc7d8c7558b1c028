"""New ids: a prefix and a ULID in lower case."""

import time
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Text, cast, func, literal
from ulid import ULIDGenerator

_NANOSECONDS_IN_MILLISECOND = 1_000_000
_TIME = 10
"""The characters of a ULID that tell the time."""


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


def minted(prefix: str) -> ColumnElement[str]:
    """Return a new id in each row of a statement, as an expression; those of one statement do not sort."""
    at = mint(prefix)[: len(prefix) + _TIME]
    hexadecimal = func.replace(cast(func.gen_random_uuid(), Text), "-", "")
    return (
        literal(at) + func.left(hexadecimal, 8) + func.right(hexadecimal, 8)
    )  # between them a UUID is not random
