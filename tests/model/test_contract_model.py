"""Whatever is asked in whatever order, the API does what a small model of the contract says."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from embedded.postgres import EmbeddedPostgres
from tests.conftest import a_database
from tests.model.machine import ContractMachine, walk
from tests.model.world import House

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
def house(postgres: EmbeddedPostgres) -> Iterator[House]:
    with a_database(postgres) as address, closing(House(address)) as opened:
        yield opened


def test_examples_agree_with_the_contract_at_every_step(house: House) -> None:
    machine = type("Contract", (ContractMachine,), {"house": house})
    run_state_machine_as_test(machine, settings=QUICK)


@pytest.mark.parametrize("seed", [1, 2])
def test_statuses_counters_and_refusals_of_a_long_walk_agree_with_the_contract_at_every_step(
    house: House, seed: int
) -> None:
    walk(house, seed, 50)
