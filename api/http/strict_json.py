"""JSON as the contract reads it: UTF-8, finite numbers, only text that Postgres can store.

A provider reports an ending once, so of its texts any is taken: a stray byte must not lose the ending.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import NoReturn

from domain.errors import FieldError, InvalidRequest

# Only an escape can bring in NUL or half a surrogate pair: raw ones are no JSON and no UTF-8.
_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")

MAX_NESTING = 64
"""Levels of objects and arrays; what is kept is written again, and writers give up sooner than readers."""

Loc = tuple[str | int, ...]

_BODY: Loc = ("body",)


def parse_object(raw: bytes) -> dict[str, object]:
    """Return the object a body holds. Raises InvalidRequest for anything else."""
    return _object(parse_value(raw, _BODY))


def parse_report(raw: bytes) -> dict[str, object]:
    """Return the object that a provider's report holds, its texts as they are. Raises InvalidRequest."""
    return _object(_parse(raw, _BODY))


def parse_value(raw: bytes, loc: Loc) -> object:
    """Return the value that the part of a request at `loc` holds. Raises InvalidRequest."""
    value = _parse(raw, loc)
    if _SUSPICIOUS.search(raw):
        _refuse_unstorable(value, loc)
    return value


def compact(document: object) -> bytes:
    """Return a document as compact UTF-8 JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _object(document: object) -> dict[str, object]:
    if not isinstance(document, dict):
        raise InvalidRequest([FieldError(_BODY, "Body must be a JSON object", "object_type")])
    return document


def _parse(raw: bytes, loc: Loc) -> object:
    value = _loaded(raw, loc)
    if raw.count(b"{") + raw.count(b"[") > MAX_NESTING:
        _refuse_deep(value, loc)
    return value


def _loaded(raw: bytes, loc: Loc) -> object:
    try:
        return json.loads(raw.decode("utf-8"), parse_float=_finite, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        reason = "not UTF-8"
    except RecursionError:
        raise _too_deep(loc) from None
    except ValueError:
        reason = "not valid JSON"
    raise InvalidRequest([FieldError(loc, f"{_noun(loc)} is {reason}", "json_invalid")])


def _noun(loc: Loc) -> str:
    return "Body" if loc == _BODY else "Text"


def _too_deep(loc: Loc) -> InvalidRequest:
    message = f"{_noun(loc)} is nested deeper than {MAX_NESTING} levels"
    return InvalidRequest([FieldError(loc, message, "json_invalid")])


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError


def _refuse_deep(document: object, loc: Loc) -> None:
    level: list[object] = [document]
    for _ in range(MAX_NESTING):
        children = (_children(each) for each in level)
        level = [value for each in children for value in each if isinstance(value, (dict, list))]
    if level:
        raise _too_deep(loc)


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _refuse_unstorable(document: object, loc: Loc) -> None:
    message = "Text must not hold NUL or unpaired surrogates"
    bad = [FieldError(each, message, "unstorable_text") for each in _unstorable(document, loc)]
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
