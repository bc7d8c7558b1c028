"""A telephone number in E.164 form.

Whether a number is *possible* needs numbering plans and is checked at intake with a library;
here only the shape is kept, so that nothing else can travel as a number.
"""

import re
from dataclasses import dataclass

# ITU-T E.164: a country code that does not start with 0, fifteen digits at most.
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """`+` and up to fifteen digits. Raises ValueError for any other text; its message holds no digits."""

    e164: str

    def __post_init__(self) -> None:
        if not _E164.fullmatch(self.e164):
            raise ValueError("A phone number is + and 2 to 15 digits, the first not 0")

    def __str__(self) -> str:
        return self.e164

    def __repr__(self) -> str:
        return f"PhoneNumber(…{self.e164[-2:]})"
