"""Providers' words for the status of a call, in ours."""

from collections.abc import Mapping

from domain.call import CallStatus

_BUILT_IN = {
    "queued": CallStatus.QUEUED,
    "trying": CallStatus.QUEUED,
    "initiated": CallStatus.QUEUED,
    "ringing": CallStatus.RINGING,
    "alerting": CallStatus.RINGING,
    "earlymedia": CallStatus.RINGING,
    "inprogress": CallStatus.IN_PROGRESS,
    "answered": CallStatus.IN_PROGRESS,
    "completed": CallStatus.COMPLETED,
    "busy": CallStatus.BUSY,
    "noanswer": CallStatus.NO_ANSWER,
    "canceled": CallStatus.NO_ANSWER,
    "cancelled": CallStatus.NO_ANSWER,
    "failed": CallStatus.FAILED,
}

_IGNORED_CHARACTERS = str.maketrans("", "", "-_ ")


class StatusWords:
    """The built-in words, and an operator's own, which win over them.

    Case, `-`, `_` and spaces do not matter.
    """

    def __init__(self, added: Mapping[str, CallStatus] | None = None) -> None:
        self._status_of = {**_BUILT_IN, **{_bare(word): status for word, status in (added or {}).items()}}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StatusWords) and other._status_of == self._status_of

    def __hash__(self) -> int:
        return hash(frozenset(self._status_of.items()))

    def status_of(self, word: str) -> CallStatus | None:
        """Return our status for a provider's word, None for a word we do not know."""
        return self._status_of.get(_bare(word))


BUILT_IN_WORDS = StatusWords()


def _bare(word: str) -> str:
    return word.translate(_IGNORED_CHARACTERS).lower()
