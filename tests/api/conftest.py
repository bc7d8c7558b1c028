"""A fresh API over fakes for every test."""

from collections.abc import AsyncIterator

import pytest

from tests.api.house import House, build_house


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """The API with unsigned webhooks allowed and no rate limit."""
    built = await build_house()
    async with built.client:
        yield built
