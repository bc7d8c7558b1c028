"""Which tests make up the unit tier, and a watch that none of them starts a server of any kind."""

import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

ABOVE_UNITS = ("e2e", "server", "store", "process")
"""The marks of what starts something, slowest first; a test without one of them is a unit test."""

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
    """Return how early a test is run: what takes long begins first, so that nothing long comes last."""
    marks = {mark.name for mark in item.iter_markers()}
    return next((rank for rank, name in enumerate(ABOVE_UNITS) if name in marks), len(ABOVE_UNITS))
