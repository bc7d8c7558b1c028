"""The quick rule for numbers answers exactly as the library does."""

import random

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.phone_numbers import is_possible_e164


def _by_the_contract(text: str) -> bool:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return False
    reason = phonenumbers.is_possible_number_with_reason(number)
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return bool(reason == phonenumbers.ValidationResult.IS_POSSIBLE and written == text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+14155550123", True),
        ("+390612345678", True),  # Italy keeps the leading zero
        ("+4402083661177", False),  # the national prefix is not part of the number
        ("+1415555012", False),
        ("+141555501234", False),
        ("+5550123", False),
        ("+0014155550123", False),
        ("14155550123", False),
        ("+1 415 555 0123", False),
        ("+1-415-555-0123", False),
        ("tel:+14155550123", False),
        ("+14155550123;ext=5", False),
        ("+1415555CALL", False),
        ("+１４１５５５５０１２３", False),
        ("+800012345678", False),
        ("+80012345678", True),  # international freephone
        ("+", False),
        ("", False),
    ],
)
def test_only_possible_numbers_in_exactly_this_form_are_accepted(text: str, expected: bool) -> None:
    assert is_possible_e164(text) is expected


def test_quick_rule_agrees_with_the_library_for_every_country_code() -> None:
    draw = random.Random(20260904)
    codes = [*phonenumbers.COUNTRY_CODE_TO_REGION_CODE, 0, 210, 999]
    numbers = [
        f"+{code}" + "".join(draw.choices("0123456789", k=length))
        for code in codes
        for length in (*range(18), 7, 8, 9, 10, 10, 11)
    ]

    disagreed = [each for each in numbers if is_possible_e164(each) is not _by_the_contract(each)]

    assert disagreed == []


@given(st.text(alphabet="+0123456789 -()x", max_size=20))
def test_quick_rule_agrees_with_the_library_for_any_text(text: str) -> None:
    assert is_possible_e164(text) is _by_the_contract(text)
