"""The contacts' workflows as their batch sees them: started, granted slots, stopped, and watched."""

import asyncio
from collections.abc import Callable, Coroutine

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.messages import SlotRequest
    from domain.call import AttemptKind
    from workflows import attributes, errands, names, pace, slots
    from workflows.contact import ContactWorkflow
    from workflows.messages import BatchInput, BatchState, ContactInput, FollowUpScheduled, SlotGrant


class Stories:
    """Hands slots out to contacts and notices whose story ends without a word."""

    def __init__(self, start: BatchInput, state: BatchState, wake: Callable[[], None]) -> None:
        self._batch = start
        self._batch_id = start.batch_id
        self._state = state
        self._wake = wake
        self._telling: set[asyncio.Task[object]] = set()
        self.started = 0
        """Workflows started in this run."""
        self.watched: set[str] = set()
        """Contacts whose end this run will see."""
        self.suspects: set[str] = set()
        """Contacts whose workflow ended, or may have, without giving its slot back."""

    @property
    def all_told(self) -> bool:
        """Tell whether every start and signal has reached its contact."""
        return not self._telling

    def fill_slots(self) -> None:
        """Use every free slot: whoever waits first, fresh contacts after them."""
        while slots.free_slots(self._state) and (request := slots.take_waiting(self._state)):
            self._tell(self._grant(request))
        while slots.free_slots(self._state) and (fresh := slots.take_fresh(self._state)):
            first = SlotRequest(fresh.contact_id, 1, AttemptKind.INITIAL)
            self._tell(self._begin(first, f"contact {fresh.position}"))
        if slots.free_slots(self._state) and not self._state.fresh_is_exhausted:
            self._wake()  # more are to be read at once

    def stop(self, contact_id: str) -> None:
        """Wake a contact that need not wait any longer."""
        self._tell(self._signal(contact_id, names.STOP))

    def follow_up(self, agreed: FollowUpScheduled) -> None:
        """Start the story of a contact again, to wait for its follow-up."""
        self._tell(self._start(self._input(agreed.contact_id, agreed.attempt, AttemptKind.FOLLOW_UP, agreed)))

    def suspect(self, contact_id: str) -> None:
        """Have a contact looked into."""
        self.suspects.add(contact_id)
        self._wake()

    def _tell(self, telling: Coroutine[None, None, object]) -> None:
        """Let a word travel to its contact while others are told."""
        task = asyncio.create_task(telling)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _grant(self, request: SlotRequest) -> None:
        if await self._signal(request.contact_id, names.SLOT_GRANTED, SlotGrant(request.attempt)):
            return
        if await errands.was_ended_by_hand(self._batch_id, request.contact_id):
            self.suspect(request.contact_id)
        else:
            await self._begin(request, f"attempt {request.attempt}, started anew")

    async def _begin(self, request: SlotRequest, summary: str) -> None:
        """Start a contact's workflow, which grants it the slot it was given."""
        started = await self._start(self._input(request.contact_id, request.attempt, request.kind), summary)
        if not started:
            # Its former workflow is just ending: give the slot back and read the contact again in a moment.
            slots.release(self._state, request.contact_id, request.attempt, slots.waits_as(request.kind))
            await workflow.sleep(pace.START_AGAIN_AFTER, summary="a former workflow is still ending")
            slots.forget_fresh(self._state)
            self._state.overflowed = True
            self._wake()

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

    async def _start(self, story: ContactInput, summary: str = "follow-up by request") -> bool:
        """Start a contact's workflow and watch it; False when one runs already."""
        try:
            contact = await workflow.start_child_workflow(
                ContactWorkflow.run,
                story,
                id=names.contact_workflow_id(self._batch_id, story.contact_id),
                task_queue=names.CONTACT_QUEUE,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                # The attempt's row guards the phone; a contact that was withheld may need a second story.
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                search_attributes=attributes.of_contact(self._batch, story),
                static_summary=summary,
                static_details=f"{story.contact_id} of {self._batch_id}, under {story.campaign_id}",
            )
        except WorkflowAlreadyStartedError:
            return False
        self.started += 1
        self.watched.add(story.contact_id)
        contact.add_done_callback(lambda ended: self._story_ended(story.contact_id, ended))
        return True

    def _story_ended(self, contact_id: str, ended: "asyncio.Task[str]") -> None:
        """A contact's workflow closed: whoever fails, or leaves without a report, is looked into."""
        self.watched.discard(contact_id)
        failed = ended.cancelled() or ended.exception() is not None
        if failed or contact_id in self._state.in_flight:
            self.suspect(contact_id)

    async def _signal(self, contact_id: str, signal: str, message: object = None) -> bool:
        """Signal a contact; False when it has no running workflow."""
        story = workflow.get_external_workflow_handle(names.contact_workflow_id(self._batch_id, contact_id))
        try:
            await story.signal(signal, message)
        except ApplicationError:
            return False
        return True
