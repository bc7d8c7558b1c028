"""The table of reported statuses in the public contract."""

import pytest

from domain.call import CallStatus
from telephony.status_words import BUILT_IN_WORDS, StatusWords


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queued", CallStatus.QUEUED),
        ("trying", CallStatus.QUEUED),
        ("initiated", CallStatus.QUEUED),
        ("ringing", CallStatus.RINGING),
        ("alerting", CallStatus.RINGING),
        ("early-media", CallStatus.RINGING),
        ("in-progress", CallStatus.IN_PROGRESS),
        ("answered", CallStatus.IN_PROGRESS),
        ("completed", CallStatus.COMPLETED),
        ("busy", CallStatus.BUSY),
        ("no-answer", CallStatus.NO_ANSWER),
        ("canceled", CallStatus.NO_ANSWER),
        ("cancelled", CallStatus.NO_ANSWER),
        ("failed", CallStatus.FAILED),
    ],
)
def test_every_word_of_the_contract_has_its_status(word: str, status: CallStatus) -> None:
    assert BUILT_IN_WORDS.status_of(word) is status


@pytest.mark.parametrize(
    "word", ["No-Answer", "no_answer", "NO ANSWER", "noanswer", "-no--answer_", "nO_aNsWeR"]
)
def test_case_dashes_underscores_and_spaces_do_not_matter(word: str) -> None:
    assert BUILT_IN_WORDS.status_of(word) is CallStatus.NO_ANSWER


@pytest.mark.parametrize("word", ["", "-", "unknown", "rejected", "completed!", "no.answer"])
def test_other_words_have_no_status(word: str) -> None:
    assert BUILT_IN_WORDS.status_of(word) is None


ADDED = StatusWords({"Un-answered": CallStatus.NO_ANSWER, "failed": CallStatus.BUSY})


@pytest.mark.parametrize("word", ["unanswered", "UNANSWERED", "un_answered", "Un Answered"])
def test_added_word_is_read_as_forgivingly_as_a_built_in_one(word: str) -> None:
    assert ADDED.status_of(word) is CallStatus.NO_ANSWER


def test_added_word_wins_over_the_built_in_one_and_leaves_the_others_alone() -> None:
    assert ADDED.status_of("failed") is CallStatus.BUSY
    assert ADDED.status_of("no-answer") is CallStatus.NO_ANSWER
    assert BUILT_IN_WORDS.status_of("failed") is CallStatus.FAILED
    assert BUILT_IN_WORDS.status_of("unanswered") is None
