"""The metrics of one worker process; no label ever holds a number, name or id."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from domain.breaker import BreakerState
from domain.call import OUTCOME_OF, CallRecord
from domain.errors import TechnicalError
from domain.ports import DispositionStore
from domain.telephony import DialResult
from observability.pools import DatabasePools

LABELLED_DISPOSITIONS = 20
"""The most frequent of the deployment; calls with another one are counted together."""
RANKING_PERIOD = timedelta(minutes=10)
RANKING_PATIENCE = timedelta(seconds=5)
RANKED_AGAIN_AFTER_FAILURE = timedelta(seconds=15)
_DIAL_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)


class WorkerTelemetry:
    """Counts calls and times dials; implements `CallMetrics`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.pools = DatabasePools(self.registry)
        self._calls = Counter(
            "apollo_calls_total",
            "Calls settled by this process, by what was reported of them until then",
            ["outcome", "answered_by", "disposition"],
            registry=self.registry,
        )
        # From the start, for a counter that appears with its first count is not seen to rise.
        for ending in OUTCOME_OF:
            self._calls.labels(ending, "none", "none")
        self._dials = Histogram(
            "apollo_dial_duration_seconds",
            "Time the provider took to answer a dial",
            ["answer"],
            buckets=_DIAL_SECONDS,
            registry=self.registry,
        )
        self._circuits = Gauge(
            "apollo_provider_circuit",
            "1 for the state of this process's circuit to its provider, 0 for the others",
            ["provider", "state"],
            registry=self.registry,
        )
        self._frequent_dispositions: frozenset[str] = frozenset()

    def call_settled(self, call: CallRecord) -> None:
        """Count one call; a disposition that is not among the most frequent ones must make no label."""
        is_frequent = call.disposition is None or call.disposition in self._frequent_dispositions
        label = (call.disposition or "none") if is_frequent else "other"
        self._calls.labels(call.call_status, call.answered_by or "none", label).inc()

    def dial_answered(self, answer: DialResult, seconds: float) -> None:
        """Keep how long the provider took to answer a dial."""
        self._dials.labels(type(answer).__name__.lower()).observe(seconds)

    def watch_circuit(self, provider: str, state: Callable[[], BreakerState]) -> None:
        """Tell a circuit's state whenever it is asked for."""
        for each in BreakerState:
            self._circuits.labels(provider, each).set_function(partial(_is_in, each, state))

    def dispositions_ranked(self, most_frequent: Iterable[str]) -> None:
        """Keep which dispositions have a label of their own until the next ranking."""
        self._frequent_dispositions = frozenset(most_frequent)


def _is_in(asked: BreakerState, state: Callable[[], BreakerState]) -> float:
    return float(state() is asked)


async def keep_ranking(dispositions: DispositionStore, telemetry: WorkerTelemetry) -> None:
    """Learn now and then which dispositions calls are counted by, until cancelled."""
    while True:
        rest = RANKING_PERIOD
        try:
            async with asyncio.timeout(RANKING_PATIENCE.total_seconds()):
                telemetry.dispositions_ranked(await dispositions.most_frequent(LABELLED_DISPOSITIONS))
        except (TimeoutError, TechnicalError):
            rest = RANKED_AGAIN_AFTER_FAILURE  # until then those of the former ranking count
        await asyncio.sleep(rest.total_seconds())
