"""A client's server hears of everything that happens, as REST shows it, also when the worker is killed."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from console.webhook_listener import a_listener
from tests.e2e.world import World, a_fresh_world

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(240)]

WRONG_NUMBER = "+14155559919"
"""Its agent reports so while the call is live."""
NUMBERS = [WRONG_NUMBER, *(f"+1415555{number:02}50" for number in range(20))]
"""All of them answer."""
PATIENCE_SECONDS = 60
"""A claim of the killed worker lapses after twenty."""

Line = Sequence[str]


@contextmanager
def listening(world: World) -> Iterator[list[Line]]:
    """An endpoint for every event on this machine, and what it was posted."""
    lines: list[Line] = []
    secret = [""]
    with a_listener(0, lambda: secret[0], lines.append) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            made = world.api.create_webhook_endpoint({"url": f"http://127.0.0.1:{server.server_port}/"})
            secret[0] = str(made["secret"])
            yield lines
        finally:
            server.shutdown()
            thread.join()


def told(lines: Sequence[Line], event: str) -> dict[str, dict[str, object]]:
    """What was told of an event, by the id of the post."""
    return {event_id: json.loads(data) for _, event_id, kind, _, data in lines if kind == event}


def test_every_event_of_a_batch_arrives_although_the_worker_is_killed() -> None:
    with a_fresh_world() as world, listening(world) as lines:
        batch_id = world.call_everybody(NUMBERS, limit=5)
        world.wait_for(lambda: len(told(lines, "call.ended")) >= 5, PATIENCE_SECONDS)
        world.kill("worker")
        world.start_worker()
        world.wait_for_end(batch_id, every=0.5)
        world.wait_for(lambda: len(told(lines, "contact.finished")) == len(NUMBERS), PATIENCE_SECONDS)
        world.wait_for(lambda: len(told(lines, "batch.completed")) == 1, PATIENCE_SECONDS)
        world.wait_for(lambda: not list(_pending(world)), PATIENCE_SECONDS)

        people = {str(each.pop("contact_id")): each for each in map(dict, world.contacts(batch_id))}
        finished = {str(each.pop("contact_id")): each for each in told(lines, "contact.finished").values()}
        calls = {str(each["execution_id"]) for each in told(lines, "call.ended").values()}
        records = [record for each in people.values() for record in _records(each.pop("call_records"))]
        reported = {str(each["execution_id"]): each for each in told(lines, "call.disposition").values()}
        assert {line[3] for line in lines} == {"verified"}
        assert finished == people
        assert calls == {str(record["execution_id"]) for record in records}
        assert {execution_id: each["disposition"] for execution_id, each in reported.items()} == {
            str(record["execution_id"]): "wrong_number" for record in records if record["disposition"]
        }
        assert len(reported) == 1
        assert list(told(lines, "batch.completed").values()) == [world.api.batch(batch_id)]
        assert len(told(lines, "batch.started")) == 1
        started, completed = (min(told(lines, f"batch.{each}")) for each in ("started", "completed"))
        assert started < min(told(lines, "call.ended")) < completed


def _records(listed: object) -> list[dict[str, object]]:
    assert isinstance(listed, list)
    return listed


def _pending(world: World) -> Iterator[object]:
    return world.api.webhook_deliveries(endpoint_id=None, states=["pending"], types=())
