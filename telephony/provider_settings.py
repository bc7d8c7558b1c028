"""What every provider needs that is reached over HTTP, whatever its contract."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    HttpUrl,
    SecretStr,
    field_validator,
)
from pydantic import StringConstraints as Text


def _ends_with_its_path(url: HttpUrl) -> HttpUrl:
    if url.query is not None or url.fragment is not None:
        raise ValueError("must end with its path, without ? and #")
    return url


def _read_json_object(value: object) -> object:
    """Parse what comes from the environment; what comes from code is an object already."""
    if not isinstance(value, str):
        return value
    parsed: object = json.loads(value) if is_json(value) else None
    if not isinstance(parsed, dict):
        raise ValueError('must be a JSON object, such as {"name": "value"}')
    return parsed


def is_json(text: str) -> bool:
    """Tell whether a text is JSON, of whatever kind."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def can_travel(text: str) -> bool:
    """Tell whether a header can carry the text as it is."""
    return text.isascii() and text.isprintable() and text == text.strip()


BaseUrl = Annotated[HttpUrl, AfterValidator(_ends_with_its_path)]
Name = Annotated[str, Text(min_length=1, max_length=255, pattern=r"^[!-~]([ -~]*[!-~])?$")]
"""Printable ASCII, no spaces around it."""
JsonObject = BeforeValidator(_read_json_object)


class ProviderSettings(BaseModel):
    """The address and the key of one provider."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    base_url: BaseUrl | None = None
    api_key: SecretStr = SecretStr("")
    """Empty sends none."""

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr) -> SecretStr:
        if not can_travel(key.get_secret_value()):
            raise ValueError("holds characters that no header can carry")
        return key


RequestTrace = Callable[[str, str], AbstractContextManager[Callable[[int], None]]]
"""Surrounds a request, given what it is for and its method; what it yields takes the answer's status."""


@contextmanager
def untraced(_what: str, _method: str) -> Iterator[Callable[[int], None]]:
    """Surround a request with nothing."""
    yield lambda _: None


@dataclass(frozen=True, kw_only=True)
class ProviderOptions:
    """What a client is opened with beside its own settings."""

    name: str
    """Shown on call records."""
    status_callback_url: str = field(repr=False)
    """Where the provider posts statuses; may carry a password."""
    dial_timeout: timedelta = timedelta(seconds=12)
    """How long the answer to a create call may take; longer makes the dial ambiguous."""
    requests_per_second: float = 0
    """Dials, look-ups and hang-ups together; 0 is unlimited."""
    trace: RequestTrace = untraced
    """Surrounds each request."""


def require(variable: str, value: object, meaning: str) -> None:
    """Raise ValueError, with the variable and what to set it to, when it is unset."""
    if not value:
        raise ValueError(f"{variable}: set it to {meaning}")
