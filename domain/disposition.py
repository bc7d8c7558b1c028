"""Who answered a call, and what its agent says came of the talk."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
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


class OnMachine(StrEnum):
    """What happens to a call that a machine answered; wire values of `on_machine`."""

    CONTINUE = "continue"
    HANG_UP = "hang_up"


HANG_UP_AFTER = timedelta(seconds=5)
"""So long after it hears of the machine Apollo ends a call that goes on; the provider may have done so."""


class Then(StrEnum):
    """What a disposition leads to; wire values of a rule's `then`."""

    COMPLETE = "complete"
    RETRY = "retry"
    FOLLOW_UP = "follow_up"
    SUPPRESS = "suppress"


@dataclass(frozen=True, kw_only=True)
class DispositionRule:
    """What becomes of a contact whose call came to a disposition."""

    disposition: str
    then: Then
    after: timedelta | None = None
    """From the call's end to the next one; None leaves that to the cooldown, or to what was agreed."""


def rule_for(disposition: str | None, rules: Iterable[DispositionRule]) -> DispositionRule | None:
    """Return the rule for a disposition; None without one."""
    return next((rule for rule in rules if rule.disposition == disposition), None)


def suppression_reason(disposition: str) -> str:
    """Return why a number is listed that a rule suppresses."""
    return f"disposition:{disposition}"


MOST_COUNTED = 1000
"""Different dispositions in one count, the most frequent ones."""


@dataclass(frozen=True, kw_only=True)
class ReportedCounts:
    """How many calls were reported, each once by what was reported; words that fit no call are left out."""

    answered_by: Mapping[AnsweredBy, int] = field(default_factory=dict)
    dispositions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ReportedFilter:
    """What was reported of a contact's newest call; empty matches any contact, called or not."""

    answered_by: frozenset[AnsweredBy] = frozenset()
    dispositions: frozenset[str] = frozenset()

    def matches(self, answered_by: AnsweredBy | None, disposition: str | None) -> bool:
        """Tell whether a call is wanted."""
        is_answerer = not self.answered_by or answered_by in self.answered_by
        return is_answerer and (not self.dispositions or disposition in self.dispositions)


ANYTHING_REPORTED = ReportedFilter()
