"""Takes webhooks on loopback, verifies them and shows them: a receiver to try things with."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

from standardwebhooks import Webhook, WebhookVerificationError

from console.failures import UsageWrong
from console.listing import shown

HOST = "127.0.0.1"
LONGEST_BODY = 5 * 1024 * 1024
_PATIENCE_SECONDS = 10

Show = Callable[[Sequence[str]], None]
"""Shows when an event happened, its id, its type, whether it is genuine, and its data."""


class _Handler(BaseHTTPRequestHandler):
    secret: ClassVar[Callable[[], str]]
    show: ClassVar[Show]
    timeout = _PATIENCE_SECONDS

    def do_POST(self) -> None:
        """Verify before anything of the body is believed."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LONGEST_BODY:
            self.send_error(413)
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # its sender died, and will send it again
            self.close_connection = True
            return
        is_genuine = _is_genuine(type(self).secret(), body, dict(self.headers.items()))
        type(self).show(_line(self.headers.get("webhook-id", ""), body, is_genuine=is_genuine))
        self.send_response(204 if is_genuine else 401)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing beside the events."""


def _is_genuine(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # the latter for what is no base64 or no UTF-8
        return False
    return True


def _line(event_id: str, body: bytes, *, is_genuine: bool) -> Sequence[str]:
    verdict = "verified" if is_genuine else "NOT VERIFIED"
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        return "", event_id, "", verdict, ""
    return (
        shown(event.get("timestamp")),
        event_id,
        shown(event.get("type")),
        verdict,
        shown(event.get("data")),
    )


@contextmanager
def a_listener(port: int, secret: Callable[[], str], show: Show) -> Iterator[HTTPServer]:
    """Open a port of loopback, 0 for any; `serve_forever` of the server takes what comes.

    The secret is asked for with every post. Raises UsageWrong for a port that is taken.
    """
    handler = type("Handler", (_Handler,), {"secret": staticmethod(secret), "show": staticmethod(show)})
    try:
        server = HTTPServer((HOST, port), handler)
    except OSError as error:
        raise UsageWrong(f"Port {port}: {error.strerror}") from error
    with server:
        yield server
