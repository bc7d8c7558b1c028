"""What a telephony provider must do, and how its webhooks are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from domain.call import StatusEvent
from domain.identity import ExecutionId
from domain.telephony import CallRequest, CallSearch, DialResult, HangUpResult


class TelephonyProvider(Protocol):
    """A service that places calls. Expected outcomes are values, never exceptions."""

    @property
    def name(self) -> str:
        """Shown on call records."""

    @property
    def lookup_is_proof(self) -> bool:
        """True only where *not found* by our execution id proves that nothing was dialled."""

    async def acquire(self) -> timedelta:
        """Wait for the provider's rate limit, before a dial that follows at once.

        Zero when it may; else how long to wait before the next `acquire`.
        """

    async def place_call(self, request: CallRequest) -> DialResult:
        """Send one create call."""

    async def get_call(self, provider_call_id: str) -> StatusEvent | None:
        """Return the status of a call; None = not known there, which does not mean ended.

        Raises ProviderUnavailable when the provider does not answer.
        """

    async def find_calls(self, search: CallSearch) -> Sequence[StatusEvent]:
        """Return every call that may belong to the attempt. Raises ProviderUnavailable.

        Where no look-up takes our id, it returns the calls between these numbers, other attempts' too; never
        one that began before the attempt, or that the provider says was placed otherwise.
        """

    async def hang_up(self, provider_call_id: str) -> HangUpResult:
        """End a call."""

    async def check_health(self) -> str | None:
        """Send a request that rings no phone; None when the provider answers as it should.

        Else what is wrong, without numbers and secrets.
        """


@dataclass(frozen=True, kw_only=True)
class StatusReport:
    """A webhook's body in our words."""

    execution_id: ExecutionId | None
    """Our own id, when the body carries it; else `provider_call_id` identifies the attempt."""
    provider_call_id: str | None
    """The provider's id of the call; of a child leg, its parent's."""
    event: StatusEvent | None
    """None for a status we have no word for, and for a child leg: kept and ignored."""
    event_id: str | None
    """The sender's own key against duplicates."""
    body: Mapping[str, object] = field(compare=False, repr=False)
    """What may be kept of it: all but what a dial carried and comes back, which may hold a person's data."""
    opted_out: bool = False
    """The callee asked not to be called again."""


class WebhookTranslator(Protocol):
    """Read a provider's webhook. Raises InvalidRequest naming what is missing or wrong."""

    def __call__(self, body: Mapping[str, object], received_at: datetime) -> StatusReport: ...
