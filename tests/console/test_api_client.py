"""Answers become objects, problems become one line, silence is told apart from refusal."""

import io
import json

import httpx
import pytest

from console.api_client import PAGE, ApiClient
from console.failures import ApiUnreachable, CommandFailed, RequestRefused, UsageWrong
from tests.console.stand_in_api import TOKEN, StandInApi, a_batch, a_problem, form_of, ok


def test_request_carries_the_token_and_the_base_path() -> None:
    api = StandInApi(ok(a_batch()))
    with api.client() as client:
        batch = client.batch("btc_1")

    (request,) = api.requests
    assert batch == a_batch()
    assert request.url == "http://api.example/api/v1/batches/btc_1"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_created_objects_are_sent_as_json() -> None:
    api = StandInApi(ok({"campaign_id": "cmp_1"}, 201))
    with api.client() as client:
        client.create_campaign({"name": "First"})

    (request,) = api.requests
    assert (request.method, request.url.path) == ("POST", "/api/v1/campaigns/")
    assert json.loads(request.content) == {"name": "First"}


def test_typed_id_stays_within_its_place_in_the_path() -> None:
    api = StandInApi(a_problem(404, "Batch not found"))
    with api.client() as client, pytest.raises(RequestRefused, match="Batch not found"):
        client.batch("../campaigns?x=1")

    assert api.requests[0].url.raw_path == b"/api/v1/batches/..%2Fcampaigns%3Fx%3D1"


def test_pages_are_asked_for_until_one_is_not_full() -> None:
    api = StandInApi(ok([{"contact_id": "con"}] * PAGE), ok([{"contact_id": "last"}]))
    with api.client() as client:
        contacts = list(client.contacts_with_calls("btc_1"))

    assert len(contacts) == PAGE + 1
    assert [dict(request.url.params) for request in api.requests] == [
        {"include_calls": "true", "skip": "0", "limit": "1000"},
        {"include_calls": "true", "skip": "1000", "limit": "1000"},
    ]


FOUR_ERRORS = [{"loc": ["body", "contacts", n, "phone_number"], "msg": "Not possible"} for n in range(4)]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        pytest.param(
            a_problem(401, "Invalid or missing token"), "Invalid or missing token", id="detail alone"
        ),
        pytest.param(
            a_problem(422, "Validation failed", errors=FOUR_ERRORS[:1], error_count=1),
            "Validation failed: body.contacts.0.phone_number: Not possible",
            id="one field error",
        ),
        pytest.param(
            a_problem(422, "Validation failed", errors=FOUR_ERRORS, error_count=240),
            "Validation failed: body.contacts.0.phone_number: Not possible; "
            "body.contacts.1.phone_number: Not possible; body.contacts.2.phone_number: Not possible; "
            "and 237 more",
            id="the first three of many",
        ),
        pytest.param(
            a_problem(422, "Validation failed", errors=["odd", {"msg": "Wrong"}]),
            "Validation failed: odd; Wrong",
            id="errors of another shape",
        ),
        pytest.param(
            httpx.Response(404, text="<html>"), "The API answered 404 Not Found", id="not a problem"
        ),
        pytest.param(ok([], 400), "The API answered 400 Bad Request", id="not an object"),
        pytest.param(
            httpx.Response(200, text="<html>"),
            "http://api.example does not speak Apollo's API",
            id="not JSON",
        ),
        pytest.param(ok([]), "The API answered with something else than an object", id="a list"),
        pytest.param(
            httpx.Response(307, headers={"Location": "/x"}),
            "The API answered 307 Temporary Redirect",
            id="redirect",
        ),
    ],
)
def test_refusal_is_told_in_one_line(answer: httpx.Response, text: str) -> None:
    with StandInApi(answer).client() as client, pytest.raises(RequestRefused) as refused:
        client.batch("btc_1")

    assert (str(refused.value), refused.value.exit_code) == (text, 1)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        pytest.param(
            httpx.ConnectError, "No answer from http://api.example (ConnectError)", id="nobody there"
        ),
        pytest.param(httpx.ReadTimeout, "No answer from http://api.example (ReadTimeout)", id="too slow"),
        pytest.param(
            a_problem(503, "Database is unreachable"),
            "http://api.example cannot work now: Database is unreachable",
            id="unavailable",
        ),
        pytest.param(
            a_problem(429, "Rate limit exceeded"),
            "http://api.example cannot work now: Rate limit exceeded",
            id="rate limited",
        ),
        pytest.param(
            httpx.Response(502),
            "http://api.example cannot work now: The API answered 502 Bad Gateway",
            id="proxy",
        ),
    ],
)
def test_silence_is_told_apart_from_refusal(
    answer: httpx.Response | type[httpx.TransportError], text: str
) -> None:
    with StandInApi(answer).client() as client, pytest.raises(ApiUnreachable) as lost:
        client.batch("btc_1")

    assert (str(lost.value), lost.value.exit_code) == (text, 3)


CUT = httpx.RemoteProtocolError
BUSY = a_problem(409, "A request with this Idempotency-Key is still in progress")
PEOPLE = b"phone_number\n+14155550104\n"


def upload(api: StandInApi) -> object:
    with api.client() as client:
        return client.create_batch({"campaign_id": "cmp_1", "concurrency_limit": 5}, io.BytesIO(PEOPLE))


def test_upload_whose_answer_got_lost_is_sent_again_whole_with_its_key_and_makes_one_batch() -> None:
    api = StandInApi(CUT, httpx.ConnectError, BUSY, ok(a_batch(), 201))

    assert upload(api) == a_batch()
    assert len({each.headers["Idempotency-Key"] for each in api.requests}) == 1
    assert [form_of(each) for each in api.requests] == [
        {"campaign_id": "cmp_1", "concurrency_limit": "5", "file": PEOPLE.decode()}
    ] * 4
    assert api.pauses == [1, 2, 4]


def test_two_uploads_have_two_keys() -> None:
    api = StandInApi(ok(a_batch(), 201))
    upload(api)
    upload(api)

    assert len({each.headers["Idempotency-Key"] for each in api.requests}) == 2


@pytest.mark.parametrize(
    ("answer", "failure", "tries"),
    [
        pytest.param(httpx.ReadTimeout, ApiUnreachable, 4, id="lost again and again"),
        pytest.param(a_problem(503, "Database is unreachable"), ApiUnreachable, 4, id="never now"),
        pytest.param(httpx.ConnectError, ApiUnreachable, 1, id="nobody there"),
        pytest.param(a_problem(409, "Campaign is cancelled"), RequestRefused, 1, id="conflict"),
        pytest.param(a_problem(422, "Validation failed"), RequestRefused, 1, id="refused"),
    ],
)
def test_upload_is_tried_a_few_times_where_it_may_have_worked_and_else_once(
    answer: httpx.Response | type[httpx.TransportError], failure: type[CommandFailed], tries: int
) -> None:
    api = StandInApi(answer)
    with pytest.raises(failure):
        upload(api)

    assert len(api.requests) == tries


def test_list_that_is_none_is_refused() -> None:
    with StandInApi(ok({})).client() as client, pytest.raises(RequestRefused, match="else than a list"):
        list(client.campaigns())


@pytest.mark.parametrize("address", ["http://[::1", "http://api.example:port"])
def test_address_that_is_none_is_a_usage_error(address: str) -> None:
    with pytest.raises(UsageWrong, match="is not the address of an API"):
        ApiClient(address, TOKEN)


def test_no_message_holds_the_token() -> None:
    with StandInApi(httpx.ConnectError).client() as client, pytest.raises(CommandFailed) as failed:
        client.create_batch({}, io.BytesIO())

    assert TOKEN not in f"{failed.value!r} {failed.value.__cause__!r}"


def test_proxies_of_the_environment_are_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with (
        ApiClient("http://127.0.0.1:1", TOKEN) as client,
        pytest.raises(ApiUnreachable, match=r"127\.0\.0\.1:1 "),
    ):
        client.batch("btc_1")
