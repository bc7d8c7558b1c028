"""The words a fault is told in: how a dial is answered, what is reported afterwards, what look-ups say."""

from dataclasses import dataclass
from enum import Enum, auto


class Answer(Enum):
    """What a request for a call is answered."""

    CREATED = auto()
    SLOW = auto()
    """As a created call, shortly before the asker gives up."""
    NEVER = auto()
    FETCH_FAILED = auto()
    SERVER_ERROR = auto()
    RESET = auto()
    TRUNCATED = auto()
    """The connection ends in the middle of the answer."""
    THROTTLED = auto()
    NO_CAPACITY = auto()
    WITHOUT_ID = auto()
    EMPTY = auto()


NOT_DIALLED = frozenset({Answer.THROTTLED, Answer.NO_CAPACITY})
"""Answers that vouch for it, so that the same attempt is asked for again."""


class Pen(Enum):
    """Who signs a webhook."""

    PROVIDER = auto()
    FORGER = auto()
    """Signs with a secret of its own."""
    REPLAYER = auto()
    """Sends again what was truly signed long ago."""


class Form(Enum):
    """What a webhook says of whose call it is."""

    TAGGED = auto()
    UNTAGGED = auto()
    GARBLED_TAG = auto()
    OTHERS_ATTEMPT = auto()
    """This call's id beside the attempt of another organization."""
    OTHERS_CALL = auto()
    """This attempt beside the call id of another organization's call."""
    CHILD_LEG = auto()
    HUGE = auto()
    """Ten megabytes."""


class Unlike(Enum):
    """By what a call that somebody else placed can be told from ours."""

    NOTHING = auto()
    CALLER = auto()
    APPLICATION = auto()
    TIME = auto()
    """It was over long before ours was asked for."""


class Shown(Enum):
    """Where a look-up finds a call."""

    LIVE = auto()
    """Among the calls, as it stands."""
    IN_RECORDS = auto()
    """Among the detail records only, once it has ended."""
    NOWHERE = auto()


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that is reported of a call, and what Apollo must answer to it."""

    word: str
    sip: int
    reason: str = "Trying"
    answers: tuple[str, ...]
    """Code and result for each time it is sent; none when the webhook is lost."""
    after: float = 0.05
    """Seconds since the step before."""
    is_true: bool = True
    """Whether the call stands there, so that a look-up says the same."""
    pen: Pen = Pen.PROVIDER
    form: Form = Form.TAGGED


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """How one attempt is treated, and the call status it must end in."""

    ends: str
    create: tuple[Answer, ...] = (Answer.CREATED,)
    """One for each request that Apollo may make; the last says whether a call comes of it."""
    rings: int = 1
    script: tuple[Step, ...] = ()
    early: int = 0
    """Steps reported before the request is answered."""
    shown: Shown = Shown.LIVE
    strangers: tuple[Unlike, ...] = ()
    """Calls to the same number that nobody of Apollo asked for."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A number's behaviour, attempt by attempt, and the status its contact must end in."""

    name: str
    contact: str
    attempts: tuple[Attempt, ...]
    is_victim: bool = False
    """Called for another organization; other calls' reports try to move it."""
