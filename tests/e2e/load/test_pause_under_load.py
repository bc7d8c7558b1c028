"""A pause in the middle of a busy batch."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from console.ledger_check import faults
from tests.e2e.scenes import a_batch, a_campaign
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(480)]

CONTACTS, LIMIT = 45, 12
UNDER_WAY = timedelta(seconds=1)
"""A request that had left before the pause was answered is not recalled."""


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent() as opened:
        yield opened


def test_no_call_begins_while_a_busy_batch_is_paused_and_everybody_is_called_after_it(world: World) -> None:
    numbers = [f"+141555{number:03}55" for number in range(CONTACTS)]
    batch_id = a_batch(world, a_campaign(world), numbers, concurrency_limit=LIMIT)
    world.wait_for(lambda: world.finished(batch_id) >= CONTACTS // 5)

    world.api.act("batches", batch_id, "pause")
    paused_at = datetime.now(UTC)
    world.wait_for(lambda: sum(_live(world, batch_id)) == 0, 60)
    time.sleep(max(0, 3 - (datetime.now(UTC) - paused_at).total_seconds()))

    asked = [datetime.fromisoformat(str(each["at"])) for each in world.create_requests(batch_id)]
    assert max(asked) <= paused_at + UNDER_WAY
    held = world.live_counters(batch_id)
    assert held == {**dict.fromkeys(held, 0), "completed": len(asked), "pending": CONTACTS - len(asked)}
    assert 0 < held["pending"] < CONTACTS

    world.api.act("batches", batch_id, "resume")
    world.wait_for_end(batch_id, 300)

    reckoning = world.reckoning(batch_id)
    assert faults(reckoning, contacts=CONTACTS, limit=LIMIT) == []
    assert (reckoning.contact_statuses, reckoning.rings) == ({"completed": CONTACTS}, CONTACTS)


def _live(world: World, batch_id: str) -> tuple[int, int]:
    counters, _ = world.counters(batch_id)
    return counters["dispatched"], counters["in_flight"]
