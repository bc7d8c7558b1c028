"""The words providers use for where a call stands, in ours."""

from domain.call import CallStatus

_STATUS_OF = {
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


def call_status_of(word: str) -> CallStatus | None:
    """Return our status for a provider's word, None for a word we do not know.

    Case, `-`, `_` and spaces do not matter.
    """
    return _STATUS_OF.get(word.translate(_IGNORED_CHARACTERS).lower())
