"""Commands that have events posted, show what came of it, and listen on this machine."""

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks import Webhook

from console.failures import UsageWrong
from console.webhook_listener import a_listener
from tests.console.stand_in_api import StandInApi, ok
from tests.console.terminal import apollo

SECRET = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0"
ENDPOINT = {
    "endpoint_id": "whe_1",
    "url": "https://hooks.example.com",
    "events": ["call.ended"],
    "enabled": False,
    "disabled_reason": "gone",
    "failing_since": None,
}
DELIVERY = {
    "delivery_id": "whd_1",
    "event_id": "evt_1",
    "type": "call.ended",
    "endpoint_id": "whe_1",
    "state": "pending",
    "attempts": [
        {"at": "2026-09-04T14:00:00Z", "status": 500, "error": None},
        {"at": "2026-09-04T14:00:05Z", "status": None, "error": "No connection"},
    ],
}
BODY = '{"type":"endpoint.test","timestamp":"2026-09-04T14:00:00Z","data":{"endpoint_id":"whe_1"}}'


def asked(api: StandInApi) -> list[tuple[str, str]]:
    return [(each.method, each.url.path.removeprefix("/api/v1")) for each in api.requests]


def test_create_prints_id_and_secret_and_sends_what_was_given() -> None:
    api = StandInApi(ok({**ENDPOINT, "secret": SECRET}, 201))

    result = apollo(api, "webhooks", "create", "https://hooks.example.com", "--event", "call.ended")

    assert asked(api) == [("POST", "/webhook-endpoints")]
    assert json.loads(api.requests[0].content) == {
        "url": "https://hooks.example.com",
        "events": ["call.ended"],
    }
    assert (result.exit_code, result.stdout) == (0, f"whe_1\t{SECRET}\n")


def test_list_is_one_line_per_endpoint() -> None:
    result = apollo(StandInApi(ok([ENDPOINT])), "webhooks", "list")

    assert result.stdout == 'whe_1\thttps://hooks.example.com\t["call.ended"]\tfalse\tgone\t\n'


def test_test_prints_the_deliverys_id() -> None:
    api = StandInApi(ok({"delivery_id": "whd_1"}, 202))

    assert apollo(api, "webhooks", "test", "whe_1").stdout == "whd_1\n"
    assert asked(api) == [("POST", "/webhook-endpoints/whe_1/test")]


def test_deliveries_tell_the_last_attempt_and_may_be_narrowed() -> None:
    api = StandInApi(ok([DELIVERY, {**DELIVERY, "attempts": []}]))

    result = apollo(
        api, "webhooks", "deliveries", "--endpoint", "whe_1", "--state", "failed", "--event", "call.ended"
    )

    assert result.stdout.splitlines() == [
        "whd_1\tevt_1\tcall.ended\twhe_1\tpending\t2\t2026-09-04T14:00:05Z\tNo connection",
        "whd_1\tevt_1\tcall.ended\twhe_1\tpending\t0\t\t",
    ]
    query = api.requests[0].url.params
    assert (query["endpoint_id"], query["state"], query["type"]) == ("whe_1", "failed", "call.ended")


@pytest.mark.parametrize(
    ("words", "answer", "path", "told"),
    [
        pytest.param(("whd_1",), DELIVERY, "/webhook-deliveries/whd_1/replay", "pending\n", id="delivery"),
        pytest.param(
            ("whe_1", "--since", "2026-09-04T14:00:00Z"),
            {"events": 7},
            "/webhook-endpoints/whe_1/replay",
            "7 events\n",
            id="endpoint",
        ),
    ],
)
def test_replay_is_of_a_delivery_or_of_an_endpoint(
    words: tuple[str, ...], answer: dict[str, object], path: str, told: str
) -> None:
    api = StandInApi(ok(answer, 202))

    assert apollo(api, "webhooks", "replay", *words).stdout == told
    assert asked(api) == [("POST", path)]


@pytest.mark.parametrize("words", [("whe_1",), ("whd_1", "--since", "2026-09-04T14:00:00Z")])
def test_replay_of_something_else_asks_the_api_nothing(words: tuple[str, ...]) -> None:
    api = StandInApi(ok({}))

    result = apollo(api, "webhooks", "replay", *words)

    assert (result.exit_code, api.requests) == (2, [])


@pytest.mark.process
def test_listener_without_a_secret_has_an_endpoint_of_its_own_as_long_as_it_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("console.webhook_commands._until_stopped", lambda server: None)
    api = StandInApi(ok({**ENDPOINT, "secret": SECRET}, 201), httpx.Response(204))

    result = apollo(api, "webhooks", "listen", "--port", "0", "--event", "call.ended")

    assert result.exit_code == 0
    assert asked(api) == [("POST", "/webhook-endpoints"), ("DELETE", "/webhook-endpoints/whe_1")]
    body = json.loads(api.requests[0].content)
    assert body["url"].startswith("http://127.0.0.1:")
    assert body["events"] == ["call.ended"]


@contextmanager
def listening() -> Iterator[tuple[str, list[Sequence[str]]]]:
    """A listener in a thread, its address and what it shows."""
    lines: list[Sequence[str]] = []
    with a_listener(0, lambda: SECRET, lines.append) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", lines
        finally:
            server.shutdown()
            thread.join()


def headers(body: str, *, secret: str = SECRET, age: timedelta = timedelta()) -> dict[str, str]:
    at = datetime.now(UTC) - age
    signature = Webhook(secret).sign("evt_1", at, body)
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }


@pytest.mark.process
def test_listener_shows_what_is_genuine() -> None:
    with listening() as (url, lines):
        answer = httpx.post(url, content=BODY, headers=headers(BODY))

    assert answer.status_code == 204
    assert lines == [
        ("2026-09-04T14:00:00Z", "evt_1", "endpoint.test", "verified", '{"endpoint_id":"whe_1"}')
    ]


@pytest.mark.process
def test_listener_says_what_is_not() -> None:
    with listening() as (url, lines):
        answers = [
            httpx.post(url, content=BODY, headers=headers(BODY, secret="whsec_b3RoZXI=")),
            httpx.post(url, content=BODY, headers=headers(BODY, age=timedelta(minutes=6))),
            httpx.post(url, content=BODY + " ", headers=headers(BODY)),
            httpx.post(url, content=b"\xff", headers=headers(BODY)),
            httpx.post(url, content=BODY),
        ]

    assert [each.status_code for each in answers] == [401] * 5
    assert [line[3] for line in lines] == ["NOT VERIFIED"] * 5


@pytest.mark.process
def test_listener_does_not_show_what_its_sender_never_ended() -> None:
    with listening() as (url, lines):
        server = httpx.URL(url)
        with socket.create_connection((server.host, server.port or 0)) as connection:
            head = "".join(f"{name}: {value}\r\n" for name, value in headers(BODY).items())
            sent = f"POST / HTTP/1.1\r\nContent-Length: {len(BODY)}\r\n{head}\r\n{BODY[:-1]}"
            connection.sendall(sent.encode())
        answer = httpx.post(url, content=BODY, headers=headers(BODY))

    assert answer.status_code == 204
    assert [line[3] for line in lines] == ["verified"]


@pytest.mark.process
def test_listener_says_which_port_is_taken() -> None:
    with (
        listening() as (url, _),
        pytest.raises(UsageWrong),
        a_listener(httpx.URL(url).port or 0, lambda: SECRET, print),
    ):
        pass
