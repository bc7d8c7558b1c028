"""What the simulator was asked and whom it rang: the oracle for *a phone rings at most once*."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from telephony.simulator.call import CreateCallRequest, SimulatedCall
from telephony.simulator.scenario import WebhookManner

HELD = "held"
"""Stands in the ledger where the answer to a create call was withheld."""


@dataclass(slots=True)
class WebhookCounts:
    """Webhooks delivered, tries repeated, webhooks given up, and final ones that were treated unkindly."""

    sent: int = 0
    retried: int = 0
    given_up: int = 0
    lost: int = 0
    """Never sent, so that nothing else of them is counted here."""
    doubled: int = 0
    late: int = 0

    def note_ending(self, manner: WebhookManner) -> None:
        """Count the final webhook of a call that is over."""
        match manner:
            case WebhookManner.FINAL_LOST:
                self.lost += 1
            case WebhookManner.FINAL_DOUBLED:
                self.doubled += 1
            case WebhookManner.FINAL_LATE:
                self.late += 1


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """A create call and the code it was answered with."""

    at: datetime
    order: CreateCallRequest
    answer: int | str

    def row(self) -> Mapping[str, object]:
        """Return the ledger's JSON row."""
        return {
            "at": self.at.isoformat(),
            "execution_id": self.order.execution_id,
            "batch_id": self.order.batch_id,
            "contact_id": self.order.contact_id,
            "from": self.order.from_number,
            "to": self.order.to_number,
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

    def note_request(self, order: CreateCallRequest, answer: int | str, at: datetime) -> None:
        """Write down a create call, whatever became of it."""
        self._requests.append(CreateRequest(at, order, answer))

    def note_placed(self, call: SimulatedCall) -> None:
        """Write down a call that goes out to a phone, reached or not."""
        self._rings.append(call)
        self.live += 1
        self._peak_live = max(self._peak_live, self.live)

    def note_ended(self, call: SimulatedCall) -> None:
        """Count a call that is over."""
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
        """Return everything written down, oldest first."""
        return {
            "create_requests": [request.row() for request in self._requests],
            "rings": [_ring_row(call) for call in self._rings],
            "peak_live": self._peak_live,
            "live": self.live,
            "webhooks": asdict(self.webhooks),
        }


def _ring_row(call: SimulatedCall) -> Mapping[str, object]:
    manner = call.scenario.webhooks
    return {
        "at": call.created_at.isoformat(),
        "execution_id": call.order.execution_id,
        "to": call.order.to_number,
        "from": call.order.from_number,
        "call_sid": call.call_sid,
        "ended_at": call.ended_at.isoformat() if call.ended_at else None,
        "webhook_fault": None if manner is WebhookManner.ORDINARY else manner,
    }
