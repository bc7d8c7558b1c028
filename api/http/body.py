"""Reading a request's body: its size first, then its type; parsing happens off the event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from email.message import Message

from anyio import to_thread
from starlette.requests import Request

from api.http.middleware import HELD
from api.http.refusals import BodiesExhausted, BodyTooLarge, BodyTooSlow, UnsupportedMediaType
from api.http.strict_json import parse_object

MEGABYTE = 1024 * 1024
ORDINARY_LIMIT = 1 * MEGABYTE
WEBHOOK_LIMIT = 5 * MEGABYTE
BATCH_LIMIT = 50 * MEGABYTE
FORM = "multipart/form-data"

_PARSED_INLINE_AT_MOST = 64 * 1024
_DIGITS = 20

PATIENCE_SECONDS = 15
"""How long a sender may pause, and how late a body may be by the slowest rate."""
SLOWEST_BYTES_PER_SECOND = 64 * 1024

KEPT_AT_ONCE = 64 * MEGABYTE
"""Of all request bodies in one process."""
SMALL = 64 * 1024
"""So much of every body is free: ordinary requests and events go on while large ones fill the rest."""


class BodyBytes:
    """Counts the bytes of bodies that are being received or worked on."""

    def __init__(self, limit: int = KEPT_AT_ONCE) -> None:
        self._limit = limit
        self._taken = 0

    def grow(self, before: int, after: int, held: ExitStack) -> None:
        """Count a body that grew, until `held` is closed. Raises BodiesExhausted."""
        size = max(after, SMALL) - max(before, SMALL)
        if size == 0:
            return
        if self._taken + size > self._limit:
            raise BodiesExhausted
        self._taken += size
        held.callback(self._give_back, size)

    def _give_back(self, size: int) -> None:
        self._taken -= size


async def read_limited(request: Request, limit: int) -> bytes:
    """Return the body. Raises what `limited_chunks` does."""
    kept = bytearray()
    async for chunk in limited_chunks(request, limit):
        kept += chunk
    return bytes(kept)


async def pass_over(request: Request, limit: int) -> None:
    """Read a body and drop it. Raises what `limited_chunks` does."""
    async for _ in limited_chunks(request, limit, kept_in_memory=0):
        pass


async def limited_chunks(
    request: Request, limit: int, *, kept_in_memory: int | None = None
) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; of it so many bytes are going to be kept in memory, None for all.

    Raises BodyTooLarge once it is, or says it is, over `limit` bytes; BodyTooSlow; BodiesExhausted.
    """
    _require_within(limit, declared_length(request))
    most = limit if kept_in_memory is None else kept_in_memory
    kept: BodyBytes = request.app.state.body_bytes
    read = 0
    async for chunk in _timely(request):
        before, read = read, read + len(chunk)
        _require_within(limit, read)
        kept.grow(min(before, most), min(read, most), request.scope[HELD])
        yield chunk


async def _timely(request: Request) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; the time its reader takes does not count. Raises BodyTooSlow."""
    loop, stream = asyncio.get_running_loop(), request.stream()
    waited, read = 0.0, 0
    while True:
        began = loop.time()
        left = PATIENCE_SECONDS + read / SLOWEST_BYTES_PER_SECOND - waited
        try:
            async with asyncio.timeout(min(left, PATIENCE_SECONDS)):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise BodyTooSlow from None
        if chunk is None:
            return
        waited, read = waited + loop.time() - began, read + len(chunk)
        yield chunk


def _require_within(limit: int, size: int) -> None:
    # What a client goes on sending after its answer is dropped by EarlyAnswers, so it is not read here.
    if size > limit:
        raise BodyTooLarge(f"Request body is limited to {limit // MEGABYTE} MB ({limit:,} bytes)")


def declared_length(request: Request) -> int:
    """Return how long a body says it is; 0 when it does not say."""
    declared = request.headers.get("content-length", "")
    return int(declared[:_DIGITS]) if declared.isdecimal() else 0


def is_form(request: Request) -> bool:
    """Return whether the body is an uncompressed `multipart/form-data`."""
    return _media_type(request).get_content_type() == FORM and not _is_encoded(request)


def require_json(request: Request, unsupported: type[UnsupportedMediaType] = UnsupportedMediaType) -> None:
    """Raise UnsupportedMediaType unless the body is plain, uncompressed JSON in UTF-8."""
    declared = _media_type(request)
    is_utf8 = declared.get_content_charset("utf-8") in ("utf-8", "utf8")
    if declared.get_content_type() != "application/json" or not is_utf8 or _is_encoded(request):
        raise unsupported


def _media_type(request: Request) -> Message:
    header = Message()
    header["Content-Type"] = request.headers.get("content-type", "")
    return header


def _is_encoded(request: Request) -> bool:
    return "content-encoding" in request.headers


async def read_json(
    request: Request, limit: int, unsupported: type[UnsupportedMediaType] = UnsupportedMediaType
) -> dict[str, object]:
    """Return the JSON object a request carries.

    Raises BodyTooLarge, UnsupportedMediaType, InvalidRequest, checked in this order.
    """
    raw = await read_limited(request, limit)
    require_json(request, unsupported)
    return await parse_off_loop(raw)


async def parse_off_loop(
    raw: bytes, parse: Callable[[bytes], dict[str, object]] = parse_object
) -> dict[str, object]:
    """Parse a body; a big one in a thread, so that other requests go on."""
    if len(raw) <= _PARSED_INLINE_AT_MOST:
        return parse(raw)
    return await to_thread.run_sync(parse, raw)
