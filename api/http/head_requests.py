"""Answers HEAD wherever there is a GET, with the same headers and no body (RFC 9110, section 9.3.2)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """ASGI middleware; within it a HEAD is the GET it asks about, in the metrics too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] != "http.response.start":
                return
            await send(message)
            # The answer ends here; whoever goes on making a body is told by the server that nobody listens.
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        # The server goes by its own scope, in which the method stays.
        await self._app({**scope, "method": "GET"}, receive, send_head)
