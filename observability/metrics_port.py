"""The port on which a process without an API serves its metrics."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import CollectorRegistry, start_http_server

_log = structlog.get_logger()


@contextmanager
def serving_metrics(registry: CollectorRegistry, host: str, port: int) -> Iterator[None]:
    """Serve `/metrics` from threads of its own; port 0 is nowhere.

    A port that cannot be had is logged: a worker that dials unmeasured is better than none.
    """
    if not port:
        yield
        return
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
