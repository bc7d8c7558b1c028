"""Signing and verifying webhooks."""

from datetime import UTC, datetime, timedelta

import pytest

from telephony.signature import can_verify, sign, verify

SECRET = "example-webhook-secret"
SIGNED_AT = 1785000000
BODY = b'{"execution_id":"exec_01k2x4","call_status":"ringing"}'
DIGEST = "efefd25915ce6c7e91554d665f8967c84813af7091f4585ec99d131cee2bff8f"
HEADER = f"t={SIGNED_AT},v1={DIGEST}"
NOW = datetime.fromtimestamp(SIGNED_AT, UTC)


def test_the_contracts_example_is_signed_as_printed() -> None:
    assert sign(SECRET, SIGNED_AT, BODY) == HEADER


def test_what_was_signed_verifies() -> None:
    assert verify(sign(SECRET, SIGNED_AT, BODY), BODY, [SECRET], NOW)


@pytest.mark.parametrize(
    ("seconds", "accepted"),
    [
        pytest.param(-301, False, id="signed 301 s ahead of us"),
        pytest.param(-300, True, id="signed 300 s ahead of us"),
        pytest.param(300, True, id="signed 300 s ago"),
        pytest.param(301, False, id="signed 301 s ago"),
    ],
)
def test_a_signature_holds_for_300_seconds_both_ways(seconds: int, accepted: bool) -> None:
    assert verify(HEADER, BODY, [SECRET], NOW + timedelta(seconds=seconds)) is accepted


@pytest.mark.parametrize(
    "secrets", [pytest.param(["other", SECRET], id="second"), pytest.param([SECRET, "other"], id="first")]
)
def test_any_of_several_secrets_verifies(secrets: list[str]) -> None:
    assert verify(HEADER, BODY, secrets, NOW)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(f"t={SIGNED_AT},v1={'0' * 64},v1={DIGEST}", id="second v1 fits"),
        pytest.param(f"t={SIGNED_AT},v1={DIGEST},v1={'0' * 64}", id="first v1 fits"),
        pytest.param(f"v1={DIGEST},t={SIGNED_AT}", id="any order"),
        pytest.param(f"t={SIGNED_AT}, v0=abc, v1={DIGEST}", id="spaces and unknown parts"),
    ],
)
def test_a_header_may_hold_several_signatures_and_parts(header: str) -> None:
    assert verify(header, BODY, [SECRET], NOW)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(None, id="no header"),
        pytest.param("", id="empty"),
        pytest.param(DIGEST, id="bare digest"),
        pytest.param(f"v1={DIGEST}", id="no time"),
        pytest.param(f"t={SIGNED_AT}", id="no signature"),
        pytest.param(f"t={SIGNED_AT},v0={DIGEST}", id="another scheme"),
        pytest.param(f"t={SIGNED_AT},t={SIGNED_AT},v1={DIGEST}", id="two times"),
        pytest.param(f"t=+{SIGNED_AT},v1={DIGEST}", id="signed time"),
        pytest.param(f"t={SIGNED_AT}.0,v1={DIGEST}", id="fractional time"),
        pytest.param(f"t={'9' * 5000},v1={DIGEST}", id="endless time"),
        pytest.param(f"t=١٧٨٥٠٠٠٠٠٠,v1={DIGEST}", id="foreign digits"),
        pytest.param(f"t={SIGNED_AT},v1={DIGEST[:-1]}e", id="one digit off"),
        pytest.param(f"t={SIGNED_AT},v1={DIGEST[:-1]}é", id="not ASCII"),
        pytest.param(f"t={SIGNED_AT + 1},v1={DIGEST}", id="another time"),
    ],
)
def test_anything_else_is_refused(header: str | None) -> None:
    assert not verify(header, BODY, [SECRET], NOW)


@pytest.mark.parametrize("secrets", [pytest.param([], id="none"), pytest.param(["other"], id="another")])
def test_without_the_right_secret_nothing_verifies(secrets: list[str]) -> None:
    assert not verify(HEADER, BODY, secrets, NOW)


def test_a_changed_body_is_refused() -> None:
    assert not verify(HEADER, BODY + b" ", [SECRET], NOW)


@pytest.mark.parametrize(
    ("header", "may_be"),
    [
        pytest.param(HEADER, True, id="signed"),
        pytest.param(f"t={SIGNED_AT},v1=00", True, id="some signature"),
        pytest.param(None, False, id="no header"),
        pytest.param(f"v1={DIGEST}", False, id="no time"),
        pytest.param(f"t={SIGNED_AT}", False, id="no signature"),
        pytest.param(f"t={SIGNED_AT - 7200},v1={DIGEST}", False, id="long ago"),
        pytest.param(f"t={'9' * 5000},v1={DIGEST}", False, id="endless time"),
    ],
)
def test_header_alone_tells_whether_a_body_is_worth_reading(header: str | None, may_be: bool) -> None:
    assert can_verify(header, NOW) is may_be
