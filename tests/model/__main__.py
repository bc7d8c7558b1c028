"""The contract's model, far longer than in `make test`: `python -m tests.model --seed 1 --walks 100`."""

import argparse
import logging
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from embedded.postgres import EmbeddedPostgres
from store.migrations import upgrade
from tests.model.machine import ContractMachine, walk
from tests.model.world import World


def main() -> int:
    """Try many orders of requests; the smallest that fails is printed."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=30)
    parser.add_argument("--walks", type=int, default=30, help="at random, before the examples")
    parser.add_argument("--steps", type=int, default=60, help="in each example, at most")
    parser.add_argument("--no-shrink", action="store_true", help="print a failure as it is")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    began = time.monotonic()
    long = settings(
        max_examples=given.examples,
        stateful_step_count=given.steps,
        deadline=None,
        database=None,
        phases=[Phase.generate] if given.no_shrink else [Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # under root the server runs as another user
        server = EmbeddedPostgres(Path(folder) / "data", durable=False)
        server.start()
        try:
            server.create_database("model")
            upgrade(server.url("model"))
            with closing(World(server.url("model"))) as world:
                machine = seed(given.seed)(type("Contract", (ContractMachine,), {"world": world}))
                for turn in range(given.walks):
                    walk(world, 1000 * given.seed + turn, given.steps)
                run_state_machine_as_test(machine, settings=long)
        finally:
            server.stop()
    agreed = f"{given.walks} walks and {given.examples} examples agree"
    print(f"seed {given.seed}: {agreed}, {time.monotonic() - began:.0f} s")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
