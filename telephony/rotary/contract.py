"""How a provider deviates from the neutral contract: paths, headers, where ids are found, words."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from telephony.provider_http_client import can_travel
from telephony.rotary.paths import CALL_ID, EXECUTION_ID, check_path
from telephony.status_words import BUILT_IN_WORDS, StatusWords

API_KEY = "{api_key}"
"""Stands for the key in `auth_value`."""
STANDARD_AUTH_HEADER = "Authorization"

_HEADER_NAME = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+")
_OURS = frozenset(
    {"connection", "content-length", "content-type", "host", "idempotency-key", "transfer-encoding"}
)
"""Headers that belong to a request's own making."""


class HangUpMethod(StrEnum):
    """How a call may be ended."""

    DELETE = "DELETE"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"


@dataclass(frozen=True, kw_only=True)
class RotaryContract:
    """One provider's form of the contract; the defaults are the neutral one.

    Raises ValueError with one line that names the wrong variable.
    """

    create_path: str = "/calls"
    get_path: str = "/calls/{call_id}"
    find_path: str = "/calls?execution_id={execution_id}"
    hang_up_path: str = "/calls/{call_id}"
    hang_up_method: HangUpMethod = HangUpMethod.DELETE
    hang_up_body: str | None = None
    """JSON text; None sends no body."""
    auth_header: str = STANDARD_AUTH_HEADER
    auth_value: str | None = None
    """With `{api_key}` in it; None: `Bearer {api_key}` in the standard header, the bare key in another."""
    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every request; they may be secrets."""
    call_id_paths: tuple[str, ...] = ("call_sid", "sid", "callSid", "call_id", "provider_call_id", "data.sid")
    """Where answers keep the id of a call, dots leading into objects; the first hit wins."""
    words: StatusWords = BUILT_IN_WORDS

    def __post_init__(self) -> None:
        """Refuse at once what would fail with every call."""
        self._check_paths()
        self._check_headers()
        if self.hang_up_body is not None and not _is_json(self.hang_up_body):
            raise ValueError("APOLLO_ROTARY_HANG_UP_BODY: must be JSON")
        if not self.call_id_paths or not all(all(path.split(".")) for path in self.call_id_paths):
            raise ValueError("APOLLO_ROTARY_CALL_ID_PATHS: must name fields, such as call_sid,data.sid")

    def headers(self, api_key: str) -> Mapping[str, str]:
        """Return what every request carries; an empty key is not shown."""
        if not api_key:
            return self.extra_headers
        return {**self.extra_headers, self.auth_header: self._auth_value.replace(API_KEY, api_key)}

    @property
    def _auth_value(self) -> str:
        if self.auth_value is not None:
            return self.auth_value
        is_standard = self.auth_header.lower() == STANDARD_AUTH_HEADER.lower()
        return f"Bearer {API_KEY}" if is_standard else API_KEY

    def _check_paths(self) -> None:
        check_path("APOLLO_ROTARY_CREATE_PATH", self.create_path, needed=None, allowed=(EXECUTION_ID,))
        check_path("APOLLO_ROTARY_GET_PATH", self.get_path, needed=CALL_ID, allowed=(CALL_ID,))
        check_path("APOLLO_ROTARY_FIND_PATH", self.find_path, needed=EXECUTION_ID, allowed=(EXECUTION_ID,))
        check_path("APOLLO_ROTARY_HANG_UP_PATH", self.hang_up_path, needed=CALL_ID, allowed=(CALL_ID,))

    def _check_headers(self) -> None:
        if not _HEADER_NAME.fullmatch(self.auth_header) or self.auth_header.lower() in _OURS:
            raise ValueError("APOLLO_ROTARY_AUTH_HEADER: must be the name of a header that is free")
        if API_KEY not in self._auth_value or not can_travel(self._auth_value):
            raise ValueError(f"APOLLO_ROTARY_AUTH_VALUE: must be printable ASCII with {API_KEY} in it")
        for name, value in self.extra_headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS | {self.auth_header.lower()}:
                raise ValueError("APOLLO_ROTARY_EXTRA_HEADERS: a name is no header's, or belongs to another")
            if not can_travel(value):
                raise ValueError(f"APOLLO_ROTARY_EXTRA_HEADERS: no header can carry the value of {name}")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return text.isprintable()
