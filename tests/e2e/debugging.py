"""What `debug` says of a batch, asked over HTTP, and rows moved by hand so that nobody waits for time."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import create_engine, text

from console.ledger_check import faults
from tests.e2e.world import World

ANSWER_SECONDS = 3
"""The answer comes within so many seconds, whatever the state."""


def debug(world: World, batch_id: str) -> dict[str, Any]:
    """Ask why a batch does not dial."""
    began = time.monotonic()
    answer = world.ask("GET", f"/batches/{batch_id}/debug")
    assert (answer.status_code, time.monotonic() - began < ANSWER_SECONDS) == (200, True)
    body: dict[str, Any] = answer.json()
    return body


def diagnosis(world: World, batch_id: str) -> str:
    """Return the code alone."""
    return str(debug(world, batch_id)["diagnosis"])


def statuses(told: Mapping[str, Any]) -> dict[str, int]:
    """Return how many contacts stand where, without the statuses nobody is in."""
    shares = told["status_breakdown"].items()
    return {status: share["count"] for status, share in shares if share["count"]}


def assert_everybody_was_called_once(
    world: World, batch_id: str, numbers: Sequence[str], *, limit: int
) -> None:
    """Hold the batch against the ledger, which tells of every ring since it was last emptied."""
    assert faults(world.reckoning(batch_id), contacts=len(numbers), limit=limit) == []
    rings = Counter(ring["to"] for ring in world.rings())
    assert {number: rings[number] for number in numbers} == dict.fromkeys(numbers, 1)


def change_rows(world: World, statement: str, **values: object) -> int:
    """Change rows behind everybody's back and return how many; nobody is told of it."""
    engine = create_engine(world.stack.database_url)
    try:
        with engine.begin() as connection:
            return connection.execute(text(statement), values).rowcount
    finally:
        engine.dispose()


def let_an_hour_pass(world: World, batch_id: str) -> None:
    """Make the contacts of a batch look as if nothing had happened to them for an hour."""
    moved = "UPDATE contacts SET updated_at = updated_at - interval '1 hour' WHERE batch_id = :batch_id"
    assert change_rows(world, moved, batch_id=batch_id) > 0
