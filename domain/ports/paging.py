"""Pages of lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of a list, and the number of all matches."""

    items: Sequence[T]
    total: int


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which page: `skip` matches left out, at most `limit` returned."""

    skip: int = 0
    limit: int = 50
