"""What is reported of calls, step by step, and what Apollo must answer to each report."""

from dataclasses import replace

from tests.hostile.fault import Form, Pen, Step

ACCEPTED, STALE, IGNORED, DUPLICATE = "200 accepted", "200 stale", "200 ignored", "200 duplicate"
UNSIGNED, UNHEARD_OF, TOO_LARGE = "401 unauthorized", "404 not-found", "413 too-large"

# A call is queued from the moment it is asked for: that it is being tried is no news.
TRYING = Step(word="trying", sip=100, answers=(STALE,))
RINGING = Step(word="ringing", sip=180, answers=(ACCEPTED,))
EARLY_MEDIA = Step(word="early-media", sip=183, answers=(STALE,))
TALKING = Step(word="in-progress", sip=200, reason="OK", answers=(ACCEPTED,))
COMPLETED = Step(word="completed", sip=200, reason="OK", answers=(ACCEPTED,))
BUSY = Step(word="busy", sip=486, reason="Busy Here", answers=(ACCEPTED,))
NOT_FOUND = Step(word="failed", sip=404, reason="Not Found", answers=(ACCEPTED,))
OVER_CAPACITY = Step(word="failed", sip=503, reason="Maximum Calls In Progress", answers=(ACCEPTED,))


def lost(step: Step) -> Step:
    """Return a step that happens and is not reported."""
    return replace(step, answers=())


def late(step: Step, seconds: float) -> Step:
    """Return a step that happens only after a while."""
    return replace(step, after=seconds)


def answered(step: Step, *answers: str) -> Step:
    """Return a step that is answered otherwise, or reported several times."""
    return replace(step, answers=answers)


def untrue(step: Step, answer: str, *, pen: Pen = Pen.PROVIDER, form: Form = Form.TAGGED) -> Step:
    """Return a report of something that never happened to the call."""
    return replace(step, answers=(answer,), is_true=False, pen=pen, form=form)


def formed(step: Step, form: Form, answer: str) -> Step:
    """Return a true report in another form."""
    return replace(step, answers=(answer,), form=form)


WHOLE_CALL = (TRYING, RINGING, EARLY_MEDIA, TALKING, COMPLETED)
UNREPORTED_CALL = tuple(lost(step) for step in WHOLE_CALL)
BUSY_CALL = (TRYING, RINGING, BUSY)
DEAD_NUMBER = (TRYING, NOT_FOUND)
