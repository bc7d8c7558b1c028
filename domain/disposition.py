"""Who answered a call, and what its agent says came of the talk."""

import re
from enum import StrEnum

LONGEST_NOTE = 2000
"""Characters of a disposition's note."""
MAX_DATA_BYTES = 16_384
"""Of a disposition's data, as compact JSON in UTF-8."""

_DISPOSITION = re.compile(r"[a-z][a-z0-9_]{0,63}")


class AnsweredBy(StrEnum):
    """Who or what answered a call; wire values of `answered_by`."""

    HUMAN = "human"
    MACHINE = "machine"
    FAX = "fax"
    UNKNOWN = "unknown"
    """Somebody looked, and could not tell."""


MACHINES = frozenset({AnsweredBy.MACHINE, AnsweredBy.FAX})
"""An answered call that one of these took is a voicemail."""


def is_disposition(text: str) -> bool:
    """Tell whether a text may stand as a disposition."""
    return _DISPOSITION.fullmatch(text) is not None
