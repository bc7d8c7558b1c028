"""What the store's tests share."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.store.scenes import Stores


@pytest.fixture
def stores(store_engine: AsyncEngine) -> Stores:
    """Every store on a fresh database."""
    return Stores.on(store_engine)
