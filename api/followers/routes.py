"""Following a batch over HTTP, by Server-Sent Events."""

from functools import partial

from fastapi import APIRouter
from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.followers.feed import Feeds
from api.followers.reading import BatchReader
from api.http.authentication import Watcher
from api.http.dependencies import Dependencies, Metrics
from api.http.ids import batch_id_of
from api.http.middleware import HELD, IS_HEAD
from api.http.openapi import READS_ONE, problems

HEARTBEAT_SECONDS = 15
SEND_SECONDS = 20
"""A follower that takes nothing for so long is let go."""

_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "Id of the last event that was received.",
    "schema": {"type": "string"},
}

router = APIRouter(prefix="/api/v1/batches", tags=["batches"])


class EventStream(EventSourceResponse):
    """A stream that HEAD does not open, which our middleware serves as a GET, and that is closed whole."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        goes_on = True

        async def sent(message: Message) -> None:
            nonlocal goes_on
            goes_on = message.get("more_body", message["type"] == "http.response.start")
            await send(message)

        method = "HEAD" if scope.get(IS_HEAD) else scope["method"]
        await super().__call__({**scope, "method": method}, receive, sent)
        if goes_on:  # cut off as the server stops, which would log each stream as an error
            await send({"type": "http.response.body", "body": b"", "more_body": False})


@router.get(
    "/{batch_id}/events",
    response_class=EventStream,
    responses={
        **problems(READS_ONE),
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
    },
    openapi_extra={"parameters": [_LAST_EVENT_ID]},
)
async def follow_batch(
    request: Request,
    watcher: Watcher,
    dependencies: Dependencies,
    metrics: Metrics,
    batch_id: str,
) -> Response:
    """Follow a batch by Server-Sent Events, instead of polling it.

    First `batch`, which is the batch with its `diagnosis` and `tip`; then, at most twice a second, `change`
    with the members that differ; `end` once nothing will change any more. A client that reconnects with the
    id of its last event gets nothing twice.
    """
    feeds: Feeds = request.app.state.feeds
    feeds.admit()
    key = (watcher.organization_id, batch_id_of(batch_id))
    await dependencies.watched_batches.ask(key, partial(dependencies.batches.get_uncounted, *key))
    # Followers have a bound of their own; the others of their token are not to wait for them.
    request.scope[HELD].close()
    read = BatchReader(dependencies, metrics, *key).read
    last_id = request.headers.get("Last-Event-ID")
    return EventStream(
        feeds.events(key, read, last_id), ping=HEARTBEAT_SECONDS, send_timeout=SEND_SECONDS, sep="\n"
    )
