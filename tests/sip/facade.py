"""A provider that speaks the neutral contract over HTTP and calls real phones: `python -m tests.sip.facade`.

Everything it is told comes by its command line, for nothing of it is secret.
"""

import argparse
import contextlib
from collections.abc import AsyncIterator
from http import HTTPStatus

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.sip.placed_call import Order
from tests.sip.switchboard import Switchboard


class Facade:
    """The neutral contract's `/calls` before a switchboard."""

    def __init__(self, switchboard: Switchboard, number: str) -> None:
        self._switchboard = switchboard
        self._number = number

    async def create(self, request: Request) -> Response:
        """Place one call; answer once the INVITE has left."""
        try:
            order = Order.read(await request.json())
        except (KeyError, ValueError):
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY)
        if self._switchboard.of_execution(order.execution_id):
            return _refusal(HTTPStatus.CONFLICT)
        if order.from_number != self._number:
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY)
        call = None if self._switchboard.is_engaged(order.to_number) else await self._switchboard.place(order)
        if call is None:
            return JSONResponse({"error": "no line is free"}, 480)
        return JSONResponse({"call_sid": call.call_sid}, HTTPStatus.CREATED)

    async def find(self, request: Request) -> Response:
        """List an attempt's calls."""
        found = self._switchboard.of_execution(request.query_params.get("execution_id", ""))
        return JSONResponse({"calls": [call.snapshot() for call in found]})

    async def show(self, request: Request) -> Response:
        """Tell where a call stands."""
        call = self._switchboard.calls.get(request.path_params["call_sid"])
        return _refusal(HTTPStatus.NOT_FOUND) if call is None else JSONResponse(call.snapshot())

    async def hang_up(self, request: Request) -> Response:
        """End a call."""
        call = self._switchboard.calls.get(request.path_params["call_sid"])
        if call is None:
            return _refusal(HTTPStatus.NOT_FOUND)
        if call.is_over:
            return _refusal(HTTPStatus.CONFLICT)
        await self._switchboard.leave(call, "cancelled")
        return JSONResponse({"call_sid": call.call_sid}, HTTPStatus.ACCEPTED)


def create_facade(switchboard: Switchboard, *, number: str, control_port: int) -> Starlette:
    """Return the application; it takes the user agent's line when it starts."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await switchboard.open(control_port)
        yield
        await switchboard.aclose()

    facade = Facade(switchboard, number)
    routes = [
        Route("/calls", facade.create, methods=["POST"]),
        Route("/calls", facade.find, methods=["GET"]),
        Route("/calls/{call_sid}", facade.show, methods=["GET"]),
        Route("/calls/{call_sid}", facade.hang_up, methods=["DELETE"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> None:
    """Serve on loopback until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tests.sip.facade", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control-port", type=int, required=True, help="where baresip takes commands")
    parser.add_argument("--phones", required=True, help="HOST:PORT of whoever is called")
    parser.add_argument("--number", required=True, help="the line's own number")
    parser.add_argument("--secret", required=True, help="signs the callbacks; a test's own, worth nothing")
    given = parser.parse_args()
    switchboard = Switchboard(phones=given.phones, secret=given.secret)
    app = create_facade(switchboard, number=given.number, control_port=given.control_port)
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning", timeout_graceful_shutdown=1)


def _refusal(status: HTTPStatus) -> Response:
    return JSONResponse({"error": status.phrase.lower()}, status)


if __name__ == "__main__":
    main()
