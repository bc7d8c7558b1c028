"""The port on which a process without an API serves its metrics."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from domain.ports import DispositionStore
from observability.worker_metrics import WorkerTelemetry, keep_ranking

_log = structlog.get_logger()


@asynccontextmanager
async def served_metrics(
    telemetry: WorkerTelemetry, dispositions: DispositionStore, address: tuple[str, int]
) -> AsyncIterator[None]:
    """Serve a worker's metrics on host and port, and keep up which dispositions calls are counted by."""
    ranking = asyncio.create_task(keep_ranking(dispositions, telemetry), name="ranking of dispositions")
    try:
        with serving_metrics(telemetry.registry, *address):
            yield
    finally:
        ranking.cancel()
        await asyncio.gather(ranking, return_exceptions=True)


@contextmanager
def serving_metrics(registry: CollectorRegistry, host: str, port: int) -> Iterator[None]:
    """Serve `/metrics` from threads of its own.

    A port that cannot be had is logged: a worker that dials unmeasured is better than none.
    """
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        _log.warning("metrics are not served: the port cannot be had", port=port, cause=error.strerror)
        yield
        return
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
