"""Executions in memory."""

from dataclasses import fields

from domain.call import LIVE_CALLS
from domain.errors import ExecutionNotFound
from domain.identity import ExecutionId, OrganizationId
from domain.ports import EarlierAttempt, Execution
from domain.ports.executions import MOST_EARLIER_ATTEMPTS
from tests.fakes.tables import Tables

_SHOWN = [each.name for each in fields(EarlierAttempt)]


class FakeExecutionStore:
    """Implements ExecutionStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def get(self, organization_id: OrganizationId, execution_id: ExecutionId) -> Execution:
        """Raises ExecutionNotFound, of a deleted campaign too unless the call is live."""
        self._tables.require_up()
        record = self._tables.calls.get(execution_id)
        campaign = None if record is None else self._tables.campaigns[record.campaign_id]
        if record is None or campaign is None or campaign.organization_id != organization_id:
            raise ExecutionNotFound
        if (
            not self._tables.shows(self._tables.batches[record.batch_id])
            and record.call_status not in LIVE_CALLS
        ):
            raise ExecutionNotFound
        siblings = [each for each in self._tables.calls.values() if each.contact_id == record.contact_id]
        earlier = sorted(
            (each for each in siblings if each.attempt < record.attempt), key=lambda each: each.attempt
        )
        return Execution(
            record=record,
            contact=self._tables.contacts[record.contact_id],
            batch=self._tables.batches[record.batch_id],
            campaign=campaign,
            history=[
                EarlierAttempt(**{name: getattr(each, name) for name in _SHOWN})
                for each in earlier[-MOST_EARLIER_ATTEMPTS:]
            ],
        )
