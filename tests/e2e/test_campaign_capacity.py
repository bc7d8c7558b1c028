"""A campaign's limit over all its batches, by the simulator's ledger."""

from collections.abc import Iterator
from functools import partial
from itertools import count

import pytest

from console.ledger_check import faults
from tests.e2e.scenes import a_batch, a_campaign
from tests.e2e.world import House, a_fresh_house

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(600)]

LIMIT, OWN_LIMIT = 15, 10
SIZES = {"small": 30, "middle": 60, "large": 90}
_people = count(10_000)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with a_fresh_house(talk_seconds=3) as opened:
        yield opened


def people(number: int) -> list[str]:
    """Return so many numbers that answer and were never given before."""
    return [f"+1415{next(_people):05}55" for _ in range(number)]


def a_capped_campaign(house: House, limit: int = LIMIT) -> str:
    """Create a campaign whose batches share so many slots."""
    return a_campaign(house, metadata={"concurrency_limit": limit})


def test_three_batches_share_their_campaigns_limit_though_the_worker_is_killed_twice(house: House) -> None:
    campaign = a_capped_campaign(house)
    batches = {
        name: a_batch(house, campaign, people(size), concurrency_limit=OWN_LIMIT)
        for name, size in SIZES.items()
    }
    for done in (10, 20):
        house.wait_for(partial(_has_finished, house, batches["small"], done))
        house.kill("worker")
        house.start_worker()

    house.wait_for_end(batches["small"], every=0.5)
    assert all(house.finished(batches[name]) < SIZES[name] for name in ("middle", "large"))
    for batch_id in batches.values():
        house.wait_for_end(batch_id, 400, every=1)

    reckoning = house.reckoning(*batches.values())
    assert faults(reckoning, contacts=sum(SIZES.values()), limit=LIMIT) == []
    assert reckoning.peak_live >= LIMIT - 1


def test_slots_of_a_batch_that_was_terminated_come_back_while_its_calls_go_on(house: House) -> None:
    house.empty_ledger()
    campaign = a_capped_campaign(house, 4)
    dead = a_batch(house, campaign, people(12), concurrency_limit=4)
    house.wait_for(partial(_has_finished, house, dead, 4))
    assert house.temporal("terminate", "-w", f"batch/{dead}").returncode == 0

    heir = a_batch(house, campaign, people(8), concurrency_limit=4)

    house.wait_for_end(heir)
    assert house.ledger()["peak_live"] <= 4
    assert house.api.batch(dead)["status"] == "in_progress"
    house.ask("POST", f"/batches/{dead}/dispatch")
    house.wait_for_end(dead)
    assert faults(house.reckoning(dead, heir), contacts=20, limit=4) == []


def _has_finished(house: House, batch_id: str, count: int) -> bool:
    return house.finished(batch_id) >= count
