"""No address and no token of the machine that runs the tests."""

import pytest


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APOLLO_API_URL", "APOLLO_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
