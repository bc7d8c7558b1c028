"""The relay over the real store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from api.webhooks.direct_delivery import DirectDelivery
from api.webhooks.relay import GRACE, PAGE, Relay
from domain.call import CallStatus
from domain.errors import EngineUnavailable
from domain.ports import Backlog
from observability.metrics import Telemetry
from tests import fakes
from tests.api.house import House
from tests.store.scenes import Stores

pytestmark = pytest.mark.store


async def test_backlog_of_several_pages_survives_an_outage_and_is_delivered_in_order(
    house: House, store_engine: AsyncEngine
) -> None:
    stores, engine = Stores.on(store_engine), fakes.FakeEngine(is_down=True)
    records = [
        await stores.claimed(person) for person in await stores.people_of(await stores.a_kept_batch(PAGE + 5))
    ]
    for record in records:
        await stores.hears(record, CallStatus.RINGING, CallStatus.BUSY)
    clock = fakes.FakeClock(datetime.now(UTC) + GRACE + timedelta(seconds=1))
    parts = replace(house.parts, calls=stores.calls, engine=engine, clock=clock)
    relay = Relay(parts, Telemetry(), DirectDelivery())
    with pytest.raises(EngineUnavailable):
        await relay.relay()
    assert (await stores.calls.backlog()).events == PAGE + 5
    engine.is_down = False

    assert await relay.relay() is False

    told = [each.execution_id for each in engine.delivered]
    expected = [each.execution_id for each in records]
    assert (set(told), len(told)) == (set(expected), PAGE + 5)
    assert set(told[:PAGE]) == set(expected[:PAGE])
    assert await stores.calls.backlog() == Backlog(events=0, oldest_at=None)
