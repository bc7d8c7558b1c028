"""The fault table: the last two digits of the called number name what goes wrong."""

from collections.abc import Mapping

from tests.hostile.fault import Answer, Attempt, Fault, Form, Pen, Shown, Step, Unlike
from tests.hostile.reports import (
    ACCEPTED,
    BUSY,
    BUSY_CALL,
    COMPLETED,
    DEAD_NUMBER,
    DUPLICATE,
    EARLY_MEDIA,
    IGNORED,
    OVER_CAPACITY,
    RINGING,
    STALE,
    TALKING,
    TOO_LARGE,
    TRYING,
    UNHEARD_OF,
    UNREPORTED_CALL,
    UNSIGNED,
    WHOLE_CALL,
    answered,
    formed,
    late,
    lost,
    untrue,
)

MAX_RETRIES = 1
RETRY_ON = ("failed",)
"""So that a redial would show, had an unknown call been mistaken for a failed one."""
WORDS_NOBODY_KNOWS = ("transferring", "0", "COMPLETE-ISH")
DIAL_SECONDS = 3
"""For so long a request for a call is waited for, on a slow machine too."""
RING_SECONDS = 5
LEASE_SECONDS = RING_SECONDS + 30
"""After which a call that nobody can find is unknown."""

_ENDS_AS = {"completed": "completed", "busy": "busy", "unknown": "failed"}
"""What a contact ends in after its first and only attempt."""


def _one(name: str, attempt: Attempt) -> Fault:
    return Fault(name=name, contact=_ENDS_AS[attempt.ends], attempts=(attempt,))


def _answered(name: str, *create: Answer, script: tuple[Step, ...] = WHOLE_CALL, early: int = 0) -> Fault:
    """A call is made once and completed, whatever the request for it was answered."""
    # What is reported in full is not looked up as well, so that each way is seen to suffice.
    shown = Shown.LIVE if script == UNREPORTED_CALL else Shown.NOWHERE
    return _one(name, Attempt(ends="completed", create=create, script=script, early=early, shown=shown))


def _told(name: str, *script: Step, ends: str = "completed") -> Fault:
    """A call goes well, and what is reported of it does not."""
    return _one(name, Attempt(ends=ends, script=script))


def _nothing_placed(name: str, answer: Answer) -> Fault:
    return _one(name, Attempt(ends="unknown", create=(answer,), rings=0))


OTHER_TOOLS = (Unlike.CALLER, Unlike.APPLICATION, Unlike.TIME)
_HIDDEN = Attempt(ends="unknown", create=(Answer.NEVER,), script=UNREPORTED_CALL, shown=Shown.NOWHERE)
_FOUND_LATE = (late(COMPLETED, DIAL_SECONDS + LEASE_SECONDS + 5),)
_ROW_KNOWS_SECONDS = 6
"""Within which Apollo has written down the id of a call, once it was answered."""
_UNTAGGED_CALL = (
    formed(TRYING, Form.UNTAGGED, UNHEARD_OF),
    formed(RINGING, Form.UNTAGGED, UNHEARD_OF),
    late(formed(TALKING, Form.UNTAGGED, ACCEPTED), _ROW_KNOWS_SECONDS),
    formed(COMPLETED, Form.UNTAGGED, ACCEPTED),
)

FAULTS: Mapping[str, Fault] = {
    # Those that take a whole lease come first, and calls that go well between them.
    "43": _one(
        "ending after ours: the call was unknown",
        Attempt(ends="completed", create=(Answer.NEVER,), script=_FOUND_LATE, shown=Shown.NOWHERE),
    ),
    "45": Fault(
        name="look-up shows the call of an earlier attempt to the same number",
        contact="failed",
        attempts=(
            Attempt(ends="failed", script=DEAD_NUMBER),
            Attempt(ends="unknown", create=(Answer.FETCH_FAILED,), rings=0),
        ),
    ),
    "01": _told("nothing goes wrong", *WHOLE_CALL),
    "12": _nothing_placed("no answer, nothing placed", Answer.NEVER),
    "13": _one("no answer, a call placed that nobody hears of", _HIDDEN),
    "02": _told("callee is busy", *BUSY_CALL, ends="busy"),
    "15": _nothing_placed("500 fetch failed, nothing placed", Answer.FETCH_FAILED),
    "16": _nothing_placed("500 in plain text, nothing placed", Answer.SERVER_ERROR),
    "23": _answered("201 comes late, after `trying`", Answer.SLOW, early=1),
    "17": _nothing_placed("connection reset, nothing placed", Answer.RESET),
    "46": _one(
        "look-up shows two calls, either of which may be ours",
        Attempt(
            ends="unknown", create=(Answer.FETCH_FAILED,), script=UNREPORTED_CALL, strangers=(Unlike.NOTHING,)
        ),
    ),
    "50": _one(
        "nothing placed, look-up shows calls of other tools that are over",
        Attempt(ends="unknown", create=(Answer.FETCH_FAILED,), rings=0, strangers=OTHER_TOOLS),
    ),
    "51": _one(
        "look-up shows ours among calls of other tools",
        Attempt(
            ends="completed", create=(Answer.FETCH_FAILED,), script=UNREPORTED_CALL, strangers=OTHER_TOOLS
        ),
    ),
    "24": _answered("the whole call is over before the 201", Answer.SLOW, early=len(WHOLE_CALL)),
    "11": _answered("no answer, a call placed", Answer.NEVER),
    "14": _answered("500 fetch failed, a call placed", Answer.FETCH_FAILED, script=UNREPORTED_CALL),
    "25": _answered(
        "reports before the row can know the call's id", Answer.SLOW, script=_UNTAGGED_CALL, early=2
    ),
    "18": _answered("connection reset, a call placed", Answer.RESET, script=UNREPORTED_CALL),
    "19": _answered("answer cut off, a call placed", Answer.TRUNCATED),
    "21": _answered("429 first", Answer.THROTTLED, Answer.CREATED),
    "26": _answered("2xx without an id", Answer.WITHOUT_ID),
    "27": _answered("201 with an empty body", Answer.EMPTY, script=UNREPORTED_CALL),
    "22": _answered("480 first", Answer.NO_CAPACITY, Answer.CREATED),
    "47": Fault(
        name="look-up shows an earlier attempt's call beside ours",
        contact="completed",
        attempts=(
            Attempt(ends="failed", script=DEAD_NUMBER),
            Attempt(ends="completed", create=(Answer.FETCH_FAILED,), script=UNREPORTED_CALL),
        ),
    ),
    "31": _told("final report lost", TRYING, RINGING, TALKING, lost(COMPLETED)),
    "30": _one(
        "final report lost and the record dropped: only the detail records tell",
        Attempt(ends="completed", script=(*WHOLE_CALL[:-1], lost(COMPLETED)), shown=Shown.IN_RECORDS),
    ),
    "32": _told(
        "every report three times",
        answered(TRYING, STALE, DUPLICATE, DUPLICATE),
        *(answered(step, ACCEPTED, DUPLICATE, DUPLICATE) for step in (RINGING, TALKING, COMPLETED)),
    ),
    "33": _told(
        "reports shuffled, the ending first",
        COMPLETED,
        *(untrue(step, STALE) for step in (RINGING, TALKING, EARLY_MEDIA, TRYING)),
    ),
    "34": _told(
        "ending forged", TRYING, RINGING, untrue(COMPLETED, UNSIGNED, pen=Pen.FORGER), BUSY, ends="busy"
    ),
    "35": _told(
        "old ending replayed",
        TRYING,
        RINGING,
        untrue(COMPLETED, UNSIGNED, pen=Pen.REPLAYER),
        BUSY,
        ends="busy",
    ),
    "36": _told(
        "report names another organization's attempt",
        *BUSY_CALL,
        untrue(COMPLETED, IGNORED, form=Form.OTHERS_ATTEMPT),
        ends="busy",
    ),
    "37": _told(
        "report names another organization's call",
        TRYING,
        RINGING,
        untrue(COMPLETED, IGNORED, form=Form.OTHERS_CALL),
        BUSY,
        ends="busy",
    ),
    "38": _told(
        "report of ten megabytes", TRYING, untrue(RINGING, TOO_LARGE, form=Form.HUGE), RINGING, COMPLETED
    ),
    "39": _told(
        "words nobody knows",
        TRYING,
        RINGING,
        *(
            untrue(Step(word=word, sip=200, answers=()), IGNORED)
            for word in ("transferring", "0", "COMPLETE-ISH")
        ),
        TALKING,
        COMPLETED,
    ),
    "41": _told(
        "child leg ends", TRYING, RINGING, TALKING, untrue(BUSY, IGNORED, form=Form.CHILD_LEG), COMPLETED
    ),
    "42": _told("another ending after the ending", *BUSY_CALL, untrue(COMPLETED, STALE), ends="busy"),
    "44": Fault(
        name="SIP 503, over capacity",
        contact="completed",
        attempts=(
            Attempt(ends="failed", script=(TRYING, OVER_CAPACITY)),
            Attempt(ends="completed", script=WHOLE_CALL),
        ),
    ),
    "48": _told("answer never reported", TRYING, RINGING, lost(TALKING), COMPLETED),
    "49": _told(
        "tag garbled", TRYING, *(formed(step, Form.GARBLED_TAG, ACCEPTED) for step in (RINGING, COMPLETED))
    ),
}

VICTIM = Fault(
    name="another organization's call",
    contact="busy",
    attempts=(Attempt(ends="busy", script=(TRYING, RINGING, late(BUSY, 20))),),
    is_victim=True,
)
VICTIMS_ENDING = "99"


def fault_of(number: str) -> Fault:
    """Return what goes wrong with calls to a number."""
    ending = number[-2:]
    return VICTIM if ending == VICTIMS_ENDING else FAULTS[ending]
