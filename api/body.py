"""Reading a request's body: its size first, then its type; parsing happens off the event loop."""

from email.message import Message

from anyio import to_thread
from starlette.requests import Request

from api.refusals import BodyTooLarge, UnsupportedMediaType
from api.strict_json import parse_object

MEGABYTE = 1024 * 1024
ORDINARY_LIMIT = 1 * MEGABYTE
WEBHOOK_LIMIT = 5 * MEGABYTE
BATCH_LIMIT = 50 * MEGABYTE

# Most clients read an answer only after they sent everything, so a surplus is read and dropped, up to here.
_DRAINED_AT_MOST = 64 * MEGABYTE
_PARSED_INLINE_AT_MOST = 64 * 1024


async def read_limited(request: Request, limit: int) -> bytes:
    """Return the body. Raises BodyTooLarge as soon as it is over `limit` bytes."""
    kept = bytearray()
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received <= limit:
            kept += chunk
        elif received > limit + _DRAINED_AT_MOST:
            break
    if received > limit:
        raise BodyTooLarge(f"Request body is limited to {limit // MEGABYTE} MB ({limit:,} bytes)")
    return bytes(kept)


def require_json(request: Request) -> None:
    """Raise UnsupportedMediaType unless the body is plain, uncompressed JSON in UTF-8."""
    header = Message()
    header["Content-Type"] = request.headers.get("content-type", "")
    charset = header.get_content_charset("utf-8")
    if header.get_content_type() != "application/json" or charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType
    if "content-encoding" in request.headers:
        raise UnsupportedMediaType


async def read_json(request: Request, limit: int) -> dict[str, object]:
    """Return the JSON object a request carries.

    Raises BodyTooLarge, UnsupportedMediaType, InvalidRequest, checked in this order.
    """
    raw = await read_limited(request, limit)
    require_json(request)
    return await parse_off_loop(raw)


async def parse_off_loop(raw: bytes) -> dict[str, object]:
    """Parse a body; a big one in a thread, so that other requests go on."""
    if len(raw) <= _PARSED_INLINE_AT_MOST:
        return parse_object(raw)
    return await to_thread.run_sync(parse_object, raw)
