"""Which spans are made and what of them leaves the process; that nothing is loaded where nobody asks."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON, Sampler
from opentelemetry.trace import StatusCode

from observability.spans import DiscreetExporter, SparseSampler
from observability.tracing import ENDPOINTS, Tracing, open_tracing
from workflows import names

ROOT = Path(__file__).resolve().parents[2]
SECRET = "+14155550123"
BATCH = {"temporalWorkflowID": names.batch_workflow_id("btc_1")}
CONTACT = {"temporalWorkflowID": names.contact_workflow_id("btc_1", "con_1")}


class Seen:
    """A process's spans, as they leave it."""

    def __init__(self, others: Sampler = DEFAULT_ON) -> None:
        self.now = 0.0
        self._kept = InMemorySpanExporter()
        provider = TracerProvider(sampler=SparseSampler(others, lambda: self.now))
        provider.add_span_processor(SimpleSpanProcessor(DiscreetExporter(self._kept)))
        self.tracing = Tracing(provider)
        self.tracer = self.tracing.tracer

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._kept.get_finished_spans()

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.spans]

    @contextmanager
    def span(self, name: str, **attributes: str) -> Iterator[None]:
        with self.tracer.start_as_current_span(name, attributes=attributes):
            yield


def test_attributes_that_are_not_named_stay_within_the_process() -> None:
    seen = Seen()
    with seen.span("POST /x", **BATCH, **{"url.full": f"/calls?to={SECRET}", "http.route": "/x"}):
        pass

    assert dict(seen.spans[0].attributes or {}) == {**BATCH, "http.route": "/x"}
    assert SECRET not in seen.spans[0].to_json()


def test_of_an_error_its_kind_is_told_and_not_its_words() -> None:
    seen = Seen()
    with pytest.raises(ValueError, match="no such"), seen.span("settle"):
        raise ValueError(f"no such number {SECRET}")

    (span,) = seen.spans
    assert span.status.status_code is StatusCode.ERROR
    assert [dict(each.attributes or {}) for each in span.events] == [{"exception.type": "ValueError"}]
    assert SECRET not in span.to_json()


def test_parents_times_and_links_are_kept() -> None:
    seen = Seen()
    with seen.span("outer"), seen.span("inner"):
        pass

    inner, outer = seen.spans
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
    assert (inner.start_time or 0) >= (outer.start_time or 0) > 0


def test_request_to_the_provider_tells_method_and_status_alone() -> None:
    seen = Seen()
    with seen.tracing.provider_request("dial", "POST") as answered:
        answered(201)

    (span,) = seen.spans
    told = {"http.request.method": "POST", "http.response.status_code": 201}
    assert (span.name, dict(span.attributes or {})) == ("provider dial", told)


def test_of_a_large_batch_ten_contacts_are_followed_and_then_one_a_second() -> None:
    seen = Seen()
    for _ in range(50):
        with seen.span("StartChildWorkflow:ContactWorkflow", **BATCH):
            pass
    at_once = len(seen.spans)
    seen.now += 3
    for _ in range(50):
        with seen.span("StartChildWorkflow:ContactWorkflow", **BATCH):
            pass

    assert (at_once, len(seen.spans)) == (10, 13)


def test_contact_that_is_not_followed_leaves_no_span_below() -> None:
    seen = Seen()
    for number in range(12):
        with seen.span("StartChildWorkflow:ContactWorkflow", **BATCH), seen.span("dial", **CONTACT):
            seen.now += 0.0001 * number

    assert seen.names.count("dial") == 10


def test_contact_that_asks_for_days_does_not_fill_the_collector() -> None:
    seen = Seen()
    for _ in range(500):
        with seen.span("StartActivity:place_call", **CONTACT):
            pass

    assert len(seen.spans) == 100


def test_kinds_of_spans_do_not_take_each_others_places() -> None:
    seen = Seen()
    for _ in range(20):
        with seen.span("StartActivity:grant_slots", **BATCH):
            pass
    with seen.span("StartChildWorkflow:ContactWorkflow", **BATCH):
        pass

    assert seen.names.count("StartChildWorkflow:ContactWorkflow") == 1


def test_housekeeping_is_not_traced_nor_what_it_does() -> None:
    seen = Seen()
    housekeeping = {"temporalWorkflowID": names.HOUSEKEEPING_WORKFLOW_ID}
    with seen.span("RunActivity:deliver_endings", **housekeeping), seen.span("SignalWorkflow:call_event"):
        pass

    assert seen.spans == ()


def test_sampler_of_the_environment_decides_about_the_rest() -> None:
    seen = Seen(ALWAYS_OFF)
    with seen.span("POST /x"), seen.span("StartWorkflow:BatchWorkflow", **BATCH):
        pass

    assert seen.spans == ()


@pytest.mark.parametrize("named", ENDPOINTS)
def test_traces_are_made_where_a_collector_is_named(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(named, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.01")

    tracing = open_tracing("worker", {named: "http://127.0.0.1:9"})

    assert tracing is not None
    assert tracing.provider.resource.attributes["service.name"] == "apollo-worker"
    tracing.close()


def test_nothing_is_traced_where_no_collector_is_named() -> None:
    assert open_tracing("api", {"OTEL_SERVICE_NAME": "apollo", ENDPOINTS[0]: ""}) is None


@pytest.mark.process
def test_nothing_of_the_sdk_is_loaded_where_no_collector_is_named() -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, worker, api.app\n"
            "sdk = 'opentelemetry.sdk', 'opentelemetry.exporter', 'temporalio.contrib.open', 'requests'\n"
            "print([each for each in sys.modules if each.startswith(sdk)])",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert told.stdout.strip() == "[]"
