"""Answers as JSON, written by the schemas themselves; an array of any size is written piece by piece."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response, StreamingResponse

JSON = "application/json"
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

_FIRST_STRETCH = 50
"""Of a first stretch the length of the transcripts is unknown."""
_LONGEST_STRETCH = 1000
_BYTES_AT_ONCE = 1024 * 1024

Write = Callable[[Sequence[T]], Awaitable[bytes]]
"""Return some rows as a JSON array."""


def json_answer(body: BaseModel, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body.model_dump_json(), 200, headers, JSON)


def json_list(adapter: TypeAdapter[list[M]], bodies: Sequence[M], headers: Mapping[str, str]) -> Response:
    return Response(adapter.dump_json(list(bodies)), 200, headers, JSON)


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
        done += stretch
        stretch = next_stretch(stretch, len(piece), aim=_BYTES_AT_ONCE, longest=_LONGEST_STRETCH)
    yield b"]"


def next_stretch(stretch: int, size: int, *, aim: int, longest: int) -> int:
    """Return how many rows to read after `stretch` of them came to `size` bytes; aims at `aim` bytes.

    So rows with long transcripts come fewer at a time.
    """
    if size > aim:
        return max(1, stretch * aim // size)
    return min(2 * stretch, longest)
