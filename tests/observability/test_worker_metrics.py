"""What a worker counts: each call under few labels, dials by their answer, how its circuit stands."""

import asyncio
from collections.abc import Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from domain.breaker import BreakerState
from domain.call import OUTCOME_OF, CallStatus
from domain.disposition import AnsweredBy
from domain.telephony import Accepted, Ambiguous
from observability.pools import DatabasePools
from observability.worker_metrics import WorkerTelemetry, keep_ranking
from tests.builders import a_call_record
from tests.fakes import FakeDispositionStore, Tables

Labels = tuple[str, ...]


def told(registry: CollectorRegistry, name: str) -> dict[Labels, float]:
    """Return the samples of one name, by the values of their labels in the order of the labels' names."""
    return {
        tuple(value for _, value in sorted(each.labels.items())): each.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for each in family.samples
        if each.name == name
    }


def counted(telemetry: WorkerTelemetry) -> dict[Labels, float]:
    """Return the calls that were counted."""
    return {
        labels: calls for labels, calls in told(telemetry.registry, "apollo_calls_total").items() if calls
    }


class RankedDispositions(FakeDispositionStore):
    """Knows which dispositions are frequent, and when it was asked."""

    def __init__(self) -> None:
        super().__init__(Tables())
        self.asked = asyncio.Event()

    async def most_frequent(self, limit: int) -> Sequence[str]:
        self.asked.set()
        return ["interested"]


def settle(telemetry: WorkerTelemetry, *dispositions: str | None) -> None:
    for each in dispositions:
        call = a_call_record(call_status=CallStatus.COMPLETED, answered_by=AnsweredBy.HUMAN, disposition=each)
        telemetry.call_settled(call)


def test_every_ending_is_told_before_the_first_call_ends_so() -> None:
    """The alert on calls that end unknown looks at how their counter rises."""
    told_at_first = told(WorkerTelemetry().registry, "apollo_calls_total")

    assert told_at_first == {("none", "none", str(ending)): 0 for ending in OUTCOME_OF}


async def test_calls_are_counted_by_outcome_answerer_and_disposition() -> None:
    telemetry = WorkerTelemetry()
    telemetry.dispositions_ranked(["interested"])

    settle(telemetry, "interested", "interested", None)
    telemetry.call_settled(a_call_record(call_status=CallStatus.BUSY))

    assert counted(telemetry) == {
        ("human", "interested", "completed"): 2,
        ("human", "none", "completed"): 1,
        ("none", "none", "busy"): 1,
    }


async def test_disposition_that_is_not_among_the_frequent_ones_makes_no_label() -> None:
    telemetry = WorkerTelemetry()
    telemetry.dispositions_ranked(["interested"])

    settle(telemetry, *(f"typed {number}" for number in range(50)))

    assert counted(telemetry) == {("human", "other", "completed"): 50}


async def test_ranking_is_read_before_the_first_call_is_counted() -> None:
    telemetry, dispositions = WorkerTelemetry(), RankedDispositions()
    ranking = asyncio.create_task(keep_ranking(dispositions, telemetry))
    await dispositions.asked.wait()
    await asyncio.sleep(0)

    settle(telemetry, "interested")
    ranking.cancel()

    assert counted(telemetry) == {("human", "interested", "completed"): 1}


async def test_former_ranking_stays_while_the_database_is_down() -> None:
    telemetry, tables = WorkerTelemetry(), Tables(is_down=True)
    telemetry.dispositions_ranked(["interested"])
    ranking = asyncio.create_task(keep_ranking(FakeDispositionStore(tables), telemetry))
    await asyncio.sleep(0.01)
    assert not ranking.done()
    ranking.cancel()

    settle(telemetry, "interested")

    assert counted(telemetry) == {("human", "interested", "completed"): 1}


async def test_dials_are_timed_by_their_answer() -> None:
    telemetry = WorkerTelemetry()

    telemetry.dial_answered(Accepted(provider_call_id="call-1"), 0.2)
    telemetry.dial_answered(Ambiguous("no answer"), 12)

    assert told(telemetry.registry, "apollo_dial_duration_seconds_sum") == {
        ("accepted",): 0.2,
        ("ambiguous",): 12,
    }


async def test_circuit_is_in_one_state_whenever_it_is_asked_for() -> None:
    telemetry, states = WorkerTelemetry(), [BreakerState.CLOSED]
    telemetry.watch_circuit("rotary", lambda: states[-1])
    before = told(telemetry.registry, "apollo_provider_circuit")
    states.append(BreakerState.OPEN)

    after = told(telemetry.registry, "apollo_provider_circuit")

    assert before == {("rotary", "closed"): 1, ("rotary", "open"): 0, ("rotary", "half_open"): 0}
    assert after == {("rotary", "closed"): 0, ("rotary", "open"): 1, ("rotary", "half_open"): 0}


async def test_pools_are_read_when_they_are_asked_for() -> None:
    registry, in_use = CollectorRegistry(), [0]
    DatabasePools(registry).watch("requests", lambda: in_use[0], 15)
    in_use[0] = 4

    assert told(registry, "apollo_database_connections_in_use") == {("requests",): 4}
    assert told(registry, "apollo_database_connections_limit") == {("requests",): 15}
