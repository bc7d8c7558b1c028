"""JSON as the contract reads it: UTF-8, finite numbers, only text that Postgres can store."""

import json
import math
import re
from collections.abc import Iterator
from typing import NoReturn

from domain.errors import FieldError, InvalidRequest

# Only an escape can bring in NUL or half a surrogate pair: raw ones are no JSON and no UTF-8.
_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")

MAX_NESTING = 64
"""Levels of objects and arrays; what is kept is written again, and writers give up sooner than readers."""

Loc = tuple[str | int, ...]


def parse_object(raw: bytes) -> dict[str, object]:
    """Return the object a body holds. Raises InvalidRequest for anything else."""
    document = _parse(raw)
    if not isinstance(document, dict):
        raise InvalidRequest([FieldError(("body",), "Body must be a JSON object", "object_type")])
    if raw.count(b"{") + raw.count(b"[") > MAX_NESTING:
        _refuse_deep(document)
    if _SUSPICIOUS.search(raw):
        _refuse_unstorable(document)
    return document


def compact(document: object) -> bytes:
    """Return a document as compact UTF-8 JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


_TOO_DEEP = FieldError(("body",), f"Body is nested deeper than {MAX_NESTING} levels", "json_invalid")


def _parse(raw: bytes) -> object:
    try:
        return json.loads(raw.decode("utf-8"), parse_float=_finite, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        reason = "Body is not UTF-8"
    except RecursionError:
        raise InvalidRequest([_TOO_DEEP]) from None
    except ValueError:
        reason = "Body is not valid JSON"
    raise InvalidRequest([FieldError(("body",), reason, "json_invalid")])


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError


def _refuse_deep(document: dict[str, object]) -> None:
    level: list[dict[str, object] | list[object]] = [document]
    for _ in range(MAX_NESTING):
        children = (each.values() if isinstance(each, dict) else each for each in level)
        level = [value for each in children for value in each if isinstance(value, (dict, list))]
    if level:
        raise InvalidRequest([_TOO_DEEP])


def _refuse_unstorable(document: object) -> None:
    bad = [
        FieldError(loc, "Text must not hold NUL or unpaired surrogates", "unstorable_text")
        for loc in _unstorable(document, ("body",))
    ]
    if bad:
        raise InvalidRequest(bad)


def _unstorable(value: object, loc: Loc) -> Iterator[Loc]:
    if isinstance(value, str):
        if not _is_storable(value):
            yield loc
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _unstorable(each, (*loc, index))
    elif isinstance(value, dict):
        for key, each in value.items():
            if _is_storable(key):
                yield from _unstorable(each, (*loc, key))
            else:
                yield loc


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)
