"""What the agent on a call may ask about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.batch import Batch
from domain.call import AttemptKind, CallRecord, CallStatus
from domain.campaign import Campaign
from domain.contact import Contact
from domain.disposition import AnsweredBy
from domain.identity import ExecutionId, OrganizationId

MOST_EARLIER_ATTEMPTS = 100
"""Shown of one contact, the newest."""


@dataclass(frozen=True, kw_only=True)
class EarlierAttempt:
    """What is worth knowing of an earlier attempt at the same contact."""

    attempt: int
    kind: AttemptKind
    call_status: CallStatus
    answered_by: AnsweredBy | None
    disposition: str | None
    disposition_note: str | None
    started_at: datetime | None
    ended_at: datetime | None
    summary: str | None


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One attempt, with the rules and the person it is about."""

    record: CallRecord
    contact: Contact
    batch: Batch
    """Without its counters."""
    campaign: Campaign
    """Without its counters."""
    history: Sequence[EarlierAttempt]
    """Oldest first."""


class ExecutionStore(Protocol):
    """Attempts as an organization's agents ask for them."""

    async def get(self, organization_id: OrganizationId, execution_id: ExecutionId) -> Execution:
        """Raises ExecutionNotFound, of a deleted campaign too unless the call is live."""
