"""The metrics of one API process; no label ever holds a number, token or id."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

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
        self._inbox = Gauge(
            "apollo_webhook_inbox_depth",
            "Stored events this process is still handing to a workflow",
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

    def event_entered(self) -> None:
        """Count a stored event that no workflow has been told of."""
        self._inbox.inc()

    def event_left(self) -> None:
        """Take back a counted event: told, or left to whoever reconciles."""
        self._inbox.dec()

    def exposition(self) -> bytes:
        """Return everything in Prometheus text form."""
        return generate_latest(self._registry)
