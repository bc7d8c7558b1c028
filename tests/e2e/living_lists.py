"""Contacts added to a batch at full speed, on a whole stack: `python -m tests.e2e.living_lists`.

Half of each request has `priority` 9. The database writes down every first grant, and whether somebody more
urgent was waiting then; the simulator's ledger tells who was called, and how often.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from tests.e2e.scenes import a_batch, a_campaign
from tests.e2e.world import World, a_fresh_world

URGENT = 9
_WATCH = """
CREATE TABLE watched_grants (granted_at timestamptz, urgent_position int);
CREATE FUNCTION watch_grant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO watched_grants
    SELECT NEW.granted_at, min(urgent.position)
    FROM contacts AS called JOIN contacts AS urgent
        ON urgent.batch_id = called.batch_id AND urgent.priority > called.priority
    WHERE called.contact_id = NEW.contact_id AND NEW.kind = 'initial' AND urgent.status = 'pending'
        AND NOT EXISTS (SELECT FROM slots WHERE slots.contact_id = urgent.contact_id)
    HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER watch_grant AFTER INSERT ON slots FOR EACH ROW EXECUTE FUNCTION watch_grant();
"""
_UNWATCH = "DROP TRIGGER watch_grant ON slots; DROP FUNCTION watch_grant(); DROP TABLE watched_grants"


@dataclass(frozen=True, kw_only=True)
class Appended:
    """What came of contacts that were added while others were called."""

    contacts: int
    """Of the batch, in the end."""
    not_called_once: int
    inversions: int
    """First grants although somebody more urgent waited whose request had been answered before."""
    already_under_way: int
    """The same before that answer."""
    looks: int
    inexact_looks: int
    """At counters that did not sum to the contacts, or were negative."""
    completed: int
    seconds: float


def numbers(first: int, count: int) -> Sequence[str]:
    """Return numbers of people who answer, which no other scene gives out."""
    return [f"+16282{each:04}55" for each in range(first, first + count)]


def append_at_full_speed(
    world: World, *, first: int, called: int, appends: int, contacts: int, limit: int
) -> Appended:
    """Call so many people, and add others request by request meanwhile, until all are done."""
    began_at = datetime.now(UTC)
    total = called + appends * contacts
    with _watched(world) as grants:
        people = numbers(first, called)
        batch_id = a_batch(world, a_campaign(world), people, concurrency_limit=limit, keep_open="true")
        looks, answered = [_look(world, batch_id)], {}
        for request in range(appends):
            added = numbers(first + called + request * contacts, contacts)
            body = {"contacts": [_contact(number, turn) for turn, number in enumerate(added)]}
            answer = world.ask("POST", f"/batches/{batch_id}/contacts", body)
            assert answer.status_code == 201, answer.text
            answered[called + request * contacts] = datetime.now(UTC)
            looks += [_look(world, batch_id) for _ in range(3)]
        world.ask("POST", f"/batches/{batch_id}/close").raise_for_status()
        world.wait_for(lambda: _is_over(world, batch_id, looks), 60 + total, every=0.5)
        late = [_is_late(at, position, answered) for at, position in grants()]
    asked = Counter(str(each["to"]) for each in world.create_requests(batch_id))
    everybody = numbers(first, total)
    return Appended(
        contacts=total,
        not_called_once=sum(asked[number] != 1 for number in everybody) + len(set(asked) - set(everybody)),
        inversions=sum(late),
        already_under_way=len(late) - sum(late),
        looks=len(looks),
        inexact_looks=looks.count(False),
        completed=world.counters(batch_id)[0]["completed"],
        seconds=round((datetime.now(UTC) - began_at).total_seconds(), 1),
    )


def _contact(number: str, turn: int) -> dict[str, object]:
    return {"phone_number": number, "priority": URGENT if turn % 2 else 0}


def _is_late(granted_at: datetime, position: int, answered: Mapping[int, datetime]) -> bool:
    """Tell whether the grant began after the answer to the request that brought whoever waited."""
    return granted_at > answered[max(first for first in answered if first < position)]


def _look(world: World, batch_id: str) -> bool:
    """Tell whether the counters are exact."""
    return _is_exact(world.ask("GET", f"/batches/{batch_id}").json())


def _is_exact(batch: Mapping[str, Any]) -> bool:
    counters = batch["counters"].values()
    return bool(sum(counters) == batch["total_contacts"] and min(counters) >= 0)


def _is_over(world: World, batch_id: str, looks: list[bool]) -> bool:
    batch = world.ask("GET", f"/batches/{batch_id}").json()
    looks.append(_is_exact(batch))
    return bool(batch["status"] == "completed")


@contextmanager
def _watched(world: World) -> Iterator["Grants"]:
    address = world.stack.database_url.replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(_WATCH)
        try:
            yield Grants(connection)
        finally:
            connection.execute(_UNWATCH)


class Grants:
    """First grants while somebody more urgent waited: when, and the first position of those who did."""

    def __init__(self, connection: "psycopg.Connection[tuple[datetime, int]]") -> None:
        self._connection = connection

    def __call__(self) -> Sequence[tuple[datetime, int]]:
        return self._connection.execute("SELECT granted_at, urgent_position FROM watched_grants").fetchall()


def main() -> None:
    """Run it once, as large as it is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.living_lists", description=__doc__)
    parser.add_argument("--called", type=int, default=500)
    parser.add_argument("--appends", type=int, default=10)
    parser.add_argument("--contacts", type=int, default=500)
    parser.add_argument("--limit", type=int, default=50)
    given = parser.parse_args()
    with a_fresh_world(talk_seconds=0) as world:
        print(append_at_full_speed(world, first=0, **vars(given)))  # noqa: T201


if __name__ == "__main__":
    main()
