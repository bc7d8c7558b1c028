"""How many examples are tried of a property: all that a test asks for, or few of them in the unit tier."""

from typing import Any

from hypothesis import settings

_QUICK, _SHARE = "quick", 5


def register_quick_profile() -> None:
    """Let `--hypothesis-profile=quick` mean few."""
    settings.register_profile(_QUICK, max_examples=100 // _SHARE, deadline=None)


def examples(number: int, **options: Any) -> settings:
    """Return the settings of a test that tries so many, a fifth of them with `--hypothesis-profile=quick`."""
    is_quick = settings.get_current_profile_name() == _QUICK
    return settings(max_examples=number // _SHARE if is_quick else number, deadline=None, **options)
