"""The part of the settings that is about who places the calls; `settings` reads it from the environment."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AnyUrl,
    BaseModel,
    BeforeValidator,
    Field,
    HttpUrl,
    SecretStr,
    UrlConstraints,
)
from pydantic import StringConstraints as Text
from pydantic_settings import NoDecode

from domain.call import CallStatus

Port = Annotated[int, Field(ge=1, le=65535)]

_STATUSES = tuple(status for status in CallStatus if status not in (CallStatus.UNKNOWN, CallStatus.CANCELLED))
"""What a provider can report; the others are our own conclusions."""


class ProviderName(StrEnum):
    """Which telephony provider places the calls."""

    SIMULATOR = "simulator"
    JAMBONZ = "jambonz"
    ROTARY = "rotary"


def _without_ending(url: HttpUrl) -> HttpUrl:
    if url.query is not None or url.fragment is not None:
        raise ValueError("must end with its path, without ? and #")
    return url


def _without_version(url: HttpUrl) -> HttpUrl:
    if (url.path or "").rstrip("/").endswith("/v1"):
        raise ValueError("must leave out /v1")
    return url


def _read_json_object(value: object) -> object:
    """Parse what comes from the environment; what comes from code is an object already."""
    if not isinstance(value, str):
        return value
    try:
        parsed: object = json.loads(value)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise ValueError('must be a JSON object, such as {"name": "value"}')
    return parsed


def _read_status(value: object) -> CallStatus:
    for status in _STATUSES:
        if status == value:
            return status
    raise ValueError(f"must be one of {', '.join(_STATUSES)}")


BaseUrl = Annotated[HttpUrl, AfterValidator(_without_ending)]
HookUrl = Annotated[
    AnyUrl,
    UrlConstraints(max_length=2048, allowed_schemes=["http", "https", "ws", "wss"], host_required=True),
]
Path = Annotated[str, Text(max_length=2048)]
Name = Annotated[str, Text(min_length=1, max_length=255, pattern=r"^[!-~]([ -~]*[!-~])?$")]
"""Printable ASCII, no spaces around it."""
JsonObject = BeforeValidator(_read_json_object)
Word = Annotated[str, Text(max_length=255, pattern=r"[^-_ ]")]
"""Holds more than what is ignored."""


class TelephonySettings(BaseModel):
    """Who places the calls, and how each provider is spoken to."""

    provider: ProviderName = ProviderName.SIMULATOR
    provider_requests_per_second: Annotated[float, Field(ge=0, le=10_000)] | None = None
    """Of one worker: dials, look-ups, hang-ups together. 0 is unlimited, unset the provider's default."""

    sim_port: Port = 8090
    sim_ring_seconds: Annotated[float, Field(ge=0, le=600)] = 0.5
    sim_talk_seconds: Annotated[float, Field(ge=0, le=7200)] = 2.0

    rotary_base_url: BaseUrl | None = None
    rotary_api_key: SecretStr | None = None
    rotary_create_path: Path = "/calls"
    rotary_get_path: Path = "/calls/{call_id}"
    rotary_find_path: Path = "/calls?execution_id={execution_id}"
    rotary_hang_up_path: Path = "/calls/{call_id}"
    rotary_hang_up_method: Literal["DELETE", "POST", "PUT", "PATCH"] = "DELETE"
    rotary_hang_up_body: Annotated[str, Text(max_length=10_000)] | None = None
    """JSON text; unset sends no body."""
    rotary_auth_header: Name = "Authorization"
    rotary_auth_value: Annotated[str, Text(max_length=1000)] | None = None
    """With `{api_key}` in it."""
    rotary_extra_headers: Annotated[Mapping[str, SecretStr], NoDecode, JsonObject] = {}
    rotary_call_id_paths: Path = "call_sid,sid,callSid,call_id,provider_call_id,data.sid"
    """Separated by commas; the first hit wins."""
    rotary_status_map: Annotated[
        Mapping[Word, Annotated[CallStatus, BeforeValidator(_read_status)]], NoDecode, JsonObject
    ] = {}
    rotary_lookup_is_proof: bool = False

    jambonz_base_url: Annotated[BaseUrl, AfterValidator(_without_version)] | None = None
    jambonz_account_sid: Annotated[str, Text(pattern=r"^[0-9A-Za-z_-]{1,64}$")] | None = None
    jambonz_api_key: SecretStr | None = None
    jambonz_application_sid: Annotated[str, Text(pattern=r"^[0-9A-Za-z-]{36}$")] | None = None
    jambonz_call_hook: HookUrl | None = None
    jambonz_amd_hook: HookUrl | None = None
    jambonz_trunk: Name | None = None
    jambonz_strip_plus: bool = False
    jambonz_refused_on_500: bool = False
    """Only where no proxy sits between: its own errors look alike."""
    jambonz_speech_synthesis_vendor: Name = "google"
    jambonz_speech_synthesis_language: Name = "en-US"
    jambonz_speech_synthesis_voice: Name = "en-US-Standard-C"
    jambonz_speech_recognizer_vendor: Name = "google"
    jambonz_speech_recognizer_language: Name = "en-US"
