"""Strict reading of single fields from a provider's JSON; every fault is collected, none is guessed away.

JSON null counts as absent. Texts that a database cannot hold (null characters, lone surrogates) are faults.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from domain.errors import FieldError, InvalidRequest

LARGEST_NUMBER = 2**31 - 1
"""What a database integer holds."""
LONGEST_KEY = 255
"""Characters of an id that is looked up later."""

_DATE_AND_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}")


class FieldReader:
    """Reads typed fields of one JSON object and remembers what is wrong with them."""

    def __init__(self, body: Mapping[str, object]) -> None:
        self._body = body
        self._errors: list[FieldError] = []

    def raise_for_errors(self) -> None:
        """Raise InvalidRequest when any field read so far was missing or wrong."""
        if self._errors:
            raise InvalidRequest(self._errors)

    def reject(self, name: str, msg: str, kind: str) -> None:
        """Remember a fault of the named field."""
        self._errors.append(FieldError(("body", name), msg, kind))

    def required_text(self, name: str) -> str | None:
        """Return a text that must be there; None, and a fault, when it is not."""
        if self._body.get(name) is None:
            self.reject(name, "Field required", "missing")
        return self.text(name)

    def text(self, name: str) -> str | None:
        """Return a text of any length."""
        value = self._body.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.reject(name, "Input should be a valid string", "string_type")
            return None
        if not can_be_kept(value):
            self.reject(name, "Input should hold no null character or lone surrogate", "string_unicode")
            return None
        return value

    def key(self, name: str) -> str | None:
        """Return a text of 1 to 255 characters."""
        value = self.text(name)
        if value is None or 1 <= len(value) <= LONGEST_KEY:
            return value
        kind = "string_too_long" if value else "string_too_short"
        self.reject(name, f"String should have 1 to {LONGEST_KEY} characters", kind)
        return None

    def whole_number(self, name: str) -> int | None:
        """Return an integer; `true` and `200.0` are none."""
        value = self._body.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            self.reject(name, "Input should be a valid integer", "int_type")
            return None
        if abs(value) > LARGEST_NUMBER:
            self.reject(name, f"Input should be within {LARGEST_NUMBER} of zero", "less_than_equal")
            return None
        return value

    def amount(self, name: str) -> float | None:
        """Return a finite number, 0 or more."""
        value = self._body.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.reject(name, "Input should be a valid number", "float_type")
            return None
        if value < 0:
            self.reject(name, "Input should be greater than or equal to 0", "greater_than_equal")
            return None
        # Not `value > …`: nothing compares with NaN. Before float(): a thousand digits fit no float.
        if not value <= LARGEST_NUMBER:
            self.reject(name, f"Input should be less than or equal to {LARGEST_NUMBER}", "less_than_equal")
            return None
        return float(value)

    def flag(self, name: str) -> bool:
        """Return a boolean, false when it is absent."""
        value = self._body.get(name)
        if value is not None and not isinstance(value, bool):
            self.reject(name, "Input should be a valid boolean", "bool_type")
        return value is True

    def seconds(self, name: str) -> int | None:
        """Return a length of time, 0 or more, cut to whole seconds."""
        value = self.amount(name)
        return None if value is None else int(value)

    def instant(self, name: str) -> datetime | None:
        """Return a date and time as UTC; without an offset it is taken as UTC."""
        value = self._body.get(name)
        if value is None:
            return None
        instant = _read_instant(value)
        if instant is None:
            self.reject(name, "Input should be an ISO 8601 date and time", "datetime_parsing")
        return instant


def can_be_kept(text: str) -> bool:
    """Tell whether a database can hold the text, or even be asked for it."""
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_instant(value: object) -> datetime | None:
    if not isinstance(value, str) or not _DATE_AND_TIME.match(value):
        return None
    try:
        instant = datetime.fromisoformat(value.upper())
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):  # an offset can lead out of the calendar
        return None
