"""What the store's tests share."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.store.scenes import House, Stores


@pytest.fixture
def stores(store_engine: AsyncEngine) -> Stores:
    """Every store on a fresh database."""
    return Stores.on(store_engine)


@pytest.fixture(params=["postgres", "memory"])
def house(request: pytest.FixtureRequest) -> House:
    """Every store twice: the real ones, and the fakes that other rooms are tested with."""
    if request.param == "memory":
        return House.in_memory()
    stores: Stores = request.getfixturevalue("stores")
    return stores
