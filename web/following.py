"""An open page of a batch follows the API's events, and is told when it has something new to ask for."""

from collections.abc import AsyncGenerator, Callable
from http import HTTPStatus

import httpx
from sse_starlette import EventSourceResponse
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from web.sessions import COOKIE
from web.visit import Visit, signed_in

HEARTBEAT_SECONDS = 15
SEND_SECONDS = 20
"""A page that takes nothing for so long is let go."""
CHANGE = b"event: change\ndata: {}\n\n"
END = b"event: end\ndata: {}\n\n"
"""Nothing more will change."""


class EventStream(EventSourceResponse):
    """What one page is told while the API's own stream goes on, which ends with it."""

    def __init__(self, news: AsyncGenerator[bytes], answer: httpx.Response, end: Callable[[], None]) -> None:
        """`end` is called when nobody follows any more."""
        super().__init__(news, ping=HEARTBEAT_SECONDS, send_timeout=SEND_SECONDS, sep="\n")
        self._answer = answer
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; as the server stops it is closed whole, which would be logged as an error otherwise."""
        goes_on = True

        async def sent(message: Message) -> None:
            nonlocal goes_on
            goes_on = message.get("more_body", message["type"] == "http.response.start")
            await send(message)

        try:
            await super().__call__(scope, receive, sent)
        finally:
            self._end()
            await self._answer.aclose()
        if goes_on:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


@signed_in
async def follow(visit: Visit) -> Response:
    """Say whenever a batch has changed, and nothing of the batch itself; too many pages are refused."""
    places = visit.web.followers
    if places.locked():
        return PlainTextResponse("Too many pages follow.", status_code=HTTPStatus.SERVICE_UNAVAILABLE)
    await places.acquire()
    try:
        answer = await visit.api.follow("batches", visit.path_params["batch_id"], "events")
    except BaseException:
        places.release()
        raise
    return EventStream(_news(answer, lambda: _is_signed_in(visit)), answer, places.release)


async def _news(answer: httpx.Response, is_welcome: Callable[[], bool]) -> AsyncGenerator[bytes]:
    """Yield what a page is told, until the API's events or the visitor's session end."""
    kind = ""
    try:
        async for line in answer.aiter_lines():
            if not is_welcome():
                return
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif not line and kind:
                yield END if kind == "end" else CHANGE
                kind = ""
    except httpx.RequestError:
        return  # the page asks by itself, and says it when nobody answers


def _is_signed_in(visit: Visit) -> bool:
    return visit.web.sessions.find(visit.request.cookies.get(COOKIE)) is visit.session
