"""Dozens of calls whose final webhooks are lost, doubled and late by the dozen: all are settled, once."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import pytest

from console.ledger_check import faults
from domain.watchdog import MAX_SILENCE_GROWTH
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import SILENCE, World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(600)]

CONTACTS, LIMIT = 48, 24
NUMBERS = [f"+1415555{number:04}" for number in range(10_000) if number % 100 > 22][:CONTACTS]
"""Past 22 the last two digits stand for nothing but an answered call."""
LATE = timedelta(seconds=4)
"""Longer than the silence after which the provider is asked."""
SHARES = (
    *("--lost-share", "0.2", "--doubled-share", "0.15", "--late-share", "0.15"),
    *("--late-seconds", str(LATE.total_seconds()), "--seed", "7"),
)
STRUCK = {None: 19, "final_lost": 10, "final_doubled": 9, "final_late": 10}
"""What the seed makes of the numbers."""
WEBHOOKS_OF_A_CALL = 3
LONGEST_SILENCE = SILENCE * MAX_SILENCE_GROWTH
MARGIN = timedelta(seconds=15)
"""For a machine that is busy with dozens of calls."""

ENDINGS = """
    SELECT execution_id, source, received_at FROM call_events JOIN calls USING (execution_id)
    WHERE batch_id = %s AND call_events.call_status = 'completed' ORDER BY event_number
"""


@dataclass(frozen=True)
class HeardOf:
    """How and when Apollo learnt that a call had ended."""

    source: str
    received_at: datetime


@dataclass(frozen=True)
class Call:
    """One call: what the simulator did to its final webhook, and what Apollo heard."""

    fault: str | None
    ended_at: datetime
    heard: Sequence[HeardOf]

    def delays(self, source: str) -> list[timedelta]:
        """Return how long after the end each word of it came."""
        return [each.received_at - self.ended_at for each in self.heard if each.source == source]


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent(simulator_arguments=SHARES) as opened:
        yield opened


def endings_heard_of(world: World, batch_id: str) -> Mapping[str, Sequence[HeardOf]]:
    """Return the stored endings by attempt; the API shows calls and not how they were learnt of."""
    url = (world.stack.plan.settings.data_dir / "database-url").read_text(encoding="utf-8").strip()
    heard = defaultdict(list)
    with psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:", 1)) as connection:
        for execution_id, source, received_at in connection.execute(ENDINGS, [batch_id]):
            heard[execution_id].append(HeardOf(source, received_at))
    return heard


def read_calls(world: World, batch_id: str) -> list[Call]:
    heard = endings_heard_of(world, batch_id)
    return [
        Call(
            ring["webhook_fault"],
            datetime.fromisoformat(ring["ended_at"]),
            heard.get(ring["execution_id"], ()),
        )
        for ring in world.rings()
    ]


def test_dozens_of_calls_settle_once_each_though_webhooks_are_lost_doubled_and_late(world: World) -> None:
    batch_id = world.call_everybody(NUMBERS, limit=LIMIT)
    world.wait_for_end(batch_id, 400, every=1)
    sent = WEBHOOKS_OF_A_CALL * CONTACTS - STRUCK["final_lost"] + STRUCK["final_doubled"]
    world.wait_for(lambda: world.ledger()["webhooks"]["sent"] >= sent, LATE.total_seconds() + 10)

    reckoning = world.reckoning(batch_id)
    assert faults(reckoning, contacts=CONTACTS, limit=LIMIT) == []
    assert (reckoning.contact_statuses, reckoning.attempts) == ({"completed": CONTACTS}, CONTACTS)
    assert Counter(ring["to"] for ring in world.rings()) == dict.fromkeys(NUMBERS, 1)
    webhooks = world.ledger()["webhooks"]
    assert (webhooks["sent"], webhooks["given_up"]) == (sent, 0)

    calls = read_calls(world, batch_id)
    assert Counter(call.fault for call in calls) == STRUCK
    lost = [call for call in calls if call.fault == "final_lost"]
    assert {tuple(each.source for each in call.heard) for call in lost} == {("poll",)}
    assert max(delay for call in lost for delay in call.delays("poll")) <= LONGEST_SILENCE + MARGIN
    others = [call for call in calls if call.fault != "final_lost"]
    assert {len(call.delays("webhook")) for call in others} == {1}
    late = [call for call in calls if call.fault == "final_late"]
    assert min(delay for call in late for delay in call.delays("webhook")) >= LATE
