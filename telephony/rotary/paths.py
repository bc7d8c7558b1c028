"""URL paths with placeholders, filled in safely."""

import re
from urllib.parse import quote

CALL_ID = "call_id"
EXECUTION_ID = "execution_id"

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def check_path(path: str, placeholder: str, *, is_needed: bool) -> None:
    """Raise ValueError for a path that could not be requested, or holds another placeholder than this one."""
    if not path.startswith("/"):
        raise ValueError("must start with /")
    if not (path.isascii() and path.isprintable()) or set(path) & {" ", "#", "\\"}:
        raise ValueError("must be ASCII without spaces, # and \\")
    names = _PLACEHOLDER.findall(path)
    if set(_PLACEHOLDER.sub("", path)) & {"{", "}"}:
        raise ValueError("has a brace without its partner")
    if unknown := [name for name in names if name != placeholder]:
        raise ValueError(f"{{{unknown[0]}}} is no placeholder here; only {{{placeholder}}} is")
    if is_needed and placeholder not in names:
        raise ValueError(f"must hold {{{placeholder}}}")


def fill_path(path: str, **values: str) -> str:
    """Return a checked path with its placeholders replaced, whatever characters the values hold."""
    return _PLACEHOLDER.sub(lambda found: _encoded(values[found.group(1)]), path)


def _encoded(value: str) -> str:
    # Dots alone would lead to another folder.
    return quote(value, safe="").replace(".", "%2E") if set(value) <= {"."} else quote(value, safe="")
