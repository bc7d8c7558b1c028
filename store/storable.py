"""Makes a provider's words fit for Postgres, which knows neither U+0000 nor half a surrogate pair.

A report with a stray byte is worth more than no report, so the byte goes and the rest stays.
"""


def storable_text(text: str) -> str:
    """Return `text` without what Postgres cannot keep."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


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
