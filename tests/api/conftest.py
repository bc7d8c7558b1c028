"""An API over fresh fakes for every test."""

from collections.abc import AsyncIterator

import pytest

from tests.api.world import House, build_house, shared_app


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """The API with unsigned webhooks allowed and no rate limit."""
    built = await build_house(app=shared_app())
    async with built.client:
        yield built


@pytest.fixture
async def unmetered_house() -> AsyncIterator[House]:
    """The same with an app that has served nobody yet."""
    built = await build_house()
    async with built.client:
        yield built
