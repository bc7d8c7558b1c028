"""Activities that end calls."""

from collections.abc import Callable

from temporalio import activity

from activities.bounded_gather import gather_bounded
from activities.failures import translating_failures
from activities.messages import HangUpMachine, HangUpSkipped
from domain.batch import MAX_CONCURRENCY_LIMIT, on_machine_in_force
from domain.call import CallRecord, has_ended
from domain.disposition import MACHINES, OnMachine
from domain.errors import ProviderUnavailable
from domain.identity import BatchId, ContactId
from domain.ports import CallStore, ContactStore, DialBrief, TelephonyProvider
from domain.telephony import HangUpResult

HANG_UPS_AT_ONCE = 4
"""So few that a slow provider's rate limit admits each before it gives up waiting."""


class HangUpActivities:
    """Ask the provider to end calls."""

    def __init__(self, provider: TelephonyProvider, contacts: ContactStore, calls: CallStore) -> None:
        self._provider = provider
        self._contacts = contacts
        self._calls = calls

    @activity.defn
    @translating_failures
    async def hang_up_skipped(self, request: HangUpSkipped) -> None:
        """Ask the provider to end the calls of contacts that were skipped while being set up.

        Best effort: a call that goes on is followed to its end all the same.
        """
        open_calls = await self._contacts.calls_to_hang_up(BatchId(request.batch_id), MAX_CONCURRENCY_LIMIT)
        await gather_bounded(
            [provider_call_id for _, provider_call_id in open_calls],
            self._provider.hang_up,
            at_once=HANG_UPS_AT_ONCE,
        )

    @activity.defn
    @translating_failures
    async def hang_up_machine(self, request: HangUpMachine) -> None:
        """Ask the provider to end a call that a machine answered, where that still holds and is asked for.

        Raises ProviderUnavailable when the provider does not answer.
        """
        brief = await self._calls.dial_brief(ContactId(request.contact_id), request.attempt)
        if brief is None or brief.record is None or not is_machine_to_be_hung_up_on(brief, brief.record):
            return
        call_id = brief.record.provider_call_id
        if call_id is not None and await self._provider.hang_up(call_id) is HangUpResult.UNREACHABLE:
            raise ProviderUnavailable

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class, to be registered with a worker."""
        return self.hang_up_skipped, self.hang_up_machine


def is_machine_to_be_hung_up_on(brief: DialBrief, record: CallRecord) -> bool:
    """Tell whether a live call was answered by a machine, and its rules want it ended."""
    on_machine = on_machine_in_force(brief.batch.overrides, brief.campaign.rules)
    is_live = not has_ended(record.call_status)
    return is_live and record.answered_by in MACHINES and on_machine is OnMachine.HANG_UP
