"""Around every request, where traces are asked for: the span that all others of its trace lie below."""

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.middleware import route_of

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

UNTRACED = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked for every few seconds, by machines."""


class TracedRequests:
    """ASGI middleware: names each request by its route, and continues the trace of its client."""

    def __init__(self, app: ASGIApp, tracer: "Tracer") -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._app = app
        self._tracer = tracer
        # Without baggage: what a client puts there would travel to Temporal.
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from opentelemetry.trace import SpanKind

        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        with self._tracer.start_as_current_span(
            method, context=self._propagator.extract(Headers(scope=scope)), kind=SpanKind.SERVER
        ) as span:

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            try:
                await self._app(scope, receive, answer)
            finally:
                route = route_of(scope)
                span.update_name(f"{method} {route}")
                span.set_attributes({"http.request.method": method, "http.route": route})
