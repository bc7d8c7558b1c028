"""Lists in which every entry may stand once."""

from typing import TypeVar

from pydantic_core import PydanticCustomError

T = TypeVar("T")


def without_repeats(entries: list[T]) -> list[T]:
    """Return the entries. Raises when one stands twice, naming its second place, not its value."""
    seen: set[T] = set()
    for index, entry in enumerate(entries):
        if entry in seen:
            raise PydanticCustomError("repeated", "Entry {index} repeats an earlier one", {"index": index})
        seen.add(entry)
    return entries
