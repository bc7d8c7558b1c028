"""The life cycle of a contact, against the contract's table 6.4."""

import pytest

from domain.contact import LIVE, TERMINAL, WAITING, ContactStatus, may_become

WAITS = {"pending", "retrying", "followup_scheduled"}
ENDS = {"completed", "busy", "no_answer", "failed", "max_retries_reached"}
ALLOWED: dict[str, set[str]] = {
    "pending": {"dispatched", "skipped"},
    "dispatched": WAITS | ENDS | {"in_progress", "skipped"},
    "in_progress": ENDS | {"retrying", "followup_scheduled"},
    "retrying": ENDS | {"dispatched", "skipped"},
    "followup_scheduled": {"dispatched", "skipped"},
    "completed": {"retrying", "followup_scheduled"},
    "busy": set(),
    "no_answer": set(),
    "failed": set(),
    "max_retries_reached": set(),
    "skipped": set(),
}


@pytest.mark.parametrize("current", list(ContactStatus))
@pytest.mark.parametrize("following", list(ContactStatus))
def test_life_cycle(current: ContactStatus, following: ContactStatus) -> None:
    assert may_become(current, following) is (following.value in ALLOWED[current.value])


def test_every_status_is_live_or_waiting_or_terminal_and_only_one_of_them() -> None:
    assert set(ContactStatus) == LIVE | WAITING | TERMINAL
    assert len(LIVE) + len(WAITING) + len(TERMINAL) == len(ContactStatus)


def test_talking_contact_cannot_be_skipped() -> None:
    assert not may_become(ContactStatus.IN_PROGRESS, ContactStatus.SKIPPED)
