"""What happens to a call, decided by the last two digits of the called number."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from domain.call import CallStatus
from domain.disposition import AnsweredBy
from telephony.simulator.settings import SimulatorOptions


class CreateBehaviour(StrEnum):
    ORDINARY = "ordinary"
    THROTTLED_FIRST = "throttled_first"
    """429 once per execution, then accepted."""
    BROKEN = "broken"
    """500, and no call."""
    HELD = "held"
    """The call is placed, the answer does not come."""
    AFTER_FIRST_WEBHOOK = "after_first_webhook"


class WebhookBehaviour(StrEnum):
    ORDINARY = "ordinary"
    FINAL_LOST = "final_lost"
    TRIPLED = "tripled"
    BACKWARDS = "backwards"
    """All at the end of the call, the last one first."""
    FINAL_DOUBLED = "final_doubled"
    FINAL_LATE = "final_late"


class When(StrEnum):
    """When something besides its status is reported of a call."""

    RINGING = "ringing"
    ANSWER = "answer"
    ENDING = "ending"
    AFTERWARDS = "afterwards"


AFTERWARDS_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Told:
    """Who answered, or what came of the talk."""

    when: When
    answered_by: AnsweredBy | None = None
    disposition: str | None = None
    asks_follow_up: bool = False


@dataclass(frozen=True, kw_only=True)
class Scenario:
    ending: CallStatus = CallStatus.COMPLETED
    create: CreateBehaviour = CreateBehaviour.ORDINARY
    webhooks: WebhookBehaviour = WebhookBehaviour.ORDINARY
    asks_follow_up: bool = False
    first_call_only: bool = False
    """The contact's later calls are ordinary."""
    told: tuple[Told, ...] = ()


ORDINARY = Scenario()

_BY_LAST_DIGITS = {
    "01": Scenario(ending=CallStatus.BUSY),
    "02": Scenario(ending=CallStatus.NO_ANSWER),
    "03": Scenario(ending=CallStatus.FAILED),
    "04": Scenario(ending=CallStatus.BUSY, first_call_only=True),
    "05": Scenario(webhooks=WebhookBehaviour.FINAL_LOST),
    "06": Scenario(webhooks=WebhookBehaviour.TRIPLED),
    "07": Scenario(webhooks=WebhookBehaviour.BACKWARDS),
    "08": Scenario(create=CreateBehaviour.HELD),
    "09": Scenario(create=CreateBehaviour.THROTTLED_FIRST),
    "10": Scenario(create=CreateBehaviour.BROKEN),
    "11": Scenario(asks_follow_up=True, first_call_only=True),
    "12": Scenario(create=CreateBehaviour.AFTER_FIRST_WEBHOOK),
    "13": Scenario(told=(Told(when=When.ANSWER, answered_by=AnsweredBy.MACHINE),)),
    "14": Scenario(told=(Told(when=When.ANSWER, answered_by=AnsweredBy.FAX),)),
    "15": Scenario(told=(Told(when=When.ENDING, answered_by=AnsweredBy.MACHINE),)),
    "16": Scenario(told=(Told(when=When.ANSWER, answered_by=AnsweredBy.HUMAN),)),
    "17": Scenario(told=(Told(when=When.ANSWER, answered_by=AnsweredBy.UNKNOWN),)),
    "18": Scenario(
        told=(
            Told(when=When.ANSWER, answered_by=AnsweredBy.MACHINE),
            Told(when=When.ANSWER, answered_by=AnsweredBy.HUMAN),
        )
    ),
    "19": Scenario(told=(Told(when=When.ENDING, disposition="wrong_number"),)),
    "20": Scenario(
        told=(Told(when=When.ENDING, disposition="callback", asks_follow_up=True),), first_call_only=True
    ),
    "21": Scenario(told=(Told(when=When.AFTERWARDS, disposition="promised"),)),
    "22": Scenario(told=(Told(when=When.RINGING, disposition="refused"),)),
}


def scenario_of(to_number: str) -> Scenario:
    return _BY_LAST_DIGITS.get(to_number[-2:], ORDINARY)


@dataclass(frozen=True)
class Step:
    """`seconds` after the step before, the call reaches `status`."""

    seconds: float
    status: CallStatus
    sip_status: int


SIP_REASON = {
    100: "Trying",
    180: "Trying",  # Jambonz keeps the first reason until the final answer
    200: "OK",
    486: "Busy Here",
    487: "Request Terminated",
    503: "Service Unavailable",
}
"""The text beside each SIP status a call can reach."""

_TRYING = Step(0, CallStatus.QUEUED, 100)
_RINGING = Step(0, CallStatus.RINGING, 180)


def steps_to(
    ending: CallStatus, settings: SimulatorOptions, *, ring_limit: float, talk_limit: float
) -> tuple[Step, ...]:
    """Return the steps of a call to its ending; a phone that rings past the limit is not answered."""
    ring, unanswered = settings.ring_seconds, min(settings.unanswered_ring_seconds, ring_limit)
    match ending:
        case CallStatus.BUSY:
            return (_TRYING, Step(ring, ending, 486))
        case CallStatus.FAILED:
            return (_TRYING, Step(ring, ending, 503))
        case CallStatus.COMPLETED if ring <= ring_limit:
            talk = min(settings.talk_seconds, talk_limit)
            return (_TRYING, _RINGING, Step(ring, CallStatus.IN_PROGRESS, 200), Step(talk, ending, 200))
    return (_TRYING, _RINGING, Step(unanswered, CallStatus.NO_ANSWER, 487))


def fault_of(to_number: str, settings: SimulatorOptions) -> WebhookBehaviour:
    """Return how the final webhook of an ordinary call is sent: the same for the same number and seed."""
    draw = Random(f"{settings.seed}:{to_number}").random()  # noqa: S311 - keeps no secret
    shares = (
        (WebhookBehaviour.FINAL_LOST, settings.lost_share),
        (WebhookBehaviour.FINAL_DOUBLED, settings.doubled_share),
        (WebhookBehaviour.FINAL_LATE, settings.late_share),
    )
    for fault, share in shares:
        if draw < share:
            return fault
        draw -= share
    return WebhookBehaviour.ORDINARY
