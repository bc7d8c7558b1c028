"""Compares phone numbers as providers return them, with or without a plus."""

import re

_NO_DIGIT = re.compile(r"[^0-9]")


def are_the_same(one: object, other: object) -> bool:
    """Tell whether two texts are the same number; some carriers get it without its `+`."""
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    digits = _NO_DIGIT.sub("", one)
    return digits == _NO_DIGIT.sub("", other) if digits else one == other
