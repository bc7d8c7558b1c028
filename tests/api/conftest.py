"""An API over fresh fakes for every test."""

from collections.abc import AsyncIterator

import pytest

from tests.api.world import World, build_world, shared_app
from tests.store.conftest import emptied_engine, session_engine, shared_engine

__all__ = ["emptied_engine", "session_engine", "shared_engine"]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """The API with unsigned webhooks allowed and no rate limit."""
    built = await build_world(app=shared_app())
    async with built.client:
        yield built


@pytest.fixture
async def unmetered_world() -> AsyncIterator[World]:
    """The same with an app that has served nobody yet."""
    built = await build_world()
    async with built.client:
        yield built
