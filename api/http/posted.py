"""Bodies as handlers ask for them: read within a limit, parsed, checked."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from anyio import CapacityLimiter
from fastapi import Depends
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from api.http.authentication import Caller, Client
from api.http.body import BATCH_LIMIT, ORDINARY_LIMIT, pass_over, read_json
from api.http.field_errors import field_errors
from api.http.multipart import Form, FormReader
from api.http.uploads import Upload
from domain.errors import InvalidRequest

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True)
class Posted(Generic[T]):
    """A checked body, and the document it was read from."""

    value: T
    document: dict[str, object]


def body_of(model: type[M]) -> Callable[[Request, Client], Awaitable[Posted[M]]]:
    """Return a dependency that reads a small JSON body."""

    async def body(request: Request, _: Caller) -> Posted[M]:
        document = await read_json(request, ORDINARY_LIMIT)
        try:
            return Posted(model.model_validate(document), document)
        except ValidationError as invalid:
            raise InvalidRequest(field_errors(invalid, ("body",))) from None

    return body


async def _unread(request: Request, _: Caller) -> None:
    await pass_over(request, ORDINARY_LIMIT)


IgnoredBody = Depends(_unread)
"""For endpoints that need no body: one of any type is ignored, within the usual size."""


async def read_form(reader: FormReader, request: Request, caller: Client) -> Form:
    """Read a form with a file, and take a place among the uploads that are worked on."""
    body = Upload(request, caller.token_id, BATCH_LIMIT)
    form = await reader.read(body)
    await body.enter_memory()
    return form


def reading_places(request: Request) -> CapacityLimiter:
    """Return the limiter of how many large bodies are checked at once, each in a thread of its own."""
    places: CapacityLimiter = request.app.state.reading_places
    return places
