"""Requests as spans: named by their routes, within the trace of whoever asks, without what was sent."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api.assembly import assemble
from tests.api.world import World, build_world

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
NUMBER = "+14155550123"


@dataclass
class Traced:
    """An API whose spans are kept."""

    world: World
    kept: InMemorySpanExporter

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.kept.get_finished_spans()

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return await self.world.client.get(path, headers=headers)


@pytest.fixture
async def traced() -> AsyncIterator[Traced]:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    world = await build_world(app=assemble(None, provider.get_tracer("test")))
    async with world.client:
        yield Traced(world, kept)


async def test_request_is_named_by_its_route_and_tells_its_status(traced: Traced) -> None:
    await traced.get(f"/api/v1/batches/btc_none?name={NUMBER}")

    (span,) = traced.spans
    assert span.name == "GET /api/v1/batches/{batch_id}"
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/api/v1/batches/{batch_id}",
        "http.response.status_code": 404,
    }
    assert NUMBER not in span.to_json()


async def test_request_goes_on_with_the_trace_of_whoever_asks(traced: Traced) -> None:
    await traced.get("/api/v1/campaigns", {"traceparent": f"00-{TRACE}-{PARENT}-01"})

    (span,) = traced.spans
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)


async def test_request_of_a_trace_that_is_not_kept_is_not_kept_either(traced: Traced) -> None:
    await traced.get("/api/v1/campaigns", {"traceparent": f"00-{TRACE}-{PARENT}-00"})

    assert traced.spans == ()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_what_machines_ask_all_the_time_is_not_traced(traced: Traced, path: str) -> None:
    await traced.get(path)

    assert traced.spans == ()


async def test_path_without_a_route_shows_nothing_of_itself(traced: Traced) -> None:
    await traced.get(f"/nowhere/{NUMBER}")

    assert [each.name for each in traced.spans] == ["GET unmatched"]
