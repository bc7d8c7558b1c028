"""The work of running batches, in memory."""

from collections.abc import Iterator
from datetime import datetime

from domain.batch import BatchStatus
from domain.contact import Contact
from domain.workload import BatchLimit, Workload, slots_limit
from tests.fakes.tables import Tables


class FakeWorkloadStore:
    """Implements WorkloadStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def read(self, now: datetime) -> Workload:
        """Return what running batches have to call."""
        self._tables.require_up()
        due = [each.next_retry_at or each.follow_up_at for each in self._due(now)]
        return Workload(
            slots_in_use=len(self._tables.slots),
            slots_limit=slots_limit(
                BatchLimit(
                    campaign_id=each.campaign_id,
                    own=each.concurrency_limit,
                    of_campaign=self._tables.campaigns[each.campaign_id].rules.concurrency_limit,
                )
                for each in self._tables.batches.values()
                if each.status is BatchStatus.IN_PROGRESS
            ),
            contacts_due=len(due),
            oldest_due_at=min((at for at in due if at is not None), default=None),
        )

    def _due(self, now: datetime) -> Iterator[Contact]:
        for each in self._tables.contacts.values():
            due_at = each.next_retry_at or each.follow_up_at
            is_running = self._tables.batches[each.batch_id].status is BatchStatus.IN_PROGRESS
            if (
                due_at is not None
                and due_at <= now
                and is_running
                and each.contact_id not in self._tables.slots
            ):
                yield each
