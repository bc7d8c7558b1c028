"""When a post is repeated, and which addresses an endpoint may have."""

from datetime import timedelta

import pytest

from domain.identity import DeliveryId, EndpointId, EventId
from domain.webhooks import (
    ClaimedDelivery,
    DeliveryAttempt,
    DeliveryState,
    Verdict,
    flaw_of_url,
    judged,
)
from tests.builders import MONDAY_NOON

MIDDLE = 0.5
"""The draw that leaves a wait as it is."""


def a_claim(attempts_made: int = 0, *, since: timedelta | None = None) -> ClaimedDelivery:
    return ClaimedDelivery(
        delivery_id=DeliveryId("whd_1"),
        endpoint_id=EndpointId("whe_1"),
        event_id=EventId("evt_1"),
        url="https://hooks.example.com",
        body="{}",
        secrets=("whsec_c2VjcmV0",),
        attempts_made=attempts_made,
        first_attempt_at=None if since is None else MONDAY_NOON - since,
    )


def an_attempt(status: int | None) -> DeliveryAttempt:
    return DeliveryAttempt(at=MONDAY_NOON, status=status, milliseconds=12)


@pytest.mark.parametrize(
    ("attempts_made", "wait"),
    [
        pytest.param(0, timedelta(seconds=5), id="first"),
        pytest.param(1, timedelta(seconds=30), id="second"),
        pytest.param(2, timedelta(minutes=2), id="third"),
        pytest.param(3, timedelta(minutes=10), id="fourth"),
        pytest.param(4, timedelta(hours=1), id="fifth"),
        pytest.param(5, timedelta(hours=4), id="sixth"),
        pytest.param(6, timedelta(hours=8), id="seventh"),
        pytest.param(9, timedelta(hours=8), id="and so on"),
    ],
)
def test_failed_post_is_repeated_by_the_schedule(attempts_made: int, wait: timedelta) -> None:
    claimed = a_claim(attempts_made, since=timedelta(hours=1))

    verdict = judged(claimed, an_attempt(500), MONDAY_NOON, MIDDLE)

    assert verdict == Verdict(state=DeliveryState.PENDING, due_at=MONDAY_NOON + wait)


@pytest.mark.parametrize(
    ("draw", "seconds"),
    [
        pytest.param(0.0, 24, id="a fifth sooner"),
        pytest.param(0.5, 30, id="on time"),
        pytest.param(0.75, 33, id="later"),
        pytest.param(1.0, 36, id="a fifth later"),
    ],
)
def test_waits_are_spread_by_a_fifth_either_way(draw: float, seconds: int) -> None:
    verdict = judged(a_claim(1), an_attempt(None), MONDAY_NOON, draw)

    assert verdict.due_at is not None
    assert round((verdict.due_at - MONDAY_NOON).total_seconds(), 3) == seconds


@pytest.mark.parametrize(
    ("status", "state"),
    [
        pytest.param(200, DeliveryState.DELIVERED, id="ok"),
        pytest.param(204, DeliveryState.DELIVERED, id="no content"),
        pytest.param(299, DeliveryState.DELIVERED, id="last of the successes"),
        pytest.param(300, DeliveryState.PENDING, id="redirect"),
        pytest.param(302, DeliveryState.PENDING, id="another redirect"),
        pytest.param(404, DeliveryState.PENDING, id="not found"),
        pytest.param(410, DeliveryState.FAILED, id="gone"),
        pytest.param(429, DeliveryState.PENDING, id="too many"),
        pytest.param(503, DeliveryState.PENDING, id="unavailable"),
        pytest.param(None, DeliveryState.PENDING, id="no answer"),
    ],
)
def test_answers_decide_whether_a_post_is_repeated(status: int | None, state: DeliveryState) -> None:
    assert judged(a_claim(), an_attempt(status), MONDAY_NOON, MIDDLE).state is state


@pytest.mark.parametrize(
    ("since", "verdict"),
    [
        pytest.param(
            timedelta(days=2, hours=20),
            # 8 hours would be over the end of the third day, which comes in 4.
            Verdict(state=DeliveryState.PENDING, due_at=MONDAY_NOON + timedelta(hours=4)),
            id="the last one is on the third day",
        ),
        pytest.param(
            timedelta(days=3),
            Verdict(state=DeliveryState.FAILED, due_at=None, gives_up=True),
            id="after it no other",
        ),
    ],
)
def test_post_is_given_up_after_three_days(since: timedelta, verdict: Verdict) -> None:
    assert judged(a_claim(12, since=since), an_attempt(None), MONDAY_NOON, MIDDLE) == verdict


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://hooks.example.com", id="name"),
        pytest.param("https://hooks.example.com:8443/a/b?c=d", id="port, path and query"),
        pytest.param("https://203.0.113.9/hook", id="address"),
        pytest.param("https://10.0.0.8/hook", id="private address, judged when it is posted to"),
        pytest.param("http://localhost:9000/", id="http to localhost"),
        pytest.param("http://127.0.0.1:9000/", id="http to loopback"),
        pytest.param("http://[::1]:9000/", id="http to loopback of IPv6"),
    ],
)
def test_address_is_taken(url: str) -> None:
    assert flaw_of_url(url) is None


@pytest.mark.parametrize(
    ("url", "flaw"),
    [
        pytest.param("http://hooks.example.com", "must begin with https", id="http"),
        pytest.param("http://localhost.example.com", "must begin with https", id="like localhost"),
        pytest.param("http://10.0.0.8", "must begin with https", id="http to a private address"),
        pytest.param("ftp://hooks.example.com", "must begin with https", id="another scheme"),
        pytest.param("https://", "must begin with https", id="no host"),
        pytest.param("hooks.example.com", "must begin with https", id="no scheme"),
        pytest.param("https://user:word@hooks.example.com", "credentials", id="credentials"),
        pytest.param("https://user@hooks.example.com", "credentials", id="a user alone"),
        pytest.param("https://hooks.example.com/#part", "fragment", id="fragment"),
        pytest.param("https://hooks.example.com/a b", "blanks", id="blank"),
        pytest.param("https://hooks.example.com/\n", "printable", id="line feed"),
        pytest.param("https://hööks.example.com/", "ASCII", id="letters that need punycode"),
        pytest.param("https://hooks.example.com/" + "a" * 2048, "2,048", id="too long"),
        pytest.param("https://hooks.example.com:99999", "Not a URL", id="no such port"),
        pytest.param("https://[::1", "Not a URL", id="half an address"),
    ],
)
def test_address_that_is_refused_says_what_to_change(url: str, flaw: str) -> None:
    assert flaw in (flaw_of_url(url) or "")
