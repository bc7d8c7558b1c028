"""The metrics of one API process; no label ever holds a number, token or id."""

from collections.abc import Iterable, Mapping
from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from observability.pools import DatabasePools

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Telemetry:
    """Counts what happens at the front door, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "apollo_http_requests_total",
            "HTTP requests answered",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._durations = Histogram(
            "apollo_http_request_duration_seconds",
            "Time from request to answer",
            ["method", "route"],
            registry=self._registry,
        )
        self._webhooks = Counter(
            "apollo_webhook_events_total", "Provider webhooks by result", ["result"], registry=self._registry
        )
        self.pools = DatabasePools(self._registry)
        self._workload = _workload_gauges(self._registry)
        self._inbox = Gauge(
            "apollo_webhook_inbox_depth",
            "Stored endings that no workflow has been told of",
            registry=self._registry,
        )
        self._inbox_age = Gauge(
            "apollo_webhook_inbox_age_seconds",
            "Age of the oldest stored ending that no workflow has been told of",
            registry=self._registry,
        )
        self._deliveries, self._delivery_age = _delivery_gauges(self._registry)
        # Workers deliver endings; the name stays for those who look for it.
        Counter(
            "apollo_webhook_relayed_total",
            "Without samples: workers deliver endings, and their log names those that were refused",
            ["result"],
            registry=self._registry,
        )
        self._counter_queries = Counter(
            "apollo_counters_queries_total",
            "Questions to batches' workflows for their counters, by whose counters were answered in the end",
            ["source"],
            registry=self._registry,
        )

    def request_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; an invented method must not make a label of its own."""
        known = method if method in _METHODS else "OTHER"
        self._requests.labels(known, route, str(status)).inc()
        self._durations.labels(known, route).observe(seconds)

    def webhook_answered(self, result: str) -> None:
        """Count one webhook."""
        self._webhooks.labels(result).inc()

    def inbox_measured(self, events: int, oldest_seconds: float) -> None:
        """Keep how many stored endings wait for delivery in the whole database, and the oldest one's age."""
        self._inbox.set(events)
        self._inbox_age.set(oldest_seconds)

    def inbox_unknown(self) -> None:
        """Tell of no backlog: the database does not answer."""
        self._inbox.set(nan)
        self._inbox_age.set(nan)

    def deliveries_measured(self, by_state: Mapping[str, float], oldest_seconds: float) -> None:
        """Keep how many deliveries of the whole database stand where, and the oldest waiting one's age."""
        for state, count in by_state.items():
            self._deliveries.labels(state).set(count)
        self._delivery_age.set(oldest_seconds)

    def deliveries_unknown(self, states: Iterable[str]) -> None:
        """Tell of no delivery: the database does not answer."""
        self.deliveries_measured(dict.fromkeys(states, nan), nan)

    def workload_measured(self, workload: Mapping[str, float]) -> None:
        """Keep how much the whole database has to call, by the names of the metrics without their prefix."""
        for name, gauge in self._workload.items():
            gauge.set(workload.get(name, nan))

    def counters_asked_for(self, source: str) -> None:
        """Count one question to a workflow, however many requests shared it."""
        self._counter_queries.labels(source).inc()

    def exposition(self) -> bytes:
        """Return everything in Prometheus text form."""
        return generate_latest(self._registry)


def _delivery_gauges(registry: CollectorRegistry) -> tuple[Gauge, Gauge]:
    deliveries = Gauge(
        "apollo_webhook_deliveries",
        "Deliveries to clients' webhook endpoints: pending ones, and the others of the last hour",
        ["state"],
        registry=registry,
    )
    age = Gauge(
        "apollo_webhook_delivery_oldest_age_seconds",
        "Age of the oldest event or delivery that no receiver has taken yet",
        registry=registry,
    )
    return deliveries, age


def _workload_gauges(registry: CollectorRegistry) -> Mapping[str, Gauge]:
    told = {
        "slots_in_use": "Contacts of the whole database that are being called",
        "slots_limit": "Contacts that running batches may call at once",
        "contacts_due": "Retries and follow-ups whose time has come and that hold no slot, up to a bound",
        "contact_lateness_seconds": "How long the longest due of them has waited",
    }
    return {name: Gauge(f"apollo_{name}", what, registry=registry) for name, what in told.items()}
