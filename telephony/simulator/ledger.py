"""The simulator's record of requests and rings: the oracle for *a phone rings at most once*."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from telephony.simulator.call import CreateCallRequest, SimulatedCall
from telephony.simulator.scenario import WebhookBehaviour

HELD = "held"
"""Stands in the ledger where the answer to a create call was withheld."""


@dataclass(slots=True)
class WebhookCounts:
    """Webhooks delivered and given up, tries repeated, and final webhooks with a fault."""

    sent: int = 0
    retried: int = 0
    given_up: int = 0
    lost: int = 0
    """Never sent, so not counted elsewhere."""
    doubled: int = 0
    late: int = 0

    def note_ending(self, behaviour: WebhookBehaviour) -> None:
        """Count the final webhook of a call that is over."""
        match behaviour:
            case WebhookBehaviour.FINAL_LOST:
                self.lost += 1
            case WebhookBehaviour.FINAL_DOUBLED:
                self.doubled += 1
            case WebhookBehaviour.FINAL_LATE:
                self.late += 1


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """A create call and the code it was answered with."""

    at: datetime
    request: CreateCallRequest
    answer: int | str

    def row(self) -> Mapping[str, object]:
        return {
            "at": self.at.isoformat(),
            "execution_id": self.request.execution_id,
            "batch_id": self.request.batch_id,
            "contact_id": self.request.contact_id,
            "from": self.request.from_number,
            "to": self.request.to_number,
            "answer": self.answer,
        }


class Ledger:
    """Keeps the newest `limit` create requests and the newest `limit` rings."""

    def __init__(self, limit: int) -> None:
        self._requests: deque[CreateRequest] = deque(maxlen=limit)
        self._rings: deque[SimulatedCall] = deque(maxlen=limit)
        self.live = 0
        """Calls from the acceptance of their create call until they end."""
        self._peak_live = 0
        self.webhooks = WebhookCounts()

    def note_request(self, request: CreateCallRequest, answer: int | str, at: datetime) -> None:
        """Record a create call and its answer."""
        self._requests.append(CreateRequest(at, request, answer))

    def note_placed(self, call: SimulatedCall) -> None:
        """Record a call that goes out to a phone, answered or not."""
        self._rings.append(call)
        self.live += 1
        self._peak_live = max(self._peak_live, self.live)

    def note_ended(self, call: SimulatedCall) -> None:
        self.live -= 1
        self.webhooks.note_ending(call.scenario.webhooks)

    @property
    def rings(self) -> Iterable[SimulatedCall]:
        """The calls that went out to a phone, oldest first."""
        return self._rings

    def clear(self) -> None:
        """Forget everything but the calls that live now."""
        self._requests.clear()
        self._rings.clear()
        self._peak_live = self.live
        self.webhooks = WebhookCounts()

    def as_json(self) -> Mapping[str, object]:
        """Return the whole record, oldest first."""
        return {
            "create_requests": [request.row() for request in self._requests],
            "rings": [_ring_row(call) for call in self._rings],
            "peak_live": self._peak_live,
            "live": self.live,
            "webhooks": asdict(self.webhooks),
        }


def _ring_row(call: SimulatedCall) -> Mapping[str, object]:
    behaviour = call.scenario.webhooks
    return {
        "at": call.created_at.isoformat(),
        "execution_id": call.request.execution_id,
        "to": call.request.to_number,
        "from": call.request.from_number,
        "call_sid": call.call_sid,
        "ended_at": call.ended_at.isoformat() if call.ended_at else None,
        "verbs": call.verbs,
        "webhook_fault": None if behaviour is WebhookBehaviour.ORDINARY else behaviour,
    }
