"""One call through the facade: what was asked for, where it stands, and how that is said."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

_FINAL = re.compile(r"([3-6]\d\d) ?(.*)")
_BUSY = frozenset({486, 600, 603})
_NO_ANSWER = frozenset({408, 487})


@dataclass(frozen=True, kw_only=True)
class Order:
    """A create call, as far as the facade honours it."""

    execution_id: str
    from_number: str
    to_number: str
    status_callback_url: str
    ring_timeout_seconds: float
    max_duration_seconds: float

    @classmethod
    def read(cls, body: Mapping[str, object]) -> "Order":
        """Read a request's body. Raises KeyError, ValueError."""
        return cls(
            execution_id=str(body["execution_id"]),
            from_number=str(body["from"]),
            to_number=str(body["to"]),
            status_callback_url=str(body["status_callback_url"]),
            ring_timeout_seconds=float(str(body["ring_timeout_seconds"])),
            max_duration_seconds=float(str(body["max_duration_seconds"])),
        )


@dataclass(kw_only=True)
class PlacedCall:
    """A call whose INVITE is about to leave or has left."""

    call_sid: str
    order: Order
    status: str = "trying"
    changed_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    line_id: str | None = None
    """The user agent's id, known from the first provisional answer on."""
    answered_at: datetime | None = None
    ending: Mapping[str, object] = field(default_factory=dict)
    why_we_left: str | None = None
    """Set once we want the call to end: `cancelled`, `ring timeout` or `call limit`."""
    alarm: asyncio.TimerHandle | None = None
    letters: asyncio.Queue[Mapping[str, object]] = field(default_factory=asyncio.Queue)

    @property
    def is_over(self) -> bool:
        """Tell whether the phone is down again."""
        return bool(self.ending)

    def move(self, status: str) -> None:
        """Take a status and queue the event that tells it."""
        self.status, self.changed_at = status, datetime.now(UTC)
        self.letters.put_nowait({"execution_id": self.order.execution_id, **self.standing()})

    def end(self, detail: str) -> None:
        """Conclude from the user agent's last word: a final answer, or which side ended a dialog."""
        final = _FINAL.match(detail)
        if self.answered_at is not None:
            seconds = (datetime.now(UTC) - self.answered_at).total_seconds()
            side = "callee" if self.why_we_left is None else "assistant"
            self.ending = {"duration_seconds": seconds, "hangup_by": side, "sip_status": 200}
            self.move("completed")
        elif self.why_we_left is not None:
            self.ending = {"hangup_reason": self.why_we_left}
            self.move("no-answer" if self.why_we_left == "ring timeout" else "canceled")
        elif final is not None:
            code = int(final[1])
            self.ending = {"sip_status": code, "hangup_reason": final[2]}
            self.move("busy" if code in _BUSY else "no-answer" if code in _NO_ANSWER else "failed")
        else:
            self.ending = {"hangup_reason": detail}
            self.move("failed")

    def standing(self) -> Mapping[str, object]:
        """Return where the call stands, in the neutral contract's words."""
        return {
            "provider_call_id": self.call_sid,
            "call_status": self.status,
            "timestamp": self.changed_at.isoformat(),
            **self.ending,
        }

    def snapshot(self) -> Mapping[str, object]:
        """Return the answer to a look-up."""
        order = self.order
        return {
            "call_sid": self.call_sid,
            "execution_id": order.execution_id,
            "from": order.from_number,
            "to": order.to_number,
            **self.standing(),
        }
