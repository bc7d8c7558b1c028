"""An OTLP receiver on loopback, which keeps every span it is sent."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Span = dict[str, Any]


@dataclass
class Collector:
    """What came in so far."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)

    @property
    def spans(self) -> list[Span]:
        """Every span, with the name of its process under `process`."""
        return [
            span | {"process": _service(each)}
            for body in list(self.bodies)
            for each in MessageToDict(ExportTraceServiceRequest.FromString(body))["resourceSpans"]
            for scope in each["scopeSpans"]
            for span in scope["spans"]
        ]

    @property
    def text(self) -> str:
        """Everything that came in, to be searched."""
        return "\n".join(str(ExportTraceServiceRequest.FromString(body)) for body in list(self.bodies))


@contextmanager
def a_collector() -> Iterator[Collector]:
    """Listen until the block ends."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_packed = self.headers.get("Content-Encoding") == "gzip"
            collector.bodies.append(gzip.decompress(body) if is_packed else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening = threading.Thread(target=server.serve_forever)
    listening.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        listening.join()


def _service(resource_spans: dict[str, Any]) -> str:
    attributes = {each["key"]: each["value"] for each in resource_spans["resource"]["attributes"]}
    return str(attributes["service.name"]["stringValue"])
