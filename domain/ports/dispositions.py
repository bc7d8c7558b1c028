"""Dispositions of calls, and what follows from those that come late."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.call import CallRecord
from domain.disposition_report import DispositionReport, ReportEffect
from domain.identity import ExecutionId, OrganizationId
from domain.settlement import Settlement
from domain.suppression import SkippedContact


@dataclass(frozen=True, kw_only=True)
class LateEffect:
    """What a disposition changed that came after its attempt was settled."""

    settlement: Settlement | None = None
    """Where its contact stands now; None where it was not moved."""
    skipped: Sequence[SkippedContact] = ()
    """Contacts that wait no longer, their number being suppressed."""


@dataclass(frozen=True, kw_only=True)
class ReportedDisposition:
    """What a report did."""

    effect: ReportEffect
    record: CallRecord
    """The call after it."""
    late: LateEffect


class DispositionStore(Protocol):
    """What agents say came of their calls."""

    async def report(
        self,
        organization_id: OrganizationId,
        execution_id: ExecutionId,
        report: DispositionReport,
        now: datetime,
    ) -> ReportedDisposition:
        """Keep a disposition, and apply its rule where the attempt is settled already.

        A live call, or one that is about to be settled, leaves that to the settlement.
        Raises ExecutionNotFound, ExecutionClosed, DispositionFinal.
        """

    async def most_frequent(self, limit: int) -> Sequence[str]:
        """Return the dispositions that most calls of the deployment came to, the most frequent first."""

    async def follow(self, execution_id: ExecutionId, now: datetime) -> LateEffect:
        """Apply the rule for a disposition that an event brought after its attempt was settled.

        Raises ExecutionNotFound.
        """
