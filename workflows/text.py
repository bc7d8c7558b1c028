"""Texts that people read in the Web UI: instants, reasons, what operators typed."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from domain.call import AttemptKind
from domain.disposition import AnsweredBy
from domain.gates import Gate

LONGEST = 80
"""Characters of a text somebody typed."""
_NOT_PLAIN = re.compile(r"[^\w .,:;!?'()/@+-]+")

WITHHELD: Mapping[Gate, str] = {
    Gate.BATCH_GONE: "its batch is gone",
    Gate.BATCH_HELD: "its batch is held",
    Gate.BATCH_OVER: "its batch is over",
    Gate.OUTSIDE_HOURS: "outside its calling hours",
    Gate.CONTACT_CLOSED: "it needs no call any more",
    Gate.SUPPRESSED: "its number is suppressed",
    Gate.FREQUENCY_CAPPED: "its number was called as often as it may be",
    Gate.NO_SLOT: "it holds no slot",
    Gate.NUMBER_BUSY: "another call to its number is open",
}
CALL: Mapping[AttemptKind, str] = {
    AttemptKind.INITIAL: "first call",
    AttemptKind.RETRY: "redial",
    AttemptKind.FOLLOW_UP: "agreed follow-up",
}


ANSWERED_BY: Mapping[AnsweredBy, str] = {
    AnsweredBy.HUMAN: "a human",
    AnsweredBy.MACHINE: "a machine",
    AnsweredBy.FAX: "a fax",
    AnsweredBy.UNKNOWN: "nobody knows whom",
}


def instant(at: datetime) -> str:
    """Return an instant as people read it, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def withheld(gate: Gate | None, presets: Sequence[str] = ()) -> str:
    """Return why no call was placed, and by which presets."""
    by = f" ({', '.join(presets)})" if presets else ""
    return f"not called: {WITHHELD[gate]}{by}" if gate else "not called"


def told(answered_by: AnsweredBy | None, disposition: str | None) -> str:
    """Return who answered a call and what came of it; empty where nobody told."""
    parts = (
        "" if answered_by is None else f"answered by {ANSWERED_BY[answered_by]}",
        "" if disposition is None else f"came to `{disposition}`",
    )
    return ", ".join(filter(None, parts))


def plain(text: str) -> str:
    """Return one short line that is no markup."""
    line = " ".join(_NOT_PLAIN.sub(" ", text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def quantity(number: int, noun: str, plural: str = "") -> str:
    """Return such as *1 contact* or *2 contacts*; `plural` where an s is not enough."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"
