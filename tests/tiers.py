"""Which tests make up the unit tier, a watch that none of them starts a server, and the order of all."""

import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

ABOVE_UNITS = ("e2e", "server", "store", "process")
"""The marks of what starts something, slowest first; a test without one of them is a unit test."""

_WEIGHTS = (0, 30, 5, 20, 1)
"""About how long a test takes, by its tier; stacks are placed among the others."""
_STACKS_END_AT = 0.85
"""The last stack begins when so much of the others has begun."""
_STARTS = {"subprocess.Popen": "a process", "socket.bind": "a listening socket"}


class Watch:
    """Fails the unit test that is running as soon as it starts a process or a server."""

    def __init__(self) -> None:
        self._unit: str | None = None

    def begin(self, item: pytest.Item) -> None:
        """Watch a test from its set-up to its tear-down."""
        self._unit = item.nodeid if tier(item) == len(ABOVE_UNITS) else None

    def end(self) -> None:
        """Watch nobody."""
        self._unit = None

    def refuse(self, started: str) -> None:
        """Fail the unit test that runs now."""
        if self._unit is not None:
            pytest.fail(f"{self._unit} starts {started}: mark it as one of {', '.join(ABOVE_UNITS)}")

    def install(self) -> None:
        """Hear of every process and socket of this interpreter, and of Temporal's servers."""
        sys.addaudithook(lambda event, _: self.refuse(_STARTS[event]) if event in _STARTS else None)
        for name in ("start_local", "start_time_skipping"):
            setattr(WorkflowEnvironment, name, self._refusing(getattr(WorkflowEnvironment, name)))

    def _refusing(self, start: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @wraps(start)
        async def watched(*args: Any, **options: Any) -> Any:
            self.refuse("a Temporal server")
            return await start(*args, **options)

        return watched


def tier(item: pytest.Item) -> int:
    """Return how slow a test is by what it may start, 0 being the slowest."""
    marks = {mark.name for mark in item.iter_markers()}
    return next((rank for rank, name in enumerate(ABOVE_UNITS) if name in marks), len(ABOVE_UNITS))


def together(file: Path) -> Path:
    """Return what one process runs whole: a file, or its folder where that shares a stack."""
    return file.parent if file.parents[1].name == "e2e" else file


def spread(items: Iterable[pytest.Item]) -> Sequence[pytest.Item]:
    """Order tests file by file: files with whole stacks evenly among the others, which begin with the slow.

    Stacks side by side starve each other, and one that comes last is waited for by nobody but itself.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(together(item.path), []).append(item)
    stacks = sorted((each for each in files.values() if tier(each[0]) == 0), key=_size, reverse=True)
    others = sorted((each for each in files.values() if tier(each[0]) > 0), key=lambda each: tier(each[0]))
    whole = sum(map(_weight, others))
    placed, passed = 0, 0
    ordered: list[pytest.Item] = []
    for file in others:
        while placed < len(stacks) and passed * len(stacks) >= placed * whole * _STACKS_END_AT:
            ordered += stacks[placed]
            placed += 1
        ordered += file
        passed += _weight(file)
    return [*ordered, *(item for file in stacks[placed:] for item in file)]


def _size(file: Sequence[pytest.Item]) -> tuple[int, int]:
    """Return how much is run together: folders are longer than files."""
    return len({item.path for item in file}), len(file)


def _weight(file: Sequence[pytest.Item]) -> int:
    return sum(_WEIGHTS[tier(item)] for item in file)
