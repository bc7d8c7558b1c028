"""Reads single fields of a provider's JSON: a malformed field loses its own value and never the event.

Null, blank text, and the dates with which programs write *no date* count as absent. A number in a text is
read as that number. Any other value is dropped and noted; only a missing or malformed required field refuses
the event. Characters that no database can hold are removed from texts.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from domain.disposition import LONGEST_NOTE, MAX_DATA_BYTES, AnsweredBy, is_disposition
from domain.errors import FieldError, InvalidRequest
from domain.given_time import GivenTime, parse_given_time

LARGEST_NUMBER = 2**31 - 1
"""What a database integer holds."""
LONGEST_KEY = 255
"""Characters of an id, which must fit an index."""

_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)
_NO_DIGIT = re.compile(r"[^0-9]")
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})
_ZERO_DATES = frozenset({"0000-00-00", "0001-01-01", "1601-01-01", "1899-12-30", "1900-01-01"})
"""The first days of the calendars of MySQL, .NET and Go, Windows, spreadsheets, and SQL Server."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FieldReader:
    """Reads typed fields of one JSON object and notes the malformed ones."""

    def __init__(self, body: Mapping[str, object]) -> None:
        self._body = body
        self._errors: list[FieldError] = []
        self._lost: dict[str, str] = {}

    @property
    def lost(self) -> tuple[str, ...]:
        """The fields that could not be read so far, each as `field: reason`; never a value."""
        return tuple(f"{name}: {reason}" for name, reason in self._lost.items())

    def raise_for_errors(self) -> None:
        """Raise InvalidRequest when a required field read so far was missing or malformed."""
        if self._errors:
            raise InvalidRequest(self._errors)

    def reject(self, name: str, msg: str, kind: str) -> None:
        """Note an error in a required field."""
        self._errors.append(FieldError(("body", name), msg, kind))

    def required_text(self, name: str) -> str | None:
        """Return a required text; None, with an error noted, when it is absent."""
        text = self.text(name)
        if name in self._lost:
            self.reject(name, self._lost.pop(name), "string_type")
        elif text is None:
            self.reject(name, "Field required", "missing")
        return text

    def required_word(self, name: str) -> str | None:
        """Return a required text that may be blank; None, with an error noted, when it is absent."""
        value = self._body.get(name)
        return value if isinstance(value, str) else self.required_text(name)

    def text(self, name: str) -> str | None:
        """Return a text of any length; blank counts as absent."""
        value = self._given(name)
        if value is None or isinstance(value, str):
            return value
        self._lose(name, "Input should be a valid string")
        return None

    def key(self, name: str) -> str | None:
        """Return an id of 1 to 255 characters, unchanged: a shortened id would name something else."""
        value = self.text(name)
        if value is None or (value == self._body[name] and len(value) <= LONGEST_KEY):
            return value
        self._lose(name, f"String should have 1 to {LONGEST_KEY} characters that a database can hold")
        return None

    def whole_number(self, name: str) -> int | None:
        """Return an integer; `200.0` and `"200"` count, `true` does not."""
        value = self._number(name)
        if value is None:
            return None
        if isinstance(value, float) and not value.is_integer():
            self._lose(name, "Input should be a valid integer")
            return None
        if abs(value) > LARGEST_NUMBER:
            self._lose(name, f"Input should be within {LARGEST_NUMBER} of zero")
            return None
        return int(value)

    def amount(self, name: str) -> float | None:
        """Return a finite number, 0 or more."""
        value = self._number(name)
        if value is None:
            return None
        # Nothing compares with NaN. Before float(): a thousand digits fit no float.
        if not 0 <= value <= LARGEST_NUMBER:
            self._lose(name, f"Input should be from 0 to {LARGEST_NUMBER}")
            return None
        return float(value)

    def flag(self, name: str) -> bool:
        """Return a boolean, also from a text or from 1 or 0; false when absent."""
        value = self._given(name)
        word = "" if value is None else str(value).strip().lower()
        if word and word not in _TRUE | _FALSE:
            self._lose(name, "Input should be a valid boolean")
        return word in _TRUE

    def seconds(self, name: str) -> int | None:
        """Return a duration, 0 or more, truncated to whole seconds."""
        value = self.amount(name)
        return None if value is None else int(value)

    def given_time(self, name: str) -> GivenTime | None:
        """Return a date and time as written, perhaps without an offset."""
        value = self._given(name)
        if value is None or str(value).strip()[:10] in _ZERO_DATES:
            return None
        try:
            given = parse_given_time(value.strip() if isinstance(value, str) else "")
            return None if given.instant("UTC") == _EPOCH else given
        except ValueError as error:
            self._lose(name, str(error))
        return None

    def utc(self, name: str) -> datetime | None:
        """Return a date and time; UTC where it has no offset."""
        given = self.given_time(name)
        return None if given is None else given.instant("UTC")

    def answered_by(self, name: str) -> AnsweredBy | None:
        """Return who answered, whatever the case of the word."""
        word = self.text(name)
        if word is None:
            return None
        try:
            return AnsweredBy(word.strip().lower())
        except ValueError:
            self._lose(name, "Not one of " + ", ".join(AnsweredBy))
        return None

    def disposition(self, name: str) -> str | None:
        """Return a disposition, without the blanks around it."""
        word = self.text(name)
        if word is None or is_disposition(word.strip()):
            return word and word.strip()
        self._lose(name, "String should be 1 to 64 of a-z, 0-9 and _, the first a letter")
        return None

    def note(self, name: str) -> str | None:
        """Return the note of a disposition; one that is too long is no note."""
        note = self.text(name)
        if note is None or len(note) <= LONGEST_NOTE:
            return note
        self._lose(name, f"String should have at most {LONGEST_NOTE} characters")
        return None

    def small_object(self, name: str) -> Mapping[str, object] | None:
        """Return an object of the sender's own."""
        value = self._given(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self._lose(name, "Input should be a valid object")
            return None
        compact = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if len(compact.encode("utf-8", "replace")) <= MAX_DATA_BYTES:
            return value
        self._lose(name, f"Object is limited to {MAX_DATA_BYTES} bytes as compact JSON")
        return None

    def _given(self, name: str) -> object:
        """Return the field's value; None for a value that counts as absent."""
        value = self._body.get(name)
        if not isinstance(value, str):
            return value
        text = storable(value)
        return text if text.strip() else None

    def _number(self, name: str) -> int | float | None:
        value = self._given(name)
        if isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value.strip()):
            value = float(value) if "." in value else int(value)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        self._lose(name, "Input should be a valid number")
        return None

    def _lose(self, name: str, reason: str) -> None:
        self._lost[name] = reason


def storable(text: str) -> str:
    """Return the text without null characters and lone surrogates, which no database holds."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def can_be_kept(text: str) -> bool:
    """Tell whether a database can store the text, and take it in a query."""
    return storable(text) == text


def are_the_same_number(one: object, other: object) -> bool:
    """Tell whether two texts are the same phone number; some carriers get it without its `+`."""
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    digits = _NO_DIGIT.sub("", one)
    return digits == _NO_DIGIT.sub("", other) if digits else one == other
