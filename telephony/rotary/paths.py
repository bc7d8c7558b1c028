"""Where a provider keeps its calls: paths with placeholders, filled in safely."""

import re
from urllib.parse import quote

CALL_ID = "call_id"
EXECUTION_ID = "execution_id"

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def check_path(variable: str, path: str, *, needed: str | None, allowed: tuple[str, ...]) -> None:
    """Raise ValueError, naming the variable, for a path that could not be asked for."""
    if not path.startswith("/"):
        raise ValueError(f"{variable}: must start with /")
    if not (path.isascii() and path.isprintable()) or set(path) & {" ", "#", "\\"}:
        raise ValueError(f"{variable}: must be ASCII without spaces, # and \\")
    names = _PLACEHOLDER.findall(path)
    if set(_PLACEHOLDER.sub("", path)) & {"{", "}"}:
        raise ValueError(f"{variable}: has a brace without its partner")
    if unknown := [name for name in names if name not in allowed]:
        known = " and ".join(f"{{{name}}}" for name in allowed)
        raise ValueError(f"{variable}: {{{unknown[0]}}} is no placeholder here; only {known} is")
    if needed is not None and needed not in names:
        raise ValueError(f"{variable}: must hold {{{needed}}}")


def fill_path(path: str, **values: str) -> str:
    """Return a checked path with its placeholders replaced, whatever characters the values hold."""
    return _PLACEHOLDER.sub(lambda found: _encoded(values[found.group(1)]), path)


def _encoded(value: str) -> str:
    # Dots alone would lead to another folder.
    return quote(value, safe="").replace(".", "%2E") if set(value) <= {"."} else quote(value, safe="")
