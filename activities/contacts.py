"""Activities about one contact: what follows an attempt, and contacts whose workflow is gone."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from temporalio import activity

from activities.calls import CallLimits
from activities.failures import translating_failures
from activities.messages import (
    CloseContact,
    ClosedContact,
    ReturnedSlot,
    ReturnSlot,
    SettleAttempt,
    SettledAttempt,
    StopContacts,
    StoppedContacts,
)
from domain.batch import hours_of_contact, redial_policy_in_force
from domain.call import OUTCOME_OF, AttemptKind, CallRecord
from domain.contact import LIVE, WAITING, ContactStatus, SkipReason
from domain.disposition import suppression_reason
from domain.errors import ContactNotFound, DecisionOvertaken, EngineUnavailable
from domain.identity import BatchId, ContactId
from domain.ports import (
    AttemptReport,
    BatchReports,
    CallMetrics,
    CallStore,
    ContactStore,
    DialBrief,
    SuppressionStore,
    WorkflowDirectory,
)
from domain.settlement import Basis, Settlement, basis_of, is_to_be_suppressed, settle_attempt
from domain.suppression import SkippedContact
from domain.working_hours import spread_after

_log = structlog.get_logger()

NOBODY_LEFT = "Its workflow was ended before it was called"


class ContactActivities:
    """Move contacts in the store and tell their batch."""

    def __init__(  # noqa: PLR0913 - one parameter per port
        self,
        contacts: ContactStore,
        calls: CallStore,
        *,
        suppressions: SuppressionStore,
        reports: BatchReports,
        directory: WorkflowDirectory,
        metrics: CallMetrics,
        limits: CallLimits,
        clock: Callable[[], datetime],
    ) -> None:
        self._contacts = contacts
        self._calls = calls
        self._suppressions = suppressions
        self._reports = reports
        self._directory = directory
        self._metrics = metrics
        self._limits = limits
        self._clock = clock

    @activity.defn
    @translating_failures
    async def settle_attempt(self, request: SettleAttempt) -> SettledAttempt:
        """Decide what follows an ended attempt and keep it, which gives the slot back, and wake the batch.

        Running it again changes nothing: the first decision stands.
        """
        contact_id = ContactId(request.contact_id)
        brief = await self._calls.dial_brief(contact_id, request.attempt)
        if brief is None or brief.record is None:
            raise ContactNotFound
        now = self._clock()
        decided = settle_attempt(
            brief.record,
            brief.contact,
            brief.batch,
            brief.campaign,
            now=now,
            quiet_after_unknown=self._limits.quiet_after_unknown,
        )
        basis = await self._basis(brief, brief.record, now)
        stands = await self._keep(brief.record, decided, now, basis)
        if stands.status in LIVE:
            # A newer attempt is under way: what was decided of this one fits no more.
            raise DecisionOvertaken
        _log.info(
            "attempt settled",
            batch_id=request.batch_id,
            contact_id=contact_id,
            attempt=request.attempt,
            outcome=brief.record.call_status,
            status=stands.status,
        )
        settled = _settled(stands, brief)
        is_heard = await self._ends_heard(request, settled) or await self._report(request, stands.status)
        return replace(
            settled,
            batch_is_gone=not is_heard,
            answered_by=brief.record.answered_by,
            disposition=brief.record.disposition,
        )

    async def _ends_heard(self, request: SettleAttempt, settled: SettledAttempt) -> bool:
        """Tell whether the contact's workflow ends with this decision, and the run that started it hears it.

        Read once that is kept: a run that begins later finds it among the rows.
        """
        if settled.due_at is not None or request.started_by is None:
            return False
        return request.started_by == await self._contacts.dispatched_by(BatchId(request.batch_id))

    @activity.defn
    @translating_failures
    async def return_slot(self, request: ReturnSlot) -> ReturnedSlot:
        """Take back a contact that a gate withheld, and give its slot back."""
        status = await self._contacts.give_back(
            ContactId(request.contact_id),
            request.attempt,
            self._clock(),
            due_at=request.due_at,
            ends=request.ends,
        )
        is_heard = await self._report(request, status, withheld=True)
        return ReturnedSlot(status=status, batch_is_gone=not is_heard, spread=await self._spread(request))

    @activity.defn
    @translating_failures
    async def stop_stories(self, request: StopContacts) -> StoppedContacts:
        """Wake the next skipped contacts, so that their workflows end."""
        batch_id = BatchId(request.batch_id)
        page = await self._contacts.skipped_stories(batch_id, request.after_position, request.limit)
        await self._directory.stop(batch_id, [contact_id for contact_id, _ in page])
        return StoppedContacts(page[-1][1] if len(page) == request.limit else None)

    @activity.defn
    @translating_failures
    async def close_contact(self, request: CloseContact) -> ClosedContact:
        """End a contact whose workflow died: with its call's outcome, or skipped when it was waiting."""
        brief = await self._calls.dial_brief(ContactId(request.contact_id), request.attempt)
        if brief is None:
            return ClosedContact(was=ContactStatus.SKIPPED, status=ContactStatus.SKIPPED)
        was = brief.contact.status
        return ClosedContact(was=was, status=await self._close(brief))

    async def _close(self, brief: DialBrief) -> ContactStatus:
        contact_id, now, record = brief.contact.contact_id, self._clock(), brief.record
        if brief.contact.status in WAITING:
            return await self._contacts.skip(contact_id, SkipReason.MANUAL, now, detail=NOBODY_LEFT)
        if brief.contact.status in LIVE and record is not None and record.call_status in OUTCOME_OF:
            basis = await self._basis(brief, record, now)
            taken = Settlement(status=basis.ends_as)
            return (await self._keep(record, taken, now, basis)).status
        return brief.contact.status

    async def _keep(self, record: CallRecord, decided: Settlement, now: datetime, basis: Basis) -> Settlement:
        """Settle an attempt and return what stands; its call is counted by the first settlement."""
        stands = await self._contacts.settle(record.contact_id, record.attempt, decided, now, basis=basis)
        if stands.is_first:
            self._metrics.call_settled(record)
        return stands

    async def _basis(self, brief: DialBrief, record: CallRecord, now: datetime) -> Basis:
        """Return what the decision rests on, with the number suppressed where a rule wants it to be.

        Suppressed first: a repeated settlement finds it so, and an ended call keeps its disposition.
        """
        if record.disposition is not None and is_to_be_suppressed(record, brief.batch, brief.campaign.rules):
            skipped = await self._suppressions.opt_out(
                record.execution_id, now, reason=suppression_reason(record.disposition)
            )
            await self._tell_skipped(skipped)
        return basis_of(record, brief.contact, brief.batch, brief.campaign, now)

    async def _tell_skipped(self, skipped: Sequence[SkippedContact]) -> None:
        """Wake the workflows of contacts that wait on a suppressed number; unheard, they find out."""
        for each in skipped:
            report = AttemptReport(contact_id=each.contact_id, attempt=0, status=ContactStatus.SKIPPED)
            with suppress(EngineUnavailable):
                await self._directory.stop(each.batch_id, [each.contact_id])
                await self._reports.report(each.batch_id, report)

    async def _spread(self, returned: ReturnSlot) -> timedelta:
        """Return how long after its new time a contact may ask again: many wait for the same opening."""
        if returned.due_at is None:
            return timedelta()
        brief = await self._calls.dial_brief(ContactId(returned.contact_id), returned.attempt)
        return timedelta() if brief is None else _spread_after(returned.due_at, brief)

    async def _report(
        self, slot: SettleAttempt | ReturnSlot, status: ContactStatus, *, withheld: bool = False
    ) -> bool:
        report = AttemptReport(
            contact_id=ContactId(slot.contact_id), attempt=slot.attempt, status=status, withheld=withheld
        )
        return await self._reports.report(BatchId(slot.batch_id), report)

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class that has a task of its own, to be registered with a worker."""
        return (
            self.return_slot,
            self.stop_stories,
            self.close_contact,
        )

    @property
    def local(self) -> tuple[Callable[..., object], ...]:
        """Every activity that runs inside a contact's workflow task, to be registered with its worker."""
        return (self.settle_attempt,)


def _settled(stands: Settlement, brief: DialBrief) -> SettledAttempt:
    if stands.due_at is None:
        return SettledAttempt(status=stands.status)
    kind, summary = _what_follows(stands, brief)
    return SettledAttempt(
        status=stands.status,
        due_at=stands.due_at,
        kind=kind,
        spread=_spread_after(stands.due_at, brief),
        summary=summary,
    )


def _spread_after(due_at: datetime, brief: DialBrief) -> timedelta:
    hours = hours_of_contact(brief.contact, brief.batch.overrides, brief.campaign.rules)
    return spread_after(hours, due_at, before=brief.batch.scheduled_end)


def _what_follows(stands: Settlement, brief: DialBrief) -> tuple[AttemptKind, str]:
    if stands.status is ContactStatus.FOLLOWUP_SCHEDULED:
        number = brief.contact.follow_up_count + 1
        return AttemptKind.FOLLOW_UP, f"follow-up {number} as agreed in the call"
    _, max_retries = redial_policy_in_force(brief.batch.overrides, brief.campaign.rules)
    retry = brief.contact.retry_count + 1
    return AttemptKind.RETRY, f"redial {retry} of {max_retries} after cooldown"
