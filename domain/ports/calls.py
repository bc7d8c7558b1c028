"""Attempts, their calls, and the events received about them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.batch import Batch
from domain.call import AttemptKind, CallRecord, CallStatus, DialState, EventEffect, StatusEvent
from domain.caller_id import CallerIds
from domain.campaign import Campaign
from domain.contact import Contact
from domain.frequency import Capped
from domain.gates import Gate
from domain.identity import ContactId, ExecutionId


@dataclass(frozen=True, kw_only=True)
class DialBrief:
    """Everything one dial needs to know, read in one instant."""

    contact: Contact
    batch: Batch
    campaign: Campaign
    record: CallRecord | None
    """The attempt's row, if it was written before."""
    policy_version: int = 1
    """Of the rules of campaign and batch together."""


@dataclass(frozen=True, kw_only=True)
class AttemptClaim:
    """A request for the right to ask the provider for one call."""

    contact_id: ContactId
    attempt: int
    kind: AttemptKind
    caller_ids: CallerIds
    draw: float
    """A random number in [0, 1), where the strategy asks for one."""
    provider: str
    policy_version: int | None = None
    """Of the rules the claim rests on; None where it rests on none."""


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """The attempt's row after a claim."""

    record: CallRecord
    may_ask: bool
    """True for the one claimant that moved the row to `dialling`; everyone else must not ask."""


@dataclass(frozen=True)
class RulesChanged:
    """The rules of the claim are outdated, or it waited for long: read them again, and claim again."""


ClaimAnswer = Claimed | RulesChanged | Capped | Gate
"""The result of a claim; a gate is one that was closed."""


@dataclass(frozen=True, kw_only=True)
class RecordedEvent:
    """What storing an event did, and the call record after it."""

    effect: EventEffect
    record: CallRecord
    event_number: int | None
    """The stored event's number, None for a duplicate."""
    is_late: bool = False
    """The call had ended before."""


class CallStore(Protocol):
    """Attempts, their calls, and the events received about them."""

    async def dial_brief(self, contact_id: ContactId, attempt: int) -> DialBrief | None:
        """Read what a dial needs; None when the contact no longer exists."""

    async def claim_attempt(self, claim: AttemptClaim, now: datetime) -> ClaimAnswer:
        """Write the attempt's row and take the right to ask the provider, once.

        Moves the row to `dialling` and the contact to `dispatched`, only while the batch is in_progress,
        the contact may be dialled, its number is not suppressed, no cap of its campaign withholds it
        and no other attempt on it is open, in whichever batch:
        else returns the gate that is closed, or until when the number is capped, with nothing written.
        A row that is not `ready` is returned with `may_ask` False.

        The number to show is chosen last, among the claims of the same list one at a time, so that each
        choice knows those before it; a claim that fails does not advance the rotation. A row that was given
        back keeps its number while that is listed.
        """

    async def record_dial(
        self,
        execution_id: ExecutionId,
        state: DialState,
        *,
        provider_call_id: str | None = None,
        awaited_by: str | None = None,
    ) -> CallStatus:
        """Record the provider's answer to a dial, and who awaits the end; `ready` returns the right to ask.

        Returns where the call stands: its ending may have been stored before the answer.
        """

    async def record_event(
        self,
        execution_id: ExecutionId,
        event: StatusEvent,
        *,
        event_key: str,
        body: Mapping[str, object] | None,
    ) -> RecordedEvent:
        """Store an event once per `event_key` and apply it to the call record.

        A call that rings or is answered moves its dispatched contact to `in_progress`.
        An ending that comes after `unknown` corrects the contact that was settled by it, and redials nobody.
        Raises ExecutionNotFound.
        """

    async def keep_event(
        self,
        execution_id: ExecutionId,
        *,
        event_key: str,
        body: Mapping[str, object],
        received_at: datetime,
    ) -> None:
        """Store a report that says nothing of where the call stands, once per `event_key`; it moves nothing.

        Nothing is stored for an unknown attempt.
        """

    async def placed_among(self, execution_ids: Sequence[ExecutionId]) -> Collection[ExecutionId]:
        """Return those attempts of which a call is known at the provider."""

    async def execution_of_provider_call(self, provider_call_id: str) -> ExecutionId | None:
        """Return the attempt that owns a provider's call id."""
