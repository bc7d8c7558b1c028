"""Where a worker's metrics are read, and that a port somebody else has keeps nobody from dialling."""

import socket

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter
from structlog.testing import capture_logs
from temporalio.runtime import PrometheusConfig

from embedded.listening import free_ports
from observability.metrics_port import serving_metrics
from temporal.sdk_metrics import SdkMetrics, measure_sdk

pytestmark = pytest.mark.process

LOOPBACK = "127.0.0.1"
NAME = "a_thing_total"


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter(NAME, "A thing", registry=registry).inc()
    return registry


def page(port: int) -> str:
    return httpx.get(f"http://{LOOPBACK}:{port}/metrics", trust_env=False).raise_for_status().text


def test_metrics_are_served_on_loopback_alone_while_the_process_works(registry: CollectorRegistry) -> None:
    (port,) = free_ports(1)
    with serving_metrics(registry, LOOPBACK, port):
        assert f"{NAME} 1.0" in page(port)
        # The same port is free on every other address.
        with socket.create_server(("127.0.0.2", port)):
            pass
    with pytest.raises(httpx.ConnectError):
        page(port)


def test_second_worker_on_a_port_goes_on_without_metrics_and_says_so(registry: CollectorRegistry) -> None:
    (port,) = free_ports(1)
    first, second = (serving_metrics(each, LOOPBACK, port) for each in (registry, CollectorRegistry()))
    with first, capture_logs() as lines, second:
        assert NAME in page(port)
    assert [(each["log_level"], each["port"]) for each in lines] == [("warning", port)]


def test_port_that_somebody_took_before_the_sdk_had_it_is_left_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[str] = []

    def forward(config: PrometheusConfig) -> None:
        tried.append(config.bind_address)
        if len(tried) == 1:
            raise ValueError("Address already in use")

    monkeypatch.setattr("temporal.sdk_metrics.forward_sdk_logs", forward)

    sdk = measure_sdk()

    assert len(tried) == 2
    assert sdk.config.bind_address == tried[1] != tried[0]


def test_page_is_whole_while_temporals_sdk_serves_nothing(registry: CollectorRegistry) -> None:
    (port,) = free_ports(1)
    registry.register(SdkMetrics())
    with serving_metrics(registry, LOOPBACK, port):
        assert f"{NAME} 1.0" in page(port)
