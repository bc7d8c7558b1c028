"""Real phones are called only when this folder is named: a machine may lack the programs they take."""

from pathlib import Path

import pytest

from tests.sip.loop import what_is_missing

HERE = Path(__file__).parent


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave the folder out of every run that was not asked for it."""
    named = (Path(str(each).partition("::")[0]).resolve() for each in config.args)
    return None if any(each.is_relative_to(HERE) for each in named) else True


@pytest.fixture(autouse=True)
def programs() -> None:
    """Skip where a program is missing: what was not called has not passed."""
    missing = what_is_missing()
    if missing:
        pytest.skip(missing)
