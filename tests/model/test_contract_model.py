"""Whatever is asked in whatever order, the API does what a small model of the contract says."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.house import House
from tests.model.machine import ContractMachine

pytestmark = pytest.mark.store

QUICK = settings(
    max_examples=6,
    stateful_step_count=30,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # the steps are printed as they are: to shrink them takes minutes
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    opened = House(database_url)
    yield opened
    opened.close()


def test_statuses_counters_and_refusals_agree_with_the_contract_at_every_step(house: House) -> None:
    machine = type("Contract", (ContractMachine,), {"house": house})
    run_state_machine_as_test(machine, settings=QUICK)
