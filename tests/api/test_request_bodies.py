"""Sizes, media types and JSON itself, before any field is looked at."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.world import World, a_campaign_body, a_problem, created, errors_of
from tests.telephony.world import served

MEGABYTE = 1024 * 1024
JSON = {"Content-Type": "application/json"}


async def _chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65536 + 1):
        yield b" " * 65536


@pytest.mark.parametrize(
    ("path", "limit", "detail"),
    [
        ("/api/v1/campaigns/", 1 * MEGABYTE, "Request body is limited to 1 MB (1,048,576 bytes)"),
        ("/webhooks/call-status", 5 * MEGABYTE, "Request body is limited to 5 MB (5,242,880 bytes)"),
        ("/api/v1/batches/", 50 * MEGABYTE, "Request body is limited to 50 MB (52,428,800 bytes)"),
    ],
)
async def test_body_over_the_limit_is_413_also_without_a_length(
    world: World, path: str, limit: int, detail: str
) -> None:
    answer = await world.client.post(path, content=_chunks(limit), headers={"Content-Type": "text/plain"})

    assert answer.json() == a_problem(413, "too-large", "Content Too Large", detail)


@pytest.mark.parametrize("path", ["/webhooks/call-status", "/api/v1/webhooks/call-status"])
@pytest.mark.parametrize(
    ("headers", "read_at_most"),
    [
        pytest.param({"Content-Length": str(10 * MEGABYTE)}, 0, id="said beforehand"),
        pytest.param({"Transfer-Encoding": "chunked"}, 5 * MEGABYTE + 65536, id="in chunks"),
        pytest.param({"Content-Length": "2"}, 5 * MEGABYTE + 65536, id="said to be small"),
    ],
)
async def test_too_big_a_webhook_is_refused_before_it_is_read(
    world: World, path: str, headers: dict[str, str], read_at_most: int
) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        async for chunk in _chunks(10 * MEGABYTE):
            read += len(chunk)
            yield chunk

    answer = await world.client.post(path, content=body(), headers={**JSON, **headers})

    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert read <= read_at_most


@pytest.mark.process
async def test_client_that_sends_too_much_reads_the_refusal_and_goes_on(world: World) -> None:
    sent = b" " * (10 * MEGABYTE)
    async with served(world.app) as address, httpx.AsyncClient(base_url=address) as client:
        answers = [
            await client.post("/webhooks/call-status", content=content, headers=JSON)
            for content in (sent, _chunks(len(sent)), b"{}")
        ]

    assert [each.status_code for each in answers] == [413, 413, 422]


async def test_body_of_exactly_the_limit_is_read(world: World) -> None:
    padded = b"{}".ljust(MEGABYTE)

    answer = await world.client.post("/api/v1/campaigns/", content=padded, headers=JSON)

    assert (["body", "name"], "missing") in errors_of(answer)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Content-Type": "text/plain"}, id="other type"),
        pytest.param({"Content-Type": "multipart/form-data; boundary=x"}, id="multipart"),
        pytest.param({"Content-Type": "application/json; charset=latin-1"}, id="other charset"),
        pytest.param({**JSON, "Content-Encoding": "gzip"}, id="compressed"),
        pytest.param({**JSON, "Content-Encoding": "identity"}, id="any encoding"),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/campaigns", "/api/v1/batches/", "/webhooks/call-status"])
async def test_anything_but_plain_json_is_415_and_names_what_is_accepted(
    world: World, path: str, headers: dict[str, str]
) -> None:
    answer = await world.client.post(path, content=b"{}", headers=headers)

    detail = "Send application/json without Content-Encoding"
    expected = a_problem(415, "unsupported-media-type", "Unsupported Media Type", detail)
    assert (answer.status_code, answer.json()) == (415, expected)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=UTF-8"])
async def test_json_in_utf_8_is_accepted(world: World, content_type: str) -> None:
    body = b'{"name": "Sept\xc3\xa9mbre", "agent_id": "a", "phone_numbers": ["+14155550180"]}'

    answer = await world.client.post(
        "/api/v1/campaigns", content=body, headers={"Content-Type": content_type}
    )

    assert created(answer)["name"] == "Septémbre"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b"", (["body"], "json_invalid"), id="empty"),
        pytest.param(b"{", (["body"], "json_invalid"), id="cut off"),
        pytest.param(b"[]", (["body"], "object_type"), id="array"),
        pytest.param(b'"text"', (["body"], "object_type"), id="text"),
        pytest.param(b"null", (["body"], "object_type"), id="null"),
        pytest.param(b'{"metadata": {"a": NaN}}', (["body"], "json_invalid"), id="NaN"),
        pytest.param(b'{"metadata": {"a": -Infinity}}', (["body"], "json_invalid"), id="Infinity"),
        pytest.param(b'{"metadata": {"a": 1e999}}', (["body"], "json_invalid"), id="overflow"),
        pytest.param(b'{"metadata": {"a": ' + b"9" * 5000 + b"}}", (["body"], "json_invalid"), id="huge"),
        pytest.param(b'{"name": "\xff"}', (["body"], "json_invalid"), id="not UTF-8"),
        pytest.param(b"\xef\xbb\xbf{}", (["body"], "json_invalid"), id="byte order mark"),
        pytest.param(b'{"name": "a\x00"}', (["body"], "json_invalid"), id="raw NUL"),
        pytest.param(
            b'{"metadata": ' + b'{"a":' * 64 + b"1" + b"}" * 65, (["body"], "json_invalid"), id="nested"
        ),
        pytest.param(b"[" * 100_000, (["body"], "json_invalid"), id="nested beyond the parser"),
    ],
)
async def test_text_that_is_no_json_object_is_422(
    world: World, raw: bytes, expected: tuple[list[str | int], str]
) -> None:
    for path in ("/api/v1/campaigns/", "/api/v1/batches/", "/webhooks/call-status"):
        answer = await world.client.post(path, content=raw, headers=JSON)

        assert errors_of(answer) == [expected]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b'{"name": "a\\u0000"}', (["body", "name"], "unstorable_text"), id="escaped NUL"),
        pytest.param(b'{"name": "\\ud800"}', (["body", "name"], "unstorable_text"), id="half a pair"),
        pytest.param(
            b'{"metadata": {"a": ["\\uDFFF"]}}',
            (["body", "metadata", "a", 0], "unstorable_text"),
            id="deeper",
        ),
        pytest.param(
            b'{"metadata": {"\\u0000": 1}}', (["body", "metadata"], "unstorable_text"), id="NUL in a key"
        ),
    ],
)
async def test_text_that_no_database_can_store_is_422(
    world: World, raw: bytes, expected: tuple[list[str | int], str]
) -> None:
    """Of clients; a provider's report comes only once, see the tests of webhooks."""
    for path in ("/api/v1/campaigns/", "/api/v1/batches/"):
        answer = await world.client.post(path, content=raw, headers=JSON)

        assert errors_of(answer) == [expected]


async def test_escapes_that_look_suspicious_and_are_sound_are_kept(world: World) -> None:
    raw = (
        rb'{"name": "\ud83d\ude00 \\u0000", "agent_id": "a", "phone_numbers": ["+14155550180"],'
        rb' "metadata": {"deep": [[[[1]]]]}}'
    )

    answer = await world.client.post("/api/v1/campaigns", content=raw, headers=JSON)

    assert created(answer)["name"] == "😀 \\u0000"


async def test_many_errors_are_counted_in_full_and_listed_up_to_a_hundred(world: World) -> None:
    body = a_campaign_body(blackout_dates=["someday"] * 150)

    answer = await world.client.post("/api/v1/campaigns/", json=body)

    assert len(answer.json()["errors"]) == 100
    assert answer.json()["error_count"] == 150
