"""A fresh server per test: the clock of a time-skipping server is global, and so are its scars."""

from collections.abc import AsyncIterator

import pytest

from tests.workflows.world import World, a_real_server, a_skipping_server, a_world
from workflows.batch import limits


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Workers, fakes and a clock that skips; a batch keeps to one run, or the server loses its clock."""
    monkeypatch.setattr(limits, "EVENTS_PER_RUN", 10_000)
    async with a_world(await a_skipping_server()) as opened:
        yield opened


@pytest.fixture
async def live_world() -> AsyncIterator[World]:
    """The same on a real server, in real time."""
    async with a_world(await a_real_server()) as opened:
        yield opened
