"""What every answer of the console says to browsers, and which requests it takes at all."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not `no-referrer`, with which browsers do not tell where a form was sent from.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}
LARGEST_BODY = 51 * 1024 * 1024
"""The API takes 50 MB; a form says a little more."""
_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Guard:
    """Refuses what another site sends, and gives every answer its headers."""

    def __init__(self, app: ASGIApp, *, over_https: bool) -> None:
        """With `over_https` browsers are made to use it only."""
        self._app = app
        self._headers = HEADERS | (_HTTPS_ONLY if over_https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = _refusal(Headers(scope=scope)) if scope["method"] in _CHANGES else None
        await (refusal or self._app)(scope, receive, guarded)


def _refusal(headers: Headers) -> PlainTextResponse | None:
    if _is_foreign(headers):
        return PlainTextResponse("This request comes from another site.", status_code=403)
    length = headers.get("content-length", "")
    if not length.isdecimal():
        return PlainTextResponse("This request does not say how long it is.", status_code=411)
    if int(length) > LARGEST_BODY:
        return PlainTextResponse("A file may have 50 MB. Split it, and add the rest later.", status_code=413)
    return None


def _is_foreign(headers: Headers) -> bool:
    """Tell whether a browser says that another site sends this; every browser of today says one of both."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site != "same-origin"
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")
