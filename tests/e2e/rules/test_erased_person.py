"""A person is erased while others are called: no number or name is left anywhere, and no count moves."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql
from temporalio.client import Client

from tests.e2e.scenes import a_campaign, ahead, fresh_numbers
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(240)]

NAME = "Ines Moreau"
DEAF = "http://127.0.0.1:9/"
"""Nobody listens there, so everything stays undelivered."""


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent(talk_seconds=3) as opened:
        yield opened


def called(world: World, campaign_id: str, number: str, **upload: object) -> str:
    """Start a batch of the person and of somebody else, and return its id."""
    person = {"phone_number": number, "external_id": NAME, "call_variables": {"callee_name": NAME}}
    others = [{"phone_number": each} for each in fresh_numbers("55")]
    body = {"campaign_id": campaign_id, "contacts": [person, *others], **upload}
    answer = world.ask("POST", "/batches/", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["batch_id"])


def rows_of(world: World) -> Iterator[bytes]:
    """Yield every row of every table."""
    database_url = str(world.stack.database_url).replace("+psycopg", "")
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            every = sql.SQL("SELECT CAST(t AS text) FROM {} t").format(sql.Identifier(table))
            yield from (str(row[0]).encode() for row in connection.execute(every))


def logs_of(world: World) -> Iterator[bytes]:
    """Yield what Apollo's own processes logged; the simulator plays the telephones."""
    for path in world.stack.plan.log_dir.iterdir():
        if "simulator" not in path.name:
            yield path.read_bytes()


async def histories_since(world: World, began_at: datetime) -> list[bytes]:
    """Return every event of every workflow that has run since then, and what is listed of each."""
    client = await Client.connect(world.stack.temporal_address)
    told: list[bytes] = []
    query = f"StartTime >= '{began_at.isoformat()}' OR ExecutionStatus = 'Running'"
    async for listed in client.list_workflows(query):
        told.append(listed.raw_info.SerializeToString())
        handle = client.get_workflow_handle(listed.id, run_id=listed.run_id)
        told += [event.SerializeToString() async for event in handle.fetch_history_events()]
    return told


def found_in(told: Iterable[bytes], number: str) -> Counter[str]:
    """Count where the person stands."""
    traces = (number[1:], NAME)
    return Counter(trace for each in told for trace in traces if trace.encode() in each)


async def test_neither_number_nor_name_is_left_in_database_logs_or_histories(world: World) -> None:
    """Who was called before, is on the phone, waits in two batches, and is in events nobody has taken."""
    (number,) = fresh_numbers("56")
    began_at = datetime.now(UTC)
    world.api.create_webhook_endpoint({"url": DEAF})
    campaign_id = a_campaign(world)
    before = called(world, campaign_id, number)
    world.wait_for_end(before)
    waits = [called(world, campaign_id, number, scheduled_start=ahead(days=1)) for _ in range(2)]
    talks = called(world, campaign_id, number)
    world.wait_for(lambda: world.contacts(talks)[0]["status"] == "in_progress", 20)
    assert found_in(rows_of(world), number)[NAME] > 5
    counters = world.counters(before)[0]

    answer = world.ask("POST", "/erasures", {"phone_number": number})
    told = answer.json()
    during = world.contacts(talks)[0]
    world.wait_for_end(talks)
    world.wait_for(lambda: not found_in(rows_of(world), number), 20, every=0.5)

    assert (answer.status_code, told["contacts"], told["calls"]) == (200, 4, 2)
    assert told["events"] > 0
    assert during["status"] == "in_progress"
    assert world.contacts(talks)[0]["status"] == "completed"
    assert [world.contacts(each)[0]["skip_reason"] for each in waits] == ["erased", "erased"]
    assert world.counters(before)[0] == counters
    assert found_in(logs_of(world), number) == {}
    histories = await histories_since(world, began_at)
    assert len(histories) > 50
    assert found_in(histories, number) == {}
    assert len([each for each in world.rings() if each["to"] == number]) == 2
