"""The contacts' child workflows: started, woken and stopped."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from domain.call import AttemptKind
    from domain.contact import TERMINAL
    from domain.slots import GrantedSlot, NoSlot
    from workflows import names, search_attributes
    from workflows.batch import activity_calls, limits
    from workflows.contact.workflow import ContactWorkflow
    from workflows.messages import BatchInput, ContactInput, DueChanged, FollowUpScheduled, SlotGrant
    from workflows.options import TASK_TIMEOUT


@dataclass(frozen=True)
class Heard:
    """What is done with the news of contacts' workflows."""

    lost: Callable[[str], None]
    start: Callable[[], None]
    end: Callable[[], None]


class ContactChildren:
    """Hands slots to contacts; what does not reach a contact is found again among the rows."""

    def __init__(self, start: BatchInput, heard: Heard) -> None:
        self._batch = start
        self._batch_id = start.batch_id
        self._heard = heard
        self._under_way: set[asyncio.Task[object]] = set()
        self.started = 0
        """Workflows asked for in this run, also those not started yet; a run may have only so many open."""
        self.starting = 0
        """Those of them not started yet."""

    @property
    def are_told(self) -> bool:
        """Tell whether every start and signal has reached its contact."""
        return not self._under_way

    def hand_out(self, granted: Iterable[GrantedSlot]) -> None:
        """Have contacts dial: pending ones are started, the others woken."""
        for slot in granted:
            self._tell(self._begin(slot) if slot.kind is AttemptKind.INITIAL else self._wake(slot))

    def refuse(self, refused: Iterable[NoSlot]) -> None:
        """Send contacts that asked too early to sleep again, and end those that need no call."""
        for each in refused:
            changed = DueChanged(each.attempt, each.due_at)
            self._tell(self._signal(each.contact_id, names.DUE_CHANGED, changed))

    def restart(self, slot: GrantedSlot) -> None:
        """Start a contact's workflow that is lost; the attempt's row says how far it had come."""
        self._tell(self._begin(slot))

    def wake_batches(self, batch_ids: Iterable[str]) -> None:
        """Tell batches of the campaign that slots may be free; one that is gone needs none."""
        for batch_id in batch_ids:
            self._tell(_signal(names.batch_workflow_id(batch_id), names.SLOTS_FREED))

    def stop(self, contact_id: str) -> None:
        """Wake a contact that need not wait any longer."""
        self._tell(self._signal(contact_id, names.STOP))

    def follow_up(self, agreed: FollowUpScheduled) -> None:
        """Start a contact's workflow again, to wait for its follow-up."""
        self.started += 1
        contact = self._input(agreed.contact_id, agreed.attempt, agreed.kind, agreed)
        is_retry = agreed.kind is AttemptKind.RETRY
        self._tell(self._start(contact, "redial by disposition" if is_retry else "follow-up by request"))

    def _tell(self, telling: Coroutine[None, None, object]) -> None:
        task = asyncio.create_task(telling)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _wake(self, slot: GrantedSlot) -> None:
        if await self._signal(slot.contact_id, names.SLOT_GRANTED, SlotGrant(slot.attempt)):
            return
        if await activity_calls.is_over(self._batch_id, slot.contact_id):
            self._heard.lost(slot.contact_id)
        else:
            await self._begin(slot)

    def _begin(self, slot: GrantedSlot) -> Coroutine[None, None, None]:
        """Count a start at once: the next request must not ask for more than the run has room for."""
        self.started += 1
        return self._start_or_grant(slot)

    async def _start_or_grant(self, slot: GrantedSlot) -> None:
        """Start a contact's workflow; one that runs already has the slot, or is just ending."""
        contact = self._input(slot.contact_id, slot.attempt, slot.kind)
        summary = f"attempt {slot.attempt}"
        if not await self._start(contact, summary):
            await self._signal(slot.contact_id, names.SLOT_GRANTED, SlotGrant(slot.attempt))
            await workflow.sleep(limits.START_AGAIN_AFTER, summary="a former workflow may still be ending")
            await self._start(contact, summary)

    def _input(
        self, contact_id: str, attempt: int, kind: AttemptKind, agreed: FollowUpScheduled | None = None
    ) -> ContactInput:
        return ContactInput(
            batch_id=self._batch_id,
            campaign_id=self._batch.campaign_id,
            contact_id=contact_id,
            attempt=attempt,
            kind=kind,
            due_at=agreed.at if agreed else None,
        )

    async def _start(self, contact: ContactInput, summary: str) -> bool:
        """Start a contact's workflow and watch it; False when one runs already."""
        self.starting += 1
        try:
            started = await workflow.start_child_workflow(
                ContactWorkflow.run,
                contact,
                id=names.contact_workflow_id(self._batch_id, contact.contact_id),
                task_queue=names.CONTACT_QUEUE,
                task_timeout=TASK_TIMEOUT,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                # The attempt's row guards the phone; a contact that was withheld needs another workflow.
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                search_attributes=search_attributes.of_contact(self._batch, contact),
                static_summary=summary,
                static_details=f"{contact.contact_id} of {self._batch_id}, under {contact.campaign_id}",
            )
        except WorkflowAlreadyStartedError:
            return False
        finally:
            self.starting -= 1
        self._heard.start()
        started.add_done_callback(lambda ended: self._child_ended(contact.contact_id, ended))
        return True

    def _child_ended(self, contact_id: str, ended: "asyncio.Task[str]") -> None:
        if ended.cancelled() or ended.exception() is not None:
            self._heard.lost(contact_id)
        elif ended.result() in TERMINAL:
            self._heard.end()

    async def _signal(self, contact_id: str, signal: str, message: object = None) -> bool:
        return await _signal(names.contact_workflow_id(self._batch_id, contact_id), signal, message)


async def _signal(workflow_id: str, signal: str, message: object = None) -> bool:
    """Signal a workflow; False when none runs under this id."""
    try:
        await workflow.get_external_workflow_handle(workflow_id).signal(signal, message)
    except ApplicationError:
        return False
    return True
