"""A JSON array written piece by piece, so that a page of any size takes little memory."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from starlette.responses import Response, StreamingResponse

from api.http.responses import JSON
from api.http.stretches import next_stretch

T = TypeVar("T")

_FIRST_STRETCH = 50
"""Nobody knows yet how long their transcripts are."""
_LONGEST_STRETCH = 1000
_BYTES_AT_ONCE = 1024 * 1024

Write = Callable[[Sequence[T]], Awaitable[bytes]]
"""Return some rows as a JSON array."""


async def json_pieces(rows: Sequence[T], write: Write[T], headers: Mapping[str, str]) -> Response:
    """Return rows as one array; a large one is sent while it is read.

    Raises what `write` does; once more than a piece has been sent, the answer breaks off instead.
    """
    pieces = _pieces(rows, write)
    kept = b""
    async for piece in pieces:
        kept += piece
        if len(kept) > _BYTES_AT_ONCE:
            return StreamingResponse(_after(kept, pieces), 200, headers, JSON)
    return Response(kept, 200, headers, JSON)


async def _after(kept: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield kept
    async for piece in pieces:
        yield piece


async def _pieces(rows: Sequence[T], write: Write[T]) -> AsyncIterator[bytes]:
    done, stretch = 0, _FIRST_STRETCH
    yield b"["
    while done < len(rows):
        piece = (await write(rows[done : done + stretch]))[1:-1]
        yield b"," + piece if done else piece
        done, stretch = (
            done + stretch,
            next_stretch(stretch, len(piece), aim=_BYTES_AT_ONCE, longest=_LONGEST_STRETCH),
        )
    yield b"]"
