"""Rules that campaigns have and batches may override, field by field."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.http.wire import E164, JsonObject, without_repeats
from domain.caller_id import CallerIdStrategy
from domain.campaign import CONCURRENCY_KEY
from domain.dial_reservations import FASTEST, SLOWEST
from domain.presets import PRESETS
from domain.public_holidays import is_holiday_calendar

MAX_CONCURRENCY = 2000
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "Text must not be blank")
    return text


def _iso_date(value: object) -> date:
    try:
        if isinstance(value, str) and _ISO_DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("date", "Not a date as YYYY-MM-DD")


def _holiday_calendar(code: str) -> str:
    if not is_holiday_calendar(code):
        raise PydanticCustomError(
            "holidays", 'Not a country or subdivision of the library "holidays"; write it as US or US-CA'
        )
    return code


def _preset(name: str) -> str:
    if name not in PRESETS:
        raise PydanticCustomError("preset", "Not a preset; there are {names}", {"names": ", ".join(PRESETS)})
    return name


def _with_sound_limit(metadata: dict[str, object]) -> dict[str, object]:
    limit = metadata.get(CONCURRENCY_KEY)
    if limit is None:
        return metadata
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_CONCURRENCY:
        raise PydanticCustomError("concurrency_limit", "concurrency_limit must be an integer from 1 to 2000")
    return metadata


Name = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_not_blank)]
CallerIds = Annotated[
    list[E164],
    Field(min_length=1, max_length=1000, description="Numbers shown to the callee, no repeats."),
    AfterValidator(without_repeats),
]
BlackoutDate = Annotated[
    date,
    PlainValidator(_iso_date),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-11-26"]}),
]
HolidayCalendar = Annotated[
    str,
    Field(
        max_length=64,
        description="Country or subdivision whose public holidays count as blackout dates, by the library "
        "`holidays`; default none.",
        examples=["US-CA"],
    ),
    AfterValidator(_holiday_calendar),
]
Presets = Annotated[
    list[Annotated[str, Field(max_length=64), AfterValidator(_preset)]],
    Field(
        max_length=20,
        description="Names of `GET /presets`: laws whose hours, holidays and frequency caps hold as well, "
        "enforced hours or not; they only narrow. Default none.",
        examples=[["us-tcpa"]],
    ),
    AfterValidator(without_repeats),
]
Metadata = Annotated[
    JsonObject,
    AfterValidator(_with_sound_limit),
    Field(description="Free, except `concurrency_limit`: 1..2000 live calls over all batches."),
]
Strategy = Annotated[CallerIdStrategy, Field(strict=False)]
ConcurrencyLimit = Annotated[int, Field(ge=1, le=MAX_CONCURRENCY)]
CallsPerSecond = Annotated[
    float,
    Field(
        ge=SLOWEST,
        le=FASTEST,
        allow_inf_nan=False,
        description="Dials of all batches together, fractions allowed; default no limit.",
        examples=[2.5],
    ),
]
