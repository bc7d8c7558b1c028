"""A campaign's limit over all its batches, by the simulator's ledger."""

from collections.abc import Iterator
from functools import partial
from itertools import count

import pytest

from console.ledger_check import faults
from tests.e2e.scenes import a_batch, a_campaign
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(600)]

LIMIT, OWN_LIMIT = 9, 6
SIZES = {"small": 8, "middle": 16, "large": 24}
_people = count(10_000)


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent(talk_seconds=2) as opened:
        yield opened


def people(number: int) -> list[str]:
    """Return so many numbers that answer and were never given before."""
    return [f"+1415{next(_people):05}55" for _ in range(number)]


def a_capped_campaign(world: World, limit: int = LIMIT) -> str:
    """Create a campaign whose batches share so many slots."""
    return a_campaign(world, metadata={"concurrency_limit": limit})


def test_three_batches_share_their_campaigns_limit_though_the_worker_is_killed_twice(world: World) -> None:
    campaign = a_capped_campaign(world)
    batches = {
        name: a_batch(world, campaign, people(size), concurrency_limit=OWN_LIMIT)
        for name, size in SIZES.items()
    }
    for done in (2, 4):
        world.wait_for(partial(_has_finished, world, batches["small"], done))
        world.kill("worker")
        world.start_worker()

    world.wait_for_end(batches["small"], every=0.5)
    assert all(world.finished(batches[name]) < SIZES[name] for name in ("middle", "large"))
    for batch_id in batches.values():
        world.wait_for_end(batch_id, 400, every=1)

    reckoning = world.reckoning(*batches.values())
    assert faults(reckoning, contacts=sum(SIZES.values()), limit=LIMIT) == []
    assert reckoning.peak_live >= LIMIT - 1


def test_slots_of_a_batch_that_was_terminated_come_back_while_its_calls_go_on(world: World) -> None:
    world.empty_ledger()
    campaign = a_capped_campaign(world, 4)
    dead = a_batch(world, campaign, people(12), concurrency_limit=4)
    world.wait_for(partial(_has_finished, world, dead, 4))
    assert world.temporal("terminate", "-w", f"batch/{dead}").returncode == 0

    heir = a_batch(world, campaign, people(8), concurrency_limit=4)

    world.wait_for_end(heir)
    assert world.ledger()["peak_live"] <= 4
    assert world.api.batch(dead)["status"] == "in_progress"
    world.ask("POST", f"/batches/{dead}/dispatch")
    world.wait_for_end(dead)
    assert faults(world.reckoning(dead, heir), contacts=20, limit=4) == []


def _has_finished(world: World, batch_id: str, count: int) -> bool:
    return world.finished(batch_id) >= count
