"""Whatever is asked in whatever order, the API does what a small model of the contract says."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from embedded.postgres import EmbeddedPostgres
from tests.conftest import a_database
from tests.model.machine import ContractMachine, walk
from tests.model.world import World

pytestmark = pytest.mark.store

QUICK = settings(
    max_examples=3,
    stateful_step_count=15,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # the steps are printed as they are: to shrink them takes minutes
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres) -> Iterator[World]:
    with a_database(postgres) as address, closing(World(address)) as opened:
        yield opened


def test_examples_agree_with_the_contract_at_every_step(world: World) -> None:
    machine = type("Contract", (ContractMachine,), {"world": world})
    run_state_machine_as_test(machine, settings=QUICK)


@pytest.mark.parametrize("seed", [1, 2])
def test_statuses_counters_and_refusals_of_a_long_walk_agree_with_the_contract_at_every_step(
    world: World, seed: int
) -> None:
    walk(world, seed, 50)
