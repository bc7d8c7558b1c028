"""Changes of an object, as options or from a file."""

import json
from collections.abc import Sequence
from pathlib import Path

from console.api_client import JsonObject
from console.failures import UsageWrong


def change_body(options: JsonObject, reset: Sequence[str], file: Path | None) -> JsonObject:
    """Return a change of what was given, or what a file holds. Raises UsageWrong for both, or neither."""
    change = {**options, **dict.fromkeys(reset)}
    if both := options.keys() & set(reset):
        raise UsageWrong(f"Give {' and '.join(sorted(both))} a value or reset it, not both")
    if file is not None:
        if change:
            raise UsageWrong("Give either --file or the options of a change, not both")
        return json_file(file)
    if not change:
        raise UsageWrong("A change needs an option, or --file")
    return change


def given(options: JsonObject) -> JsonObject:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def json_file(path: Path) -> JsonObject:
    """Return the object in a file. Raises UsageWrong."""
    try:
        body = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageWrong(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageWrong(f"{path}: not a JSON file ({error})") from error
    if not isinstance(body, dict):
        raise UsageWrong(f"{path}: not a JSON object")
    return body
