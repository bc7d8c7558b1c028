"""OpenTelemetry spans of a process, from the request to the dial, where a collector is named for them.

Everything of OpenTelemetry's SDK is imported only then. What leaves the process is cut down in
`observability.spans`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Variables of all tools that speak OpenTelemetry; the SDK reads the others beside them by itself."""

Answered = Callable[[int], None]
"""Takes the status of an answer."""


@dataclass(frozen=True)
class Tracing:
    """The spans of one process."""

    provider: "TracerProvider"

    @property
    def tracer(self) -> "Tracer":
        """What makes spans."""
        return self.provider.get_tracer("apollo")

    def close(self) -> None:
        """Send what is not sent yet; may take as long as a collector that does not answer is waited for."""
        self.provider.shutdown()

    @contextmanager
    def provider_request(self, what: str, method: str) -> Iterator[Answered]:
        """Span a request to the telephony provider: its method and the status of its answer, nothing else."""
        from opentelemetry.trace import SpanKind

        attributes = {"http.request.method": method}
        with self.tracer.start_as_current_span(
            f"provider {what}", kind=SpanKind.CLIENT, attributes=attributes
        ) as span:
            yield lambda status: span.set_attribute("http.response.status_code", status)


def open_tracing(process: str, environment: Mapping[str, str]) -> Tracing | None:
    """Return the spans of a process, `api` or `worker`; None where no collector is named."""
    if not any(environment.get(each) for each in ENDPOINTS):
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from observability.spans import DiscreetExporter, SparseSampler

    provider = TracerProvider(
        sampler=SparseSampler(TracerProvider().sampler),  # the one the environment asks for
        resource=Resource.create({"service.name": f"apollo-{process}"}),
    )
    provider.add_span_processor(BatchSpanProcessor(DiscreetExporter(OTLPSpanExporter())))
    return Tracing(provider)
