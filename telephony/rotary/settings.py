"""How to reach a provider of the neutral contract, and where it deviates: paths, headers, ids, words."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, SecretStr, ValidationInfo, field_validator
from pydantic import StringConstraints as Text
from pydantic_settings import NoDecode

from domain.call import CallStatus
from telephony.provider_settings import JsonObject, Name, ProviderSettings, can_travel, is_json, require
from telephony.rotary.paths import CALL_ID, EXECUTION_ID, check_path
from telephony.status_words import StatusWords

API_KEY = "{api_key}"
"""Stands for the key in `auth_value`."""
STANDARD_AUTH_HEADER = "Authorization"

_HEADER_NAME = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+")
_OURS = frozenset(
    {"connection", "content-length", "content-type", "host", "idempotency-key", "transfer-encoding"}
)
"""Headers that every request sets itself."""
_STATUSES = tuple(status for status in CallStatus if status not in (CallStatus.UNKNOWN, CallStatus.CANCELLED))
"""What a provider can report; the others are our own conclusions."""


def _read_status(value: object) -> CallStatus:
    for status in _STATUSES:
        if status == value:
            return status
    raise ValueError(f"must be one of {', '.join(_STATUSES)}")


Path = Annotated[str, Text(max_length=2048)]
Word = Annotated[str, Text(max_length=255, pattern=r"[^-_ ]")]
"""Holds more than what is ignored."""


class RotarySettings(ProviderSettings):
    """One provider and its form of the contract; the defaults are the neutral one."""

    create_path: Path = "/calls"
    get_path: Path = "/calls/{call_id}"
    find_path: Path = "/calls?execution_id={execution_id}"
    hang_up_path: Path = "/calls/{call_id}"
    hang_up_method: Literal["DELETE", "POST", "PUT", "PATCH"] = "DELETE"
    hang_up_body: Annotated[str, Text(max_length=10_000)] | None = None
    """JSON text; unset sends no body."""
    auth_header: Name = STANDARD_AUTH_HEADER
    auth_value: Annotated[str, Text(max_length=1000)] | None = None
    """With `{api_key}` in it; None: `Bearer {api_key}` in the standard header, the bare key in another."""
    extra_headers: Annotated[Mapping[str, SecretStr], NoDecode, JsonObject] = {}
    """Sent with every request."""
    call_id_paths: Path = "call_sid,sid,callSid,call_id,provider_call_id,data.sid"
    """Where answers keep the id of a call, by commas, dots leading into objects; the first hit wins."""
    status_map: Annotated[
        Mapping[Word, Annotated[CallStatus, BeforeValidator(_read_status)]], NoDecode, JsonObject
    ] = {}
    lookup_is_proof: bool = False
    """*Not found* by our execution id proves that nothing was dialled, nor ever will be."""

    @field_validator("create_path", "get_path", "find_path", "hang_up_path")
    @classmethod
    def _leads_somewhere(cls, path: str, info: ValidationInfo) -> str:
        id_name = CALL_ID if info.field_name in ("get_path", "hang_up_path") else EXECUTION_ID
        check_path(path, id_name, is_needed=info.field_name != "create_path")
        return path

    @field_validator("hang_up_body")
    @classmethod
    def _is_one_line_of_json(cls, body: str | None) -> str | None:
        if body is not None and not (body.isprintable() and is_json(body)):
            raise ValueError("must be JSON")
        return body

    @field_validator("auth_header")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
            raise ValueError("must be the name of a header that is free")
        return name

    @field_validator("auth_value")
    @classmethod
    def _holds_the_key(cls, value: str | None) -> str | None:
        if value is not None and (API_KEY not in value or not can_travel(value)):
            raise ValueError(f"must be printable ASCII with {API_KEY} in it")
        return value

    @field_validator("extra_headers")
    @classmethod
    def _are_headers(cls, headers: Mapping[str, SecretStr], info: ValidationInfo) -> Mapping[str, SecretStr]:
        taken = _OURS | {info.data.get("auth_header", "").lower()}
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in taken:
                raise ValueError("a name is no header's, or belongs to another")
            if not can_travel(value.get_secret_value()):
                raise ValueError(f"no header can carry the value of {name}")
        return headers

    @field_validator("call_id_paths")
    @classmethod
    def _name_fields(cls, paths: str) -> str:
        if not all(part for path in paths.split(",") for part in path.strip().split(".")):
            raise ValueError("must name fields, such as call_sid,data.sid")
        return paths

    def require_complete(self) -> None:
        """Raise ValueError, with one line that names what is missing, unless calls can be placed."""
        require("APOLLO_ROTARY_BASE_URL", self.base_url, "the provider's address")

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of every request; without a key, no authorization."""
        extra = {name: value.get_secret_value() for name, value in self.extra_headers.items()}
        key = self.api_key.get_secret_value()
        return {**extra, self.auth_header: self._auth_form.replace(API_KEY, key)} if key else extra

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no reason may quote."""
        return tuple(each.get_secret_value() for each in (self.api_key, *self.extra_headers.values()))

    @property
    def id_paths(self) -> tuple[str, ...]:
        return tuple(path.strip() for path in self.call_id_paths.split(","))

    @property
    def status_words(self) -> StatusWords:
        """The words for statuses, in webhooks and look-ups alike."""
        return StatusWords(self.status_map)

    @property
    def _auth_form(self) -> str:
        if self.auth_value is not None:
            return self.auth_value
        is_standard = self.auth_header.lower() == STANDARD_AUTH_HEADER.lower()
        return f"Bearer {API_KEY}" if is_standard else API_KEY
