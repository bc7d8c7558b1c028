"""The receivers on the page of webhooks take what is genuine, and nothing else."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.identity import DeliveryId, EndpointId, EventId
from domain.webhooks import ClaimedDelivery, EventType
from receivers.client import signed_headers

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
RECEIVERS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SECRET, OLD, OTHER = "whsec_bmV3IHNlY3JldA==", "whsec_b2xkIHNlY3JldA==", "whsec_b3RoZXI="
BODY = '{"type":"endpoint.test","data":{"name":"Zoë"}}'

ReadEvent = Callable[[str, bytes, Mapping[str, str]], Mapping[str, Any] | None]


@pytest.fixture(params=RECEIVERS, ids=["with the library", "without it"])
def read_event(request: pytest.FixtureRequest) -> ReadEvent:
    """A receiver as it stands on the page."""
    named: dict[str, Any] = {}
    exec(request.param, named)  # noqa: S102 - our own page
    found: ReadEvent = named["read_event"]
    return found


def a_post(age: timedelta = timedelta()) -> Mapping[str, str]:
    """The headers of a post, signed by a new and an old secret."""
    claimed = ClaimedDelivery(
        delivery_id=DeliveryId("whd_1"),
        endpoint_id=EndpointId("whe_1"),
        event_id=EventId("evt_1"),
        url="https://hooks.example.com",
        body=BODY,
        secrets=(SECRET, OLD),
    )
    return signed_headers(claimed, datetime.now(UTC) - age)


@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_genuine_post_is_read(read_event: ReadEvent, secret: str) -> None:
    event = read_event(secret, BODY.encode(), dict(a_post()))

    assert event == {"type": "endpoint.test", "data": {"name": "Zoë"}}


@pytest.mark.parametrize(
    ("body", "secret", "changes"),
    [
        pytest.param(BODY, OTHER, {}, id="another endpoint's secret"),
        pytest.param(BODY + " ", SECRET, {}, id="another body"),
        pytest.param(BODY, SECRET, {"webhook-id": "evt_2"}, id="another id"),
        pytest.param(BODY, SECRET, {"webhook-timestamp": "1"}, id="another time"),
        pytest.param(BODY, SECRET, {"webhook-timestamp": "soon"}, id="no time"),
        pytest.param(BODY, SECRET, {"webhook-signature": ""}, id="no signature"),
        pytest.param(BODY, SECRET, {"webhook-signature": "v1,AAAA"}, id="another signature"),
    ],
)
def test_anything_else_is_not(
    read_event: ReadEvent, body: str, secret: str, changes: Mapping[str, str]
) -> None:
    assert read_event(secret, body.encode(), {**a_post(), **changes}) is None


def test_post_of_another_hour_is_not_read(read_event: ReadEvent) -> None:
    assert read_event(SECRET, BODY.encode(), dict(a_post(timedelta(minutes=6)))) is None


def test_every_event_stands_in_the_contract() -> None:
    contract = (Path(__file__).parents[2] / "docs" / "contract.md").read_text(encoding="utf-8")

    assert {each for each in EventType if f"`{each}`" not in contract} == set()
