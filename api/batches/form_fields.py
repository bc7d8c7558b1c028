"""The text fields of a form as the JSON they stand for."""

from collections.abc import Mapping

from api.batches.schemas import BatchHead
from api.http.field_errors import FieldErrors
from api.http.strict_json import parse_value
from domain.errors import FieldError, InvalidRequest

SCALARS = frozenset({"concurrency_limit", "max_retries_override", "working_hours_enforced"})
STRUCTURES = frozenset({"call_context", "metadata", "retry_policy", "working_hours", "phone_numbers"})


def read_fields(fields: Mapping[str, str], errors: FieldErrors) -> dict[str, object]:
    """Return what an upload says about its batch; what is no JSON where it should be is noted.

    A known field left blank is absent, as browsers send it; an unknown one is not, for it may be misspelt.
    """
    document: dict[str, object] = {}
    for name, text in fields.items():
        if not text.strip() and name in BatchHead.model_fields:
            continue
        try:
            document[name] = _value_of(name, text)
        except InvalidRequest as invalid:
            errors.add_refusal(invalid)
    return document


def _value_of(name: str, text: str) -> object:
    loc = ("body", name)
    if "\0" in text:
        raise InvalidRequest([FieldError(loc, "Text must not hold NUL", "unstorable_text")])
    if name in STRUCTURES:
        return parse_value(text.encode(), loc)
    if name in SCALARS:
        return _scalar(text)
    return text


def _scalar(text: str) -> object:
    """Return a number or a boolean; any other text stays text, and the schema says what it should be."""
    try:
        value = parse_value(text.encode(), ("body",))
    except InvalidRequest:
        return text
    return value if isinstance(value, (int, float)) else text
