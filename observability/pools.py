"""How many connections to the database a process has in use, and how many it may have."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge


class DatabasePools:
    """The pools of one process, read whenever they are asked for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._in_use = Gauge(
            "apollo_database_connections_in_use",
            "Connections of this process that a statement or transaction holds",
            ["pool"],
            registry=registry,
        )
        self._limit = Gauge(
            "apollo_database_connections_limit",
            "Connections this process opens at most",
            ["pool"],
            registry=registry,
        )

    def watch(self, pool: str, in_use: Callable[[], int], limit: int) -> None:
        """Tell of a pool from now on."""
        self._in_use.labels(pool).set_function(in_use)
        self._limit.labels(pool).set(limit)
