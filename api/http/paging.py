"""The part of a list that a client asks for, and the headers that lead to the next."""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from domain.ports import Window

MAX_SKIP = 2_147_483_647
MAX_LIMIT = 1000
_INTEGER = re.compile(r"-?[0-9]{1,20}")


def _integer(value: object) -> object:
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise PydanticCustomError("int_parsing", "Input should be a valid integer")
    return value


def _boolean(value: object) -> object:
    if isinstance(value, str) and value not in ("true", "false"):
        raise PydanticCustomError("bool_parsing", "Input should be true or false")
    return value


Skip = Annotated[int, BeforeValidator(_integer), Field(ge=0, le=MAX_SKIP, description="Matches left out.")]
Limit = Annotated[int, BeforeValidator(_integer), Field(ge=1, le=MAX_LIMIT, description="Most returned.")]
Flag = Annotated[bool, BeforeValidator(_boolean)]


def paging_headers(request: Request, window: Window, total: int) -> dict[str, str]:
    """Return `X-Total-Count`, and `Link` with the neighbours that exist."""
    headers = {"X-Total-Count": str(total)}
    links = [
        f'<{request.url.include_query_params(skip=skip, limit=window.limit)}>; rel="{relation}"'
        for relation, skip in _neighbours(window, total)
    ]
    if links:
        headers["Link"] = ", ".join(links)
    return headers


def _neighbours(window: Window, total: int) -> list[tuple[str, int]]:
    neighbours = []
    if window.skip + window.limit < total:
        neighbours.append(("next", window.skip + window.limit))
    if window.skip > 0 and total > 0:
        neighbours.append(("prev", max(0, min(window.skip, total) - window.limit)))
    return neighbours


ANY_OF = "May be repeated: any of them matches."


class ListQuery(BaseModel):
    """`skip` and `limit` of a list."""

    model_config = ConfigDict(frozen=True)

    skip: Skip = 0
    limit: Limit = 50

    @property
    def window(self) -> Window:
        return Window(skip=self.skip, limit=self.limit)
