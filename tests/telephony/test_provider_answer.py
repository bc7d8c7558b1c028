"""What is told of an answer that is no call: the provider's own words, and nobody's data."""

import json
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.provider_answer import HIDDEN, LONGEST, reason_of, unfit_words
from tests.telephony.world import a_request


def said(body: object, status: int = 400) -> str:
    """Return what is told of a JSON answer to a call of Ada's."""
    return reason_of(httpx.Response(status, json=body), unfit_words(["sesame"], a_request()))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param({"msg": "application_sid not found a99c0ffe-1234-4e57"}, "application_sid not found …"),
        pytest.param(
            {"msg": "unauthorized createCall request for account acc-1"},
            "unauthorized createCall request for account …",
        ),
        pytest.param(
            {"msg": 'missing or invalid to property: {"type":"phone","number":"+14155550199"}'},
            "missing or invalid to property: …",
        ),
        pytest.param({"error": "unauthorized"}, "unauthorized"),
        pytest.param({"error": {"code": 7, "message": "no such tenant."}}, "no such tenant."),
        pytest.param({"detail": "sip:ada@example.org is not served"}, "… is not served"),
        pytest.param({"message": "the key sesame is wrong"}, "the key … is wrong"),
        pytest.param({"message": "ADA's agent is unknown"}, "… agent is unknown"),
        pytest.param({"message": "4155550199 41 55 55"}, None),
        pytest.param({"message": ["in a list"]}, None),
        pytest.param({"message": ""}, None),
        pytest.param(["a list"], None),
        pytest.param("only text", "only text"),
        pytest.param(7, None),
    ],
)
def test_words_of_an_answer_are_told_without_what_it_quotes(body: object, told: str | None) -> None:
    assert said(body) == ("provider answered 400" if told is None else f"provider answered 400: {told}")


@pytest.mark.parametrize(
    ("response", "told"),
    [
        pytest.param(httpx.Response(401, text="Unauthorized"), ": Unauthorized", id="plain text"),
        pytest.param(httpx.Response(502, html="<h1>Bad Gateway</h1>"), "", id="a page"),
        pytest.param(
            httpx.Response(400, content=b"{", headers={"Content-Type": "application/json"}), "", id="half"
        ),
        pytest.param(httpx.Response(400, content=b"\xff"), "", id="bytes"),
        pytest.param(httpx.Response(405), "", id="nothing"),
    ],
)
def test_what_is_no_message_is_not_told(response: httpx.Response, told: str) -> None:
    assert reason_of(response, frozenset()) == f"provider answered {response.status_code}{told}"


def test_long_answers_are_cut() -> None:
    told = said({"msg": "word " * 500}).removeprefix("provider answered 400: ")

    assert len(told) == LONGEST
    assert told.endswith(HIDDEN)


@given(
    name=st.text(st.characters(categories=["L", "Nl", "No"]), min_size=1),
    number=st.from_regex(r"\+[1-9][0-9]{4,14}", fullmatch=True),
)
def test_no_answer_can_tell_a_name_or_a_number_that_was_sent(name: str, number: str) -> None:
    request = replace(a_request(), variables={"person": {"names": [name]}}, to_number=number)
    body = f"{name} {number} '{name}' {number[1:]} <{name}> ({number[-7:]}) {name.upper()}-{name}: refused"

    reason = reason_of(
        httpx.Response(
            400, content=json.dumps({"msg": body}).encode(), headers={"Content-Type": "application/json"}
        ),
        unfit_words((), request),
    )

    rest = reason.removeprefix("provider answered 400")
    assert not any(digit in rest for digit in "0123456789")
    if name.lower() != "refused":
        assert rest in ("", ": … refused")
