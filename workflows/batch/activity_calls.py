"""What a batch's workflow has done for it: each activity with its options, one line a name."""

from contextlib import suppress
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.batches import BatchActivities
    from activities.calls import CallActivities
    from activities.contacts import ContactActivities
    from activities.hang_ups import HangUpActivities
    from activities.messages import (
        ActedOnBatch,
        ActOnBatch,
        BeginBatch,
        CheckCall,
        CloseContact,
        ClosedContact,
        ExpireBatch,
        FinishBatch,
        HangUpSkipped,
        StopContacts,
    )
    from activities.rescheduled import (
        NotifyRescheduled,
        RescheduleContacts,
        RescheduledActivities,
        RescheduledContactsPage,
    )
    from activities.slots import ContactOfBatch, FindLostSlots, LostSlot, SlotActivities
    from domain.lifecycle import Action
    from domain.slots import GrantedSlots, SlotGrants
    from workflows.batch import limits
    from workflows.options import LOCAL, POLL, STORE

CONTACTS_PER_STOP = 500
NOTIFIED_AT_ONCE = 200
"""Rescheduled contacts notified between two reads of the rows."""


async def grant_slots(request: SlotGrants) -> GrantedSlots | None:
    """Grant slots to contacts that may be called now; None when the batch does not exist."""
    return await workflow.execute_local_activity_method(SlotActivities.grant_slots, request, **LOCAL)


async def begin(batch_id: str) -> None:
    """Open the batch: its scheduled start has come."""
    await workflow.execute_activity_method(
        BatchActivities.begin_batch, BeginBatch(batch_id), summary="its start has come", **STORE
    )


async def act(batch_id: str, action: Action) -> ActedOnBatch | None:
    """Pause, resume or cancel the batch, and tell what came of it."""
    request = ActOnBatch(batch_id=batch_id, action=action)
    return await workflow.execute_activity_method(
        BatchActivities.act_on_batch, request, summary=f"{action} by signal", **STORE
    )


async def expire(batch_id: str) -> None:
    """End the batch: its scheduled end has come."""
    await workflow.execute_activity_method(
        BatchActivities.expire_batch, ExpireBatch(batch_id), summary="its end has come", **STORE
    )


async def finish(batch_id: str) -> bool:
    """Complete the batch; False while the database knows an unfinished contact."""
    finished = await workflow.execute_activity_method(
        BatchActivities.finish_batch, FinishBatch(batch_id), summary="nobody is left to call", **STORE
    )
    return finished.is_over


async def lost_slots(batch_id: str, limit: int, *, with_calls: bool) -> list[LostSlot]:
    """Return slots held for a while whose contacts' workflows do not run."""
    request = FindLostSlots(batch_id=batch_id, limit=limit, with_calls=with_calls)
    return await workflow.execute_activity_method(
        SlotActivities.find_lost_slots, request, summary="whose workflow is lost?", **STORE
    )


async def is_over(batch_id: str, contact_id: str) -> bool:
    """Tell whether the contact's workflow was ended by hand or failed."""
    request = ContactOfBatch(batch_id=batch_id, contact_id=contact_id)
    return await workflow.execute_activity_method(
        SlotActivities.is_over, request, summary="was its workflow ended by hand?", **STORE
    )


async def close(contact_id: str, attempt: int) -> ClosedContact:
    """End a contact whose workflow is gone; still live while its call is. `attempt` is 0 without a slot."""
    if attempt:
        check = CheckCall(contact_id=contact_id, attempt=attempt, conclude=True)
        await workflow.execute_activity_method(
            CallActivities.check_call, check, summary="its workflow ended: where is its call?", **POLL
        )
    request = CloseContact(contact_id=contact_id, attempt=attempt)
    return await workflow.execute_activity_method(
        ContactActivities.close_contact, request, summary="end a contact whose workflow ended", **STORE
    )


async def reschedule_contacts(batch_id: str, after_position: int) -> RescheduledContactsPage:
    """Time the next waiting contacts by the rules as they are now."""
    request = RescheduleContacts(batch_id=batch_id, after_position=after_position, limit=limits.TIMED_AT_ONCE)
    return await workflow.execute_activity_method(
        RescheduledActivities.reschedule_contacts,
        request,
        summary="time waiting contacts by changed rules",
        **STORE,
    )


async def notify_rescheduled(batch_id: str, since: datetime, after_position: int) -> int | None:
    """Tell the next contacts that were rescheduled since then; returns where to go on."""
    request = NotifyRescheduled(
        batch_id=batch_id, since=since, after_position=after_position, limit=NOTIFIED_AT_ONCE
    )
    notified = await workflow.execute_activity_method(
        RescheduledActivities.notify_rescheduled,
        request,
        summary="tell contacts whose time has moved",
        **STORE,
    )
    return notified.next_position


async def stop_skipped(batch_id: str) -> None:
    """End the calls of skipped contacts that are being set up, and wake the skipped ones that wait."""
    with suppress(ActivityError):  # a call that goes on is followed to its end all the same
        await workflow.execute_activity_method(
            HangUpActivities.hang_up_skipped,
            HangUpSkipped(batch_id),
            summary="end calls of skipped contacts",
            **POLL,
        )
    position: int | None = 0
    while position is not None:
        request = StopContacts(batch_id=batch_id, after_position=position, limit=CONTACTS_PER_STOP)
        stopped = await workflow.execute_activity_method(
            ContactActivities.stop_stories, request, summary="wake skipped contacts that sleep", **STORE
        )
        position = stopped.next_position
