"""Only E.164 travels as a phone number."""

import pytest

from domain.phone_number import PhoneNumber


@pytest.mark.parametrize("text", ["+14155550100", "+4930123456", "+12", "+123456789012345"])
def test_e164_is_accepted_as_it_is(text: str) -> None:
    assert str(PhoneNumber(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("14155550100", id="without plus"),
        pytest.param("+04155550100", id="country codes do not start with 0"),
        pytest.param("+1", id="one digit"),
        pytest.param("+1234567890123456", id="sixteen digits"),
        pytest.param("+1 415 555 0100", id="spaces"),
        pytest.param("+1-415-555-0100", id="punctuation"),
        pytest.param("+１４１５５５５０１００", id="digits of another script"),
        pytest.param("+14155550100\n", id="line end"),
    ],
)
def test_anything_else_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="is \\+ and 2 to 15 digits") as refusal:
        PhoneNumber(text)

    assert not text or text not in str(refusal.value)


def test_repr_hides_the_number() -> None:
    assert repr(PhoneNumber("+14155550142")) == "PhoneNumber(…42)"
