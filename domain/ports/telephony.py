"""What a telephony provider must do, and how its webhooks are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        """Wait for a turn within the provider's rate limit, for a dial that follows at once.

        Zero when the turn was taken; else how long to stay away before asking for one again.
        """

    async def place_call(self, request: CallRequest) -> DialResult:
        """Ask once for a call."""

    async def get_call(self, provider_call_id: str) -> StatusEvent | None:
        """Return where a call stands; None = not known there, which does not mean ended.

        Raises ProviderUnavailable when the provider does not answer.
        """

    async def find_calls(self, search: CallSearch) -> Sequence[StatusEvent]:
        """Return every call that may belong to the attempt. Raises ProviderUnavailable.

        A provider that is not asked by our id returns the calls between these numbers, other attempts' too;
        never one that began before the attempt's, or that the provider says was placed otherwise.
        """

    async def hang_up(self, provider_call_id: str) -> HangUpResult:
        """Ask to end a call."""

    async def check_health(self) -> str | None:
        """Ask something that rings nobody; None when it was answered as it should be.

        Else what is wrong, in words that hold no number and no secret.
        """


@dataclass(frozen=True, kw_only=True)
class StatusReport:
    """A webhook's body in our words."""

    execution_id: ExecutionId | None
    """Our own id, when the body carries it; else `provider_call_id` tells whose call it is."""
    provider_call_id: str | None
    """The provider's id of the call; of a child leg, its parent's."""
    event: StatusEvent | None
    """None for a status we have no word for, and for a child leg: kept and ignored."""
    event_id: str | None
    """The sender's own key against duplicates."""
    opted_out: bool = False
    """The callee asked not to be called again."""


class WebhookTranslator(Protocol):
    """Read a provider's webhook. Raises InvalidRequest naming what is missing or wrong."""

    def __call__(self, body: Mapping[str, object], received_at: datetime) -> StatusReport: ...
