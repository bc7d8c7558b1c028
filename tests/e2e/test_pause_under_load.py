"""A pause in the middle of a busy batch."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from console.ledger_check import faults
from tests.e2e.scenes import a_batch, a_campaign
from tests.e2e.world import House, a_fresh_house

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(480)]

CONTACTS, LIMIT = 150, 30
UNDER_WAY = timedelta(seconds=1)
"""A request that had left before the pause was answered is not recalled."""


@pytest.fixture
def house() -> Iterator[House]:
    with a_fresh_house() as opened:
        yield opened


def test_no_call_begins_while_a_busy_batch_is_paused_and_everybody_is_called_after_it(house: House) -> None:
    numbers = [f"+141555{number:03}55" for number in range(CONTACTS)]
    batch_id = a_batch(house, a_campaign(house), numbers, concurrency_limit=LIMIT)
    house.wait_for(lambda: house.finished(batch_id) >= CONTACTS // 5)

    house.api.act("batches", batch_id, "pause")
    paused_at = datetime.now(UTC)
    house.wait_for(lambda: sum(_live(house, batch_id)) == 0, 60)
    time.sleep(max(0, 3 - (datetime.now(UTC) - paused_at).total_seconds()))

    asked = [datetime.fromisoformat(str(each["at"])) for each in house.create_requests(batch_id)]
    assert max(asked) <= paused_at + UNDER_WAY
    held, source = house.counters(batch_id)
    assert source == "workflow"
    assert held == {**dict.fromkeys(held, 0), "completed": len(asked), "pending": CONTACTS - len(asked)}
    assert 0 < held["pending"] < CONTACTS

    house.api.act("batches", batch_id, "resume")
    house.wait_for_end(batch_id, 300)

    reckoning = house.reckoning(batch_id)
    assert faults(reckoning, contacts=CONTACTS, limit=LIMIT) == []
    assert (reckoning.contact_statuses, reckoning.rings) == ({"completed": CONTACTS}, CONTACTS)


def _live(house: House, batch_id: str) -> tuple[int, int]:
    counters, _ = house.counters(batch_id)
    return counters["dispatched"], counters["in_flight"]
