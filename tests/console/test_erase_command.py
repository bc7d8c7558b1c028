"""`apollo erase` asks first, and lets the number stay out of the shell's history."""

import json

import pytest

from tests.console.stand_in_api import StandInApi, ok
from tests.console.terminal import apollo

NUMBER = "+14155550123"
ERASED = {"erasure_id": "era_1", "contacts": 2, "calls": 3, "events": 4}


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        pytest.param((), f"{NUMBER}\ny\n", id="asked for"),
        pytest.param((NUMBER,), "y\n", id="as an argument"),
        pytest.param((NUMBER, "--yes"), "", id="without a question"),
        pytest.param(("-", "--yes"), f"{NUMBER}\n", id="from standard input"),
    ],
)
def test_erase_sends_the_number_and_prints_the_erasures_id(words: tuple[str, ...], typed: str) -> None:
    api = StandInApi(ok(ERASED))

    result = apollo(api, "erase", *words, typed=typed)

    (request,) = api.requests
    assert (request.method, request.url.path) == ("POST", "/api/v1/erasures")
    assert json.loads(request.content) == {"phone_number": NUMBER}
    assert (result.exit_code, result.stdout.endswith("era_1\n")) == (0, True)
    assert result.stderr.endswith("Erased: 2 contacts, 3 calls, 4 events.\n")


def test_erase_that_is_not_confirmed_erases_nobody() -> None:
    api = StandInApi(ok(ERASED))

    result = apollo(api, "erase", NUMBER, typed="n\n")

    assert (result.exit_code, api.requests) == (1, [])


def test_number_from_standard_input_needs_no_question_to_be_left() -> None:
    api = StandInApi(ok(ERASED))

    result = apollo(api, "erase", "-", typed=f"{NUMBER}\n")

    assert (result.exit_code, api.requests) == (2, [])
    assert result.stderr == "apollo: A number from standard input leaves nobody to ask: add --yes\n"
