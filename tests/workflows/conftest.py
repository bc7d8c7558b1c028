"""A fresh server per test: the clock of a time-skipping server is global, and so are its scars."""

from collections.abc import AsyncIterator

import pytest

from tests.workflows.world import World, a_real_server, a_skipping_server, a_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Workers, fakes and a clock that skips."""
    async with a_world(await a_skipping_server()) as opened:
        yield opened


@pytest.fixture
async def live_world() -> AsyncIterator[World]:
    """The same on a real server, in real time."""
    async with a_world(await a_real_server()) as opened:
        yield opened
