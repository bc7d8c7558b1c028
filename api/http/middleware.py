"""Around every request: measures it, keeps the inside of a defect inside, and answers HEAD."""

import traceback
from contextlib import ExitStack
from time import perf_counter
from uuid import uuid4

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import internal_problem
from domain.errors import ApolloError
from observability.metrics import Telemetry

_log = structlog.get_logger()

HELD = "apollo.held"
"""Where the scope of a request keeps what is let go of after its answer, an ExitStack."""
IS_HEAD = "apollo.is_head"
"""Set in the scope of a HEAD, which the app sees as a GET."""
UNMATCHED = "unmatched"
_CLIENT_LEFT = 499


class RequestMiddleware:
    """ASGI middleware; the only place in the API that catches every exception."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, answer = perf_counter(), _Answer(send)
        try:
            with structlog.contextvars.bound_contextvars(request_id=uuid4().hex), ExitStack() as held:
                scope[HELD] = held
                await self._serve(scope, receive, answer)
        finally:
            self._telemetry.request_answered(
                scope["method"], route_of(scope), answer.status, perf_counter() - started
            )

    async def _serve(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            answer.status = _CLIENT_LEFT
        except Exception as defect:  # noqa: BLE001 - the last resort: no client may see a stack trace
            _report(defect, route_of(scope))
            if not answer.has_begun:
                await internal_problem()(scope, receive, answer)


class _Answer:
    """Passes messages on and remembers the status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 500
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.has_begun = message["status"], True
        await self._send(message)


def route_of(scope: Scope) -> str:
    """Return the path of the route that took a request, without anything of the request itself."""
    path = getattr(scope.get("route"), "path", None)
    return path.rstrip("/") if isinstance(path, str) else UNMATCHED


def _report(defect: Exception, route: str) -> None:
    # The message of a foreign exception may quote a person's data, so only its class and place are kept.
    frames = [
        f"{each.filename}:{each.lineno} {each.name}" for each in traceback.extract_tb(defect.__traceback__)
    ]
    reason = defect.message if isinstance(defect, ApolloError) else None
    _log.error("request failed", route=route, defect=type(defect).__qualname__, reason=reason, frames=frames)


class HeadRequests:
    """ASGI middleware: answers HEAD wherever there is a GET (RFC 9110, section 9.3.2), in the metrics too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] != "http.response.start":
                return
            await send(message)
            # The answer ends here; an app that goes on sending a body meets a closed response.
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        # The server goes by its own scope, in which the method stays.
        await self._app({**scope, "method": "GET", IS_HEAD: True}, receive, send_head)
