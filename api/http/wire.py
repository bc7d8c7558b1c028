"""What every schema is built on: strict on the way in, exact on the way out."""

from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from api.http.phone_numbers import is_possible_e164
from api.http.strict_json import compact
from domain.given_time import GivenTime, parse_given_time
from domain.wall_clock import zone_names
from domain.zones import FROM_NUMBER


def wire_time(instant: datetime) -> str:
    """Return an instant as ISO 8601 UTC ending in Z, with milliseconds unless they are zero."""
    utc = instant.astimezone(UTC)
    precision = "milliseconds" if utc.microsecond >= 1000 else "seconds"
    return utc.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


MAX_OBJECT_BYTES = 16_384


class WireInput(BaseModel):
    """A request body, or a part of one: no coercion, no unknown keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class WireOutput(BaseModel):
    """A response body, or a part of one."""

    model_config = ConfigDict(frozen=True)


def _possible_number(text: str) -> str:
    number = text.strip()
    if not is_possible_e164(number):
        raise PydanticCustomError("phone_number", "Not a possible phone number")
    return number


def _small(document: dict[str, object]) -> dict[str, object]:
    if len(compact(document)) > MAX_OBJECT_BYTES:
        raise PydanticCustomError("too_large", "Object is limited to 16 KB (16,384 bytes as compact JSON)")
    return document


def _known_zone(text: str) -> str:
    name = text.strip()
    if name not in zone_names():
        raise PydanticCustomError("timezone", "Not an IANA time zone name")
    return name


def _known_zone_or_number(text: str) -> str:
    return FROM_NUMBER if text.strip() == FROM_NUMBER else _known_zone(text)


def _given_time(value: object) -> GivenTime:
    if not isinstance(value, str):
        raise PydanticCustomError("datetime_type", "Input should be a date and time as text")
    try:
        return parse_given_time(value)
    except ValueError as error:
        raise PydanticCustomError("datetime", "{reason}", {"reason": str(error)}) from None


def _shortest(number: float) -> float | int:
    return int(number) if number.is_integer() else number


E164 = Annotated[
    str,
    Field(description="E.164: + and digits.", examples=["+14155550123"]),
    AfterValidator(_possible_number),
]
JsonObject = Annotated[dict[str, object], Field(description="At most 16 KB."), AfterValidator(_small)]
ZoneName = Annotated[
    str, Field(description="IANA time zone name.", examples=["America/Chicago"]), AfterValidator(_known_zone)
]
ZoneOrNumber = Annotated[
    str,
    Field(
        description="IANA time zone name, or `from_number` for the zones of the number that is called.",
        examples=["America/Chicago", "from_number"],
    ),
    AfterValidator(_known_zone_or_number),
]
RequestedTime = Annotated[
    GivenTime,
    PlainValidator(_given_time),
    WithJsonSchema(
        {
            "type": "string",
            "description": "ISO 8601 date and time; without an offset it is local time in the zone in force.",
            "examples": ["2026-09-07T08:00:00"],
        }
    ),
]
WireTime = Annotated[
    datetime,
    PlainSerializer(wire_time, return_type=str),
    Field(description="ISO 8601 UTC.", examples=["2026-09-04T14:00:00Z"]),
]
WireNumber = Annotated[float, PlainSerializer(_shortest, return_type=float | int)]
"""A number that is written without a fraction where it has none."""


T = TypeVar("T")


def without_repeats(entries: list[T]) -> list[T]:
    """Return the entries. Raises when one stands twice, naming its second place, not its value."""
    seen: set[T] = set()
    for index, entry in enumerate(entries):
        if entry in seen:
            raise PydanticCustomError("repeated", "Entry {index} repeats an earlier one", {"index": index})
        seen.add(entry)
    return entries
