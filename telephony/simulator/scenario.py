"""What happens to a call, decided by the last two digits of the called number."""

from dataclasses import dataclass
from enum import StrEnum

from domain.call import CallStatus
from telephony.simulator.settings import SimulatorOptions


class CreateManner(StrEnum):
    """How a create call is answered."""

    ORDINARY = "ordinary"
    THROTTLED_FIRST = "throttled_first"
    """429 once per execution, then accepted."""
    BROKEN = "broken"
    """500, and no call."""
    HELD = "held"
    """The call is placed, the answer does not come."""
    AFTER_FIRST_WEBHOOK = "after_first_webhook"


class WebhookManner(StrEnum):
    """How a call's webhooks are sent."""

    ORDINARY = "ordinary"
    FINAL_LOST = "final_lost"
    TRIPLED = "tripled"
    BACKWARDS = "backwards"
    """All at the end of the call, the last one first."""
    FINAL_DOUBLED = "final_doubled"
    FINAL_LATE = "final_late"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The fate of a call."""

    ending: CallStatus = CallStatus.COMPLETED
    create: CreateManner = CreateManner.ORDINARY
    webhooks: WebhookManner = WebhookManner.ORDINARY
    asks_follow_up: bool = False
    first_call_only: bool = False
    """The contact's later calls are ordinary."""


ORDINARY = Scenario()

_BY_LAST_DIGITS = {
    "01": Scenario(ending=CallStatus.BUSY),
    "02": Scenario(ending=CallStatus.NO_ANSWER),
    "03": Scenario(ending=CallStatus.FAILED),
    "04": Scenario(ending=CallStatus.BUSY, first_call_only=True),
    "05": Scenario(webhooks=WebhookManner.FINAL_LOST),
    "06": Scenario(webhooks=WebhookManner.TRIPLED),
    "07": Scenario(webhooks=WebhookManner.BACKWARDS),
    "08": Scenario(create=CreateManner.HELD),
    "09": Scenario(create=CreateManner.THROTTLED_FIRST),
    "10": Scenario(create=CreateManner.BROKEN),
    "11": Scenario(asks_follow_up=True, first_call_only=True),
    "12": Scenario(create=CreateManner.AFTER_FIRST_WEBHOOK),
}


def scenario_of(to_number: str) -> Scenario:
    """Return what the called number stands for."""
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
    """Return the way of a call to its ending; who rings past the limit is not answered."""
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
