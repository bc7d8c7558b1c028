"""What a batch's workflow has done for it: each activity with its options, one line a name."""

from contextlib import suppress
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.batches import BatchActivities
    from activities.calls import CallActivities
    from activities.campaign_messages import AskCampaign
    from activities.campaigns import CampaignActivities
    from activities.contacts import ContactActivities
    from activities.hang_ups import HangUpActivities
    from activities.messages import (
        ActedOnBatch,
        ActOnBatch,
        BeginBatch,
        CheckCall,
        CloseContact,
        ClosedContact,
        DueContacts,
        ExpireBatch,
        FindClosedContacts,
        FinishBatch,
        FreshPage,
        HangUpSkipped,
        LoadBatch,
        LoadedBatch,
        NextContacts,
        SlotRequest,
    )
    from activities.sleeper_messages import StopStories, TellMoved, ToldMoved
    from activities.sleepers import SleeperActivities
    from domain.leases import SlotsNeeded
    from domain.lifecycle import Action
    from workflows.messages import BatchInput
    from workflows.options import LOOK, STORE
    from workflows.words import quantity

STORIES_PER_STOP = 500
TOLD_AT_ONCE = 200
"""Moved contacts told between two looks at the slots."""


async def load(batch_id: str) -> LoadedBatch:
    """Return how the batch stands in the database."""
    return await workflow.execute_activity_method(
        BatchActivities.load_batch, LoadBatch(batch_id), summary="how does the batch stand?", **STORE
    )


async def ask_campaign(start: BatchInput, needed: SlotsNeeded) -> None:
    """Ask the campaign for slots whose workflow may have to be started."""
    request = AskCampaign(campaign_id=start.campaign_id, organization_id=start.organization_id, needed=needed)
    await workflow.execute_activity_method(
        CampaignActivities.ask_campaign, request, summary="ask the campaign for slots", **STORE
    )


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


async def next_page(batch_id: str, after_position: int, limit: int) -> FreshPage:
    """Return the next fresh contacts who may be called now."""
    request = NextContacts(batch_id=batch_id, after_position=after_position, limit=limit)
    return await workflow.execute_activity_method(
        BatchActivities.next_contacts,
        request,
        summary=f"pending contacts behind position {after_position}",
        **STORE,
    )


async def due(batch_id: str, limit: int) -> list[SlotRequest]:
    """Return contacts whose retry or follow-up is due."""
    request = DueContacts(batch_id=batch_id, limit=limit)
    return await workflow.execute_activity_method(
        BatchActivities.due_contacts, request, summary="whose next call is due?", **STORE
    )


async def closed_among(batch_id: str, contact_ids: list[str]) -> list[str]:
    """Return the contacts whose workflows are not running."""
    request = FindClosedContacts(batch_id=batch_id, contact_ids=contact_ids)
    return await workflow.execute_activity_method(
        ContactActivities.find_closed_contacts,
        request,
        summary=f"whose workflow has ended, of {quantity(len(contact_ids), 'contact')}?",
        **STORE,
    )


async def was_ended_by_hand(batch_id: str, contact_id: str) -> bool:
    """Tell whether somebody terminated or cancelled the contact's workflow."""
    request = FindClosedContacts(batch_id=batch_id, contact_ids=[contact_id])
    found = await workflow.execute_activity_method(
        ContactActivities.find_contacts_ended_by_hand,
        request,
        summary="was its workflow ended by hand?",
        **STORE,
    )
    return bool(found)


async def close(contact_id: str, attempt: int) -> ClosedContact:
    """End a contact nobody looks after; still live while its call is. `attempt` is 0 without a slot."""
    if attempt:
        check = CheckCall(contact_id=contact_id, attempt=attempt, conclude=True)
        await workflow.execute_activity_method(
            CallActivities.check_call, check, summary="its workflow ended: where is its call?", **LOOK
        )
    request = CloseContact(contact_id=contact_id, attempt=attempt)
    return await workflow.execute_activity_method(
        ContactActivities.close_contact, request, summary="end a contact whose workflow ended", **STORE
    )


async def stop_skipped(batch_id: str) -> None:
    """End the calls of skipped contacts that are being set up, and wake the skipped ones that wait."""
    with suppress(ActivityError):  # a call that goes on is followed to its end all the same
        await workflow.execute_activity_method(
            HangUpActivities.hang_up_skipped,
            HangUpSkipped(batch_id),
            summary="end calls of skipped contacts",
            **LOOK,
        )
    position: int | None = 0
    while position is not None:
        request = StopStories(batch_id=batch_id, after_position=position, limit=STORIES_PER_STOP)
        stopped = await workflow.execute_activity_method(
            ContactActivities.stop_stories, request, summary="wake skipped contacts that sleep", **STORE
        )
        position = stopped.next_position


async def tell_moved(batch_id: str, since: datetime, after_position: int) -> ToldMoved:
    """Tell the next contacts that were moved since then until when they sleep."""
    request = TellMoved(batch_id=batch_id, since=since, after_position=after_position, limit=TOLD_AT_ONCE)
    return await workflow.execute_activity_method(
        SleeperActivities.tell_moved, request, summary="tell contacts whose time has moved", **STORE
    )
