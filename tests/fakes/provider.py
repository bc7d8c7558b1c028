"""A telephony provider in memory, scripted call by call."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from domain.call import StatusEvent
from domain.errors import ProviderUnavailable
from domain.identity import ExecutionId
from domain.telephony import Accepted, CallRequest, CallSearch, DialResult, HangUpResult


@dataclass
class FakeProvider:
    """Implements TelephonyProvider.

    Dials are answered from `dial_results` in order, then accepted; what is asked is remembered.
    """

    name: str = "fake"
    lookup_is_proof: bool = True
    is_down: bool = False
    """Makes questions raise ProviderUnavailable; a dial's failure is a value, see `dial_results`."""
    dial_results: list[DialResult] = field(default_factory=list)
    hang_up_result: HangUpResult = HangUpResult.ACCEPTED
    standing: dict[str, StatusEvent] = field(default_factory=dict)
    """Where each call stands, by the provider's id."""
    found: dict[ExecutionId, list[StatusEvent]] = field(default_factory=dict)
    """What a search for an attempt turns up."""
    requests: list[CallRequest] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    turns: list[timedelta] = field(default_factory=list)
    """How long each caller is sent away; then every turn is free."""
    troubles: list[str] = field(default_factory=list)
    """What `check_health` finds, one after the other; then nothing while the provider is up."""
    probed: int = 0

    async def acquire(self) -> timedelta:
        """Wait for a turn within the rate limit."""
        return self.turns.pop(0) if self.turns else timedelta()

    async def place_call(self, request: CallRequest) -> DialResult:
        """Take one dial."""
        self.requests.append(request)
        if self.dial_results:
            return self.dial_results.pop(0)
        return Accepted(provider_call_id=f"call-{len(self.requests)}")

    async def get_call(self, provider_call_id: str) -> StatusEvent | None:
        """Return where a call stands."""
        self._require_up()
        return self.standing.get(provider_call_id)

    async def find_calls(self, search: CallSearch) -> Sequence[StatusEvent]:
        """Return every call that may belong to the attempt."""
        self._require_up()
        return tuple(self.found.get(search.execution_id, ()))

    async def hang_up(self, provider_call_id: str) -> HangUpResult:
        """Remember the wish to end a call."""
        if self.is_down:
            return HangUpResult.UNREACHABLE
        self.hung_up.append(provider_call_id)
        return self.hang_up_result

    async def check_health(self) -> str | None:
        """Return what is wrong."""
        self.probed += 1
        if self.troubles:
            return self.troubles.pop(0)
        return "is down" if self.is_down else None

    def _require_up(self) -> None:
        if self.is_down:
            raise ProviderUnavailable
