"""Answers as JSON, written by the schemas themselves."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

JSON = "application/json"
T = TypeVar("T", bound=BaseModel)


def json_answer(body: BaseModel, headers: Mapping[str, str] | None = None) -> Response:
    """Return one object."""
    return Response(body.model_dump_json(), 200, headers, JSON)


def json_list(adapter: TypeAdapter[list[T]], bodies: Sequence[T], headers: Mapping[str, str]) -> Response:
    """Return a bare array."""
    return Response(adapter.dump_json(list(bodies)), 200, headers, JSON)
