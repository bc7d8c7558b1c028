"""What Temporal's SDK measures of its workers, on the same page as a process's own metrics.

The SDK serves it at an address of its own, which is read whenever the page is asked for: a second page would
be one more port to name, to open and to scrape.
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from temporalio.runtime import PrometheusConfig

from temporal.sdk_logging import forward_sdk_logs

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 2
PORTS_TRIED = 3


class SdkMetrics(Collector):
    """Reads what the SDK serves; nothing while that does not answer."""

    def __init__(self) -> None:
        self._address = f"{LOOPBACK}:{_free_port()}"
        self._opener = build_opener(ProxyHandler({}))

    @property
    def config(self) -> PrometheusConfig:
        """Have the SDK serve what it measures, under the names its documentation uses."""
        return PrometheusConfig(
            bind_address=self._address,
            counters_total_suffix=True,
            unit_suffix=True,
            durations_as_seconds=True,
        )

    def describe(self) -> Sequence[Metric]:
        """Name nothing, so that nothing is asked of the SDK before there is one."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield what the SDK measured."""
        try:
            with self._opener.open(f"http://{self._address}/metrics", timeout=PATIENCE_SECONDS) as answer:
                text = answer.read().decode()
        except (URLError, OSError):
            return
        yield from text_string_to_metric_families(text)


def measure_sdk() -> SdkMetrics:
    """Have the SDK measure and log, once a process; somebody else may take a port between two looks at it."""
    for _ in range(PORTS_TRIED - 1):
        sdk = SdkMetrics()
        with suppress(ValueError):
            forward_sdk_logs(sdk.config)
            return sdk
    sdk = SdkMetrics()
    forward_sdk_logs(sdk.config)
    return sdk


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
