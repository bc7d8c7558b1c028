"""How values become payloads, and what a workflow pays for it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema
from temporalio.contrib.pydantic import pydantic_data_converter

from temporal.client import DATA_CONVERTER, data_converter
from workflows.messages import ContactInput


@dataclass(frozen=True)
class Message:
    number: int


def a_message_whose_schemas_are_counted() -> type[Any]:
    class Counted(Message):
        built = 0

        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
            cls.built += 1
            return handler(source)

    return Counted


@pytest.mark.parametrize("keys", [[], [b"k" * 32]], ids=["plain", "encrypted"])
def test_schema_of_a_message_is_built_once_for_all_workflows(keys: list[bytes]) -> None:
    kind = a_message_whose_schemas_are_counted()
    # Each run of a workflow makes a converter of its own.
    converters = [data_converter(keys).payload_converter_class() for _ in range(3)]
    [payload] = converters[0].to_payloads([Message(1)])

    read = [converter.from_payloads([payload], [kind]) for converter in converters]

    assert (read, kind.built) == ([[kind(1)]] * 3, 1)


@pytest.mark.parametrize(
    "value",
    [None, b"\x00raw", "word", 7, {"a": [1, None]}, datetime(2026, 9, 4, 12, tzinfo=UTC), Message(3)],
    ids=lambda each: type(each).__name__,
)
def test_payloads_are_those_that_were_always_written(value: object) -> None:
    ours, theirs = DATA_CONVERTER.payload_converter, pydantic_data_converter.payload_converter

    assert ours.to_payloads([value]) == theirs.to_payloads([value])


def test_ill_typed_payload_is_refused_every_time() -> None:
    [payload] = DATA_CONVERTER.payload_converter.to_payloads([{"contact_id": 5}])

    for _ in range(2):
        with pytest.raises(ValueError, match="ContactInput"):
            DATA_CONVERTER.payload_converter.from_payloads([payload], [ContactInput])
