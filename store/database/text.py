"""Makes a provider's words fit for Postgres, which knows neither U+0000 nor half a surrogate pair.

A report with a stray byte is worth more than no report, so the byte goes and the rest stays.
In the same way a text that is too long is cut: every list, page and export that shows it pays for its length.
"""

from collections.abc import Iterator, Mapping

LONGEST_TEXT = 256 * 1024
"""Bytes of UTF-8; a talk of a day has less."""
CUT = "apollo_cut"
"""Where a stored event notes which of its texts were cut, and how many bytes they had."""


def storable_text(text: str) -> str:
    """Return `text` without what Postgres cannot keep."""
    return _storable_bytes(text)[:LONGEST_TEXT].decode("utf-8", "ignore")


def storable_body(body: Mapping[str, object]) -> dict[str, object]:
    """Return the body of an event as it can be kept, with a note of what was cut."""
    kept = {storable_text(name): storable_json(value) for name, value in body.items()}
    cut = dict(_cut_texts(body, ""))
    return {**kept, CUT: cut} if cut else kept


def _cut_texts(value: object, path: str) -> Iterator[tuple[str, int]]:
    match value:
        case str() if len(value) > LONGEST_TEXT // 4:  # fewer characters are never too many bytes
            if (size := len(_storable_bytes(value))) > LONGEST_TEXT:
                yield storable_text(path), size
        case Mapping():
            for name, inner in value.items():
                yield from _cut_texts(inner, f"{path}.{name}" if path else str(name))
        case list() | tuple():
            for number, inner in enumerate(value):
                yield from _cut_texts(inner, f"{path}.{number}")


def _storable_bytes(text: str) -> bytes:
    return text.replace("\x00", "").encode("utf-8", "replace")


def storable_json(value: object) -> object:
    """Return a JSON value without what Postgres cannot keep, in keys too."""
    match value:
        case str():
            return storable_text(value)
        case dict():
            return {storable_text(str(key)): storable_json(inner) for key, inner in value.items()}
        case list() | tuple():
            return [storable_json(inner) for inner in value]
        case float() if value != value or value in (float("inf"), float("-inf")):
            return None
        case _:
            return value
