"""Record the histories that `test_replay` replays: `python -m tests.replay.record SCENE ...`.

Run it with the new scenes when a released workflow gains a path worth keeping; never to make a failing
replay pass, for running batches hold histories like the old ones.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path

from domain.batch import BatchStatus
from domain.call import CallRecord, CallStatus, EventSource, StatusEvent, has_ended
from domain.campaign import CONCURRENCY_KEY
from domain.contact import Contact, ContactStatus
from domain.frequency import FrequencyCap
from domain.identity import BatchId
from domain.lifecycle import Action
from domain.redial import RedialPolicy
from domain.slots import GrantedSlots
from domain.telephony import Ambiguous, Misconfigured, Throttled
from temporal.process_exit import leave
from tests.builders import ORGANIZATION, a_new_contact
from tests.fakes import FakeBatchStore, FakeCampaignStore
from tests.workflows.hours import close_until_soon
from tests.workflows.world import (
    ANSWERED,
    BUSY,
    QUICK,
    SILENCE,
    World,
    a_real_server,
    a_world,
    server_clock,
    server_time,
    until,
)
from workflows import names
from workflows.housekeeping.workflow import HousekeepingWorkflow
from workflows.messages import HousekeepingInput, PolicyChanged
from workflows.options import TASK_TIMEOUT

HISTORIES = Path(__file__).with_name("histories")
Scene = Callable[[World], Awaitable[Mapping[str, str]]]
"""Plays something and returns workflow ids (with a run id behind a space, if one is meant) by file name."""


def _story(contact: Contact) -> str:
    return names.contact_workflow_id(contact.batch_id, contact.contact_id)


async def _finished(world: World, batch_id: BatchId) -> list[Contact]:
    await (await world.start(batch_id)).result()
    return world.contacts(batch_id)


async def answered_at_once(world: World) -> Mapping[str, str]:
    """Three people, all answered."""
    batch_id = await world.a_batch(3, concurrency_limit=2)
    contacts = await _finished(world, batch_id)
    return {
        "batch_completed": names.batch_workflow_id(batch_id),
        "contact_answered": _story(contacts[0]),
    }


async def redialled(world: World) -> Mapping[str, str]:
    """Busy, and answered at the redial."""
    world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    batch_id = await world.a_batch(2, concurrency_limit=1, rules=QUICK)
    contacts = await _finished(world, batch_id)
    return {
        "batch_with_redials": names.batch_workflow_id(batch_id),
        "contact_redialled": _story(contacts[0]),
    }


async def followed_up(world: World) -> Mapping[str, str]:
    """Answered, called again as agreed."""

    def script(_request: object, call: int) -> tuple[CallStatus | StatusEvent, ...]:
        now = server_time()
        agreed = now + timedelta(seconds=1) if call == 1 else None
        return (StatusEvent(status=CallStatus.COMPLETED, happened_at=now, follow_up_at=agreed),)

    world.telephone.script = script
    batch_id = await world.a_batch()
    [contact] = await _finished(world, batch_id)
    return {"contact_followed_up": _story(contact)}


async def ambiguous_and_throttled(world: World) -> Mapping[str, str]:
    """Throttled once, then a dial without an answer that turns out never to have been placed."""
    world.telephone.script = lambda _, call: ANSWERED if call == 3 else SILENCE
    world.telephone.dial_results = [Throttled(timedelta(seconds=1)), Ambiguous("status 500")]
    batch_id = await world.a_batch(rules=QUICK)
    [contact] = await _finished(world, batch_id)
    return {"contact_throttled_then_ambiguous": _story(contact)}


async def continued_as_new(world: World) -> Mapping[str, str]:
    """A batch over several runs; the first two and the last one."""
    world.contacts_per_run = 2
    world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED
    batch_id = await world.a_batch(6, concurrency_limit=2, rules=QUICK)
    batch = await world.start(batch_id)
    await batch.result()
    first = batch.first_execution_run_id
    assert first is not None
    history = await world.client.get_workflow_handle(
        names.batch_workflow_id(batch_id), run_id=first
    ).fetch_history()
    continued = history.events[-1].workflow_execution_continued_as_new_event_attributes
    return {
        "batch_first_run": f"{names.batch_workflow_id(batch_id)} {first}",
        "batch_second_run": f"{names.batch_workflow_id(batch_id)} {continued.new_execution_run_id}",
        "batch_last_run": names.batch_workflow_id(batch_id),
    }


async def ended_in_a_lull(world: World) -> Mapping[str, str]:
    """The first run of a batch that waits for a short task before it ends."""
    world.contacts_per_run = 2
    batch_id = await world.a_batch(6, concurrency_limit=2, rules=QUICK)
    batch = await world.start(batch_id)
    await batch.result()
    return {"batch_run_ended_in_a_lull": f"{batch.id} {batch.first_execution_run_id}"}


async def terminated(world: World) -> Mapping[str, str]:
    """A contact's workflow is terminated in the middle of its call; the batch settles it."""
    world.telephone.script = lambda request, _: SILENCE if request.to_number.endswith("1") else ANSWERED
    batch_id = await world.a_batch(2, concurrency_limit=1)
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    [first, _] = world.contacts(batch_id)
    await world.listening(first)
    await world.contact_story(first).terminate("by hand")
    await batch.result()
    return {"batch_with_terminated_contact": names.batch_workflow_id(batch_id)}


async def scheduled(world: World) -> Mapping[str, str]:
    """A batch that waits for its start, and a signal nobody can read."""
    start_at = await world.env.get_current_time() + timedelta(seconds=2)
    batch_id = await world.a_batch(scheduled_start=start_at)
    batch = await world.start(batch_id)
    await batch.signal(names.ATTEMPT_REPORTED, args=["not an object", "surplus"])
    await batch.result()
    return {"batch_scheduled": names.batch_workflow_id(batch_id)}


async def unanswered_until_polled(world: World) -> Mapping[str, str]:
    """A contact whose retries are spent."""
    world.telephone.script = lambda _request, _call: BUSY
    policy = RedialPolicy(max_retries=1, cooldown=timedelta(seconds=1))
    batch_id = await world.a_batch(rules={"retry_policy": policy})
    [contact] = await _finished(world, batch_id)
    assert contact.status is ContactStatus.MAX_RETRIES_REACHED
    return {"contact_given_up": _story(contact)}


async def paused_and_resumed(world: World) -> Mapping[str, str]:
    """A batch is paused while a phone rings and one contact sleeps, and resumed."""
    world.telephone.script = lambda request, call: (
        (CallStatus.RINGING,) if request.to_number.endswith("1") else BUSY if call == 1 else ANSWERED
    )
    batch_id = await world.a_batch(2, rules=QUICK)
    batch = await world.start(batch_id)
    await until(lambda: world.contacts(batch_id)[1].status is ContactStatus.RETRYING)
    await batch.signal(names.PAUSE, {"reason": "lunch"})
    await until(lambda: world.tables.batches[batch_id].status is BatchStatus.PAUSED)
    await asyncio.sleep(2)
    await batch.signal(names.RESUME)
    now = await world.env.get_current_time()
    ringing = next(each for each in world.calls(batch_id) if each.to_number.endswith("1"))
    await world.hear(ringing.execution_id, StatusEvent(status=CallStatus.COMPLETED, happened_at=now))
    await batch.result()
    return {"batch_paused_and_resumed": names.batch_workflow_id(batch_id)}


async def cancelled(world: World) -> Mapping[str, str]:
    """A batch is cancelled while one contact sleeps and another is called."""
    world.telephone.script = lambda request, _: SILENCE if request.to_number.endswith("1") else BUSY
    batch_id = await world.a_batch(2)
    batch = await world.start(batch_id)
    await until(lambda: world.contacts(batch_id)[1].status is ContactStatus.RETRYING)
    await world.listening(world.contacts(batch_id)[0])
    await batch.cancel()
    await batch.result()
    sleeping = world.contacts(batch_id)[1]
    await world.contact_story(sleeping).result()
    return {
        "batch_cancelled_on_the_server": names.batch_workflow_id(batch_id),
        "contact_stopped": _story(sleeping),
    }


async def expired(world: World) -> Mapping[str, str]:
    """A batch whose end comes while nobody may be called."""
    end_at = await world.env.get_current_time() + timedelta(seconds=2)
    batch_id = await world.a_batch(rules={"timezone": "Nowhere/Land"}, scheduled_end=end_at)
    await (await world.start(batch_id)).result()
    return {"batch_expired": names.batch_workflow_id(batch_id)}


async def provider_was_broken(world: World) -> Mapping[str, str]:
    """The key is refused, the route is probed twice, and then the same attempt is dialled."""
    world.telephone.script = lambda _, call: SILENCE if call == 1 else ANSWERED
    world.telephone.dial_results = [Misconfigured("provider answered 401")]
    world.telephone.troubles = ["is down"]
    batch_id = await world.a_batch()
    [contact] = await _finished(world, batch_id)
    assert contact.status is ContactStatus.COMPLETED
    return {"contact_waited_for_its_provider": _story(contact)}


async def number_was_busy(world: World) -> Mapping[str, str]:
    """Two people share a number: one redial and one first call wait until the other call is over."""
    world.telephone.script = lambda _request, _call: (CallStatus.RINGING,)
    policy = RedialPolicy(cooldown=timedelta(seconds=8))
    batch_id = await world.a_batch(2, rules={"retry_policy": policy})
    first, second = world.contacts(batch_id)
    shared = replace(second, phone_number=first.phone_number)
    world.tables.contacts[second.contact_id] = shared
    batch = await world.start(batch_id)
    for dialled, ending in enumerate((CallStatus.BUSY, CallStatus.COMPLETED, CallStatus.COMPLETED), start=1):
        await until(partial(_has_dialled, world, dialled), seconds=20)
        await asyncio.sleep(9)  # the other one asks for the number
        now = await world.env.get_current_time()
        await world.hear(
            world.telephone.requests[-1].execution_id, StatusEvent(status=ending, happened_at=now)
        )
    await batch.result()
    redialled = world.telephone.requests[0].contact_id
    return {
        "batch_with_a_shared_number": names.batch_workflow_id(batch_id),
        "contact_whose_number_was_busy": names.contact_workflow_id(batch_id, redialled),
    }


async def outage_outlasted_a_run(world: World) -> Mapping[str, str]:
    """A provider throttles for so long that the contact goes on in a new run; the first and the last."""
    world.telephone.script = lambda _, call: ANSWERED if call == 6 else SILENCE
    world.telephone.dial_results = [Throttled(timedelta(milliseconds=10))] * 5
    batch_id = await world.a_batch()
    [contact] = await _finished(world, batch_id)
    story = _story(contact)
    last = await world.client.get_workflow_handle(story).fetch_history()
    first = last.events[0].workflow_execution_started_event_attributes.first_execution_run_id
    return {"contact_first_run": f"{story} {first}", "contact_last_run": story}


async def operated_by_hand(world: World) -> Mapping[str, str]:
    """A contact sleeps for an hour and can be found by it; the batch is held, let go, and cancelled."""
    world.telephone.script = lambda _request, _call: BUSY
    policy = RedialPolicy(cooldown=timedelta(hours=1))
    batch_id = await world.a_batch(1, rules={"retry_policy": policy})
    batch = await world.start(batch_id)
    await until(lambda: world.contacts(batch_id)[0].status is ContactStatus.RETRYING)
    await batch.signal(names.PAUSE, {"reason": "lunch", "by": "ops"})
    await until(lambda: world.tables.batches[batch_id].status is BatchStatus.PAUSED)
    await batch.signal(names.RESUME, [1])
    await batch.signal(names.POLICY_CHANGED, {"action": "resume"})
    await until(lambda: world.tables.batches[batch_id].status is BatchStatus.IN_PROGRESS)
    await batch.signal(names.CANCEL, "withdrawn")
    await batch.result()
    [contact] = world.contacts(batch_id)
    await world.contact_story(contact).result()
    return {"batch_operated_by_hand": names.batch_workflow_id(batch_id), "contact_asleep": _story(contact)}


async def shared_slots(world: World) -> Mapping[str, str]:
    """Two batches share three slots, each busy once; the first leaves slots to the newcomer."""
    world.telephone.script = lambda request, call: (
        SILENCE if request.to_number.endswith(("1", "2", "3")) and call == 1 else ANSWERED
    )
    campaign_id = await world.a_campaign(metadata={CONCURRENCY_KEY: 3})
    one = await world.another_batch(campaign_id, 5, concurrency_limit=3)
    other = await world.another_batch(campaign_id, 4, first=14, concurrency_limit=2)
    first = await world.start(one)
    await until(partial(_has_dialled, world, 3))
    second = await world.start(other)
    await asyncio.sleep(1)  # the newcomer is known, and waits for what the first leaves
    for record in world.calls(one):
        ended = StatusEvent(status=CallStatus.COMPLETED, happened_at=await world.env.get_current_time())
        await world.hear(record.execution_id, ended)
    await first.result()
    await second.result()
    return {"batch_that_left_slots": names.batch_workflow_id(one)}


async def rescheduled(world: World) -> Mapping[str, str]:
    """Three wait for a redial when the rules change: one is called now, one never, one an hour later."""
    world.telephone.script = lambda _request, call: BUSY if call == 1 else ANSWERED
    policy = RedialPolicy(cooldown=timedelta(seconds=4))
    batch_id = await world.a_batch(3, rules={"retry_policy": policy})
    batch = await world.start(batch_id)
    await until(lambda: {each.status for each in world.contacts(batch_id)} == {ContactStatus.RETRYING})
    _now, ended, put_off = world.contacts(batch_id)
    now = await world.env.get_current_time()
    for moved in (
        replace(ended, status=ContactStatus.BUSY, next_retry_at=None, updated_at=now),
        replace(put_off, next_retry_at=now + timedelta(seconds=15), updated_at=now),
    ):
        world.tables.contacts[moved.contact_id] = moved
    await batch.signal(names.POLICY_CHANGED, PolicyChanged(rescheduled_since=now))
    await batch.result()
    await world.contact_story(ended).result()
    return {
        "batch_rescheduled": names.batch_workflow_id(batch_id),
        "contact_that_asked_in_vain": _story(ended),
        "contact_sent_to_sleep_again": _story(put_off),
    }


def _behind_a_grant(world: World, change: Callable[[BatchId], Awaitable[None]]) -> None:
    """Change something right after the first grant that follows a dial, before the workflow hears of it."""

    async def changed(granted: GrantedSlots) -> GrantedSlots:
        if world.telephone.requests and granted.granted:
            world.slots.once_granted = None
            await change(next(iter(world.tables.batches)))
        return granted

    world.slots.once_granted = changed
    world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED


async def withheld_for_hours(world: World) -> Mapping[str, str]:
    """A redial has its slot when the window of its campaign closes, for ten seconds."""

    async def close(batch_id: BatchId) -> None:
        close_until_soon(world, batch_id, await world.env.get_current_time())

    _behind_a_grant(world, close)
    return await _withheld(world, "hours")


async def withheld_for_caps(world: World) -> Mapping[str, str]:
    """A redial has its slot when a cap is set that lets go six seconds after the first call."""

    async def cap(batch_id: BatchId) -> None:
        campaign = world.tables.campaigns[world.tables.batches[batch_id].campaign_id]
        caps = (FrequencyCap(max_calls=1, window=timedelta(seconds=6)),)
        capped = replace(campaign, rules=replace(campaign.rules, frequency_caps=caps))
        world.tables.campaigns[campaign.campaign_id] = capped

    _behind_a_grant(world, cap)
    return await _withheld(world, "caps")


async def _withheld(world: World, why: str) -> Mapping[str, str]:
    batch_id = await world.a_batch(rules=QUICK)
    [contact] = await _finished(world, batch_id)
    return {
        f"contact_withheld_for_{why}": _story(contact),
        f"batch_withheld_for_{why}": names.batch_workflow_id(batch_id),
    }


async def held_with_its_slot(world: World) -> Mapping[str, str]:
    """A contact has its slot when its batch is paused, and is called once it is resumed."""

    async def pause(batch_id: BatchId) -> None:
        held = replace(world.tables.batches[batch_id], status=BatchStatus.PAUSED)
        world.tables.batches[batch_id] = held

    _behind_a_grant(world, pause)
    batch_id = await world.a_batch(2, concurrency_limit=1, rules=QUICK)
    batch = await world.start(batch_id)
    await until(lambda: world.tables.batches[batch_id].status is BatchStatus.PAUSED)
    await asyncio.sleep(2)
    await batch.signal(names.RESUME)
    await batch.result()
    return {"batch_held_with_a_slot_granted": names.batch_workflow_id(batch_id)}


async def took_turns(world: World) -> Mapping[str, str]:
    """One call in three seconds: the second contact waits for its turn."""
    batch_id = await world.a_batch(2, rules={"calls_per_second": 0.3})
    await _finished(world, batch_id)
    last = world.telephone.requests[-1].contact_id
    return {"contact_that_waited_for_its_turn": names.contact_workflow_id(batch_id, last)}


async def never_heard_of(world: World) -> Mapping[str, str]:
    """No webhook of a call comes; the provider tells how it ended when it is asked."""
    world.telephone.script = lambda _request, _call: SILENCE
    now = await world.env.get_current_time()
    ended = StatusEvent(status=CallStatus.COMPLETED, happened_at=now, source=EventSource.POLL)
    world.telephone.standing["call-1"] = ended
    batch_id = await world.a_batch()
    await _finished(world, batch_id)
    return {"contact_whose_webhooks_were_lost": _story(world.contacts(batch_id)[0])}


async def talked_to(world: World) -> Mapping[str, str]:
    """Calls go on after their dials were answered: one is busy and redialled, all others are answered."""
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch(2, concurrency_limit=2, rules=QUICK)
    batch = await world.start(batch_id)
    for outcome in (CallStatus.BUSY, CallStatus.COMPLETED, CallStatus.COMPLETED):
        await until(lambda: bool(_open_calls(world)))
        call = _open_calls(world)[0]
        await world.hear(call.execution_id, StatusEvent(status=outcome, happened_at=server_clock()))
    await batch.result()
    redialled = next(each for each in world.contacts(batch_id) if each.retry_count)
    return {
        "contact_whose_calls_outlast_their_dials": _story(redialled),
        "batch_that_follows_its_children": names.batch_workflow_id(batch_id),
    }


async def looks_outlasted_their_tasks(world: World) -> Mapping[str, str]:
    """The database hangs for longer than a workflow task lasts, again and again."""
    looks = count(1)

    async def hang(granted: GrantedSlots) -> GrantedSlots:
        if next(looks) % 3 == 0:
            await asyncio.sleep(4)
        return granted

    world.slots.once_granted = hang
    world.telephone.script = lambda _request, call: BUSY if call < 4 else ANSWERED
    batch_id = await world.a_batch(4, concurrency_limit=2, rules=QUICK)
    await (await world.start(batch_id, task_timeout=TASK_TIMEOUT)).result()
    return {"batch_whose_looks_outlasted_their_tasks": names.batch_workflow_id(batch_id)}


def _open_calls(world: World) -> Sequence[CallRecord]:
    return [
        each for each in world.tables.calls.values() if each.awaited_by and not has_ended(each.call_status)
    ]


async def left_alone(world: World) -> Mapping[str, str]:
    """The batch's workflow is terminated while a contact sleeps: nobody is left to grant it a slot."""
    world.telephone.script = lambda _request, _call: BUSY
    policy = RedialPolicy(cooldown=timedelta(seconds=3))
    batch_id = await world.a_batch(rules={"retry_policy": policy})
    batch = await world.start(batch_id)
    await until(lambda: world.contacts(batch_id)[0].status is ContactStatus.RETRYING)
    await batch.terminate()
    [contact] = world.contacts(batch_id)
    await world.contact_story(contact).result()
    return {"contact_nobody_granted_a_slot": _story(contact)}


async def rules_changed(world: World) -> Mapping[str, str]:
    """Two wait for a redial when the rules change: one signal is heard, the next one is lost."""
    world.telephone.script = lambda _request, call: BUSY if call == 1 else ANSWERED
    policy = RedialPolicy(cooldown=timedelta(hours=1))
    batch_id = await world.a_batch(2, rules={"retry_policy": policy})
    batch = await world.start(batch_id)
    await until(lambda: {each.status for each in world.contacts(batch_id)} == {ContactStatus.RETRYING})
    await _change(world, batch_id, timedelta(hours=2))
    await batch.signal(names.POLICY_CHANGED)
    before = world.contacts(batch_id)[0].next_retry_at
    await until(lambda: world.contacts(batch_id)[0].next_retry_at != before)
    await _change(world, batch_id, timedelta(seconds=1))
    await batch.signal(names.SLOTS_FREED)  # it looks for another reason
    await batch.result()
    return {"batch_that_followed_changed_rules": names.batch_workflow_id(batch_id)}


async def change_was_not_signalled(world: World) -> Mapping[str, str]:
    """A batch finds by the version that its rules changed, and follows them once more a minute later."""
    world.telephone.script = lambda _request, call: BUSY if call == 1 else ANSWERED
    policy = RedialPolicy(cooldown=timedelta(hours=1))
    batch_id = await world.a_batch(rules={"retry_policy": policy})
    batch = await world.start(batch_id)
    await until(lambda: world.contacts(batch_id)[0].status is ContactStatus.RETRYING)
    await _change(world, batch_id, timedelta(seconds=80))
    await batch.result()
    return {"batch_that_found_a_lost_signal": names.batch_workflow_id(batch_id)}


async def _change(world: World, batch_id: BatchId, cooldown: timedelta) -> None:
    campaign_id = world.tables.batches[batch_id].campaign_id
    await FakeCampaignStore(world.tables).change(
        ORGANIZATION,
        campaign_id,
        lambda rules: replace(rules, retry_policy=RedialPolicy(cooldown=cooldown)),
        await world.env.get_current_time(),
    )


async def kept_open(world: World) -> Mapping[str, str]:
    """The batch rests with everybody done; somebody is added for a second later; then it is closed."""
    batch_id = await world.a_batch(keep_open=True)
    batch = await world.start(batch_id)
    await until(lambda: batch_id in world.tables.rests_since)
    await asyncio.sleep(3)  # the count after the end comes, and then nothing
    batches, now = FakeBatchStore(world.tables), await world.env.get_current_time()
    later = replace(a_new_contact(2), not_before=now + timedelta(seconds=1))
    await batches.append(ORGANIZATION, batch_id, [later], now)
    await batch.signal(names.POLICY_CHANGED)
    await until(lambda: world.contacts(batch_id)[1].status is ContactStatus.COMPLETED)
    await until(lambda: batch_id in world.tables.rests_since)
    await batches.act(batch_id, Action.CLOSE, await world.env.get_current_time())
    await batch.signal(names.POLICY_CHANGED, PolicyChanged(Action.CLOSE))
    await batch.result()
    return {"batch_kept_open": names.batch_workflow_id(batch_id)}


async def housekeeping(world: World) -> Mapping[str, str]:
    """Terms end, and the workflow goes on in a new run; the first and the second."""
    handle = await world.client.start_workflow(
        HousekeepingWorkflow.run,
        HousekeepingInput(term=timedelta(seconds=2), terms_per_run=7),
        id=names.HOUSEKEEPING_WORKFLOW_ID,
        task_queue=names.CONTROL_QUEUE,
    )
    first = handle.first_execution_run_id
    second = first
    while second == first:
        await asyncio.sleep(1)
        second = (await world.client.get_workflow_handle(handle.id).describe()).run_id
    await asyncio.sleep(3)
    return {
        "housekeeping_first_run": f"{handle.id} {first}",
        "housekeeping_second_run": f"{handle.id} {second}",
    }


def _has_dialled(world: World, count: int) -> bool:
    return len(world.telephone.requests) == count


SCENES: tuple[Scene, ...] = (
    answered_at_once,
    redialled,
    followed_up,
    ambiguous_and_throttled,
    continued_as_new,
    ended_in_a_lull,
    terminated,
    scheduled,
    unanswered_until_polled,
    paused_and_resumed,
    cancelled,
    expired,
    provider_was_broken,
    number_was_busy,
    outage_outlasted_a_run,
    operated_by_hand,
    rescheduled,
    shared_slots,
    withheld_for_hours,
    withheld_for_caps,
    held_with_its_slot,
    took_turns,
    never_heard_of,
    talked_to,
    looks_outlasted_their_tasks,
    left_alone,
    rules_changed,
    change_was_not_signalled,
    kept_open,
    housekeeping,
)
LONGEST_HISTORY: Mapping[Scene, int] = {outage_outlasted_a_run: 25}
"""Where the server suggests early to continue as new."""


async def record(wanted: Sequence[str]) -> None:
    """Play the wanted scenes, each on a real server, and keep their histories."""
    for scene in (each for each in SCENES if each.__name__ in wanted):
        async with a_world(await a_real_server(longest_history=LONGEST_HISTORY.get(scene))) as world:
            for name, execution in (await scene(world)).items():
                workflow_id, _, run_id = execution.partition(" ")
                handle = world.client.get_workflow_handle(workflow_id, run_id=run_id or None)
                _keep(name, (await handle.fetch_history()).to_json())


def _keep(name: str, history: str) -> None:
    kept = _without_machine(json.loads(history))
    (HISTORIES / f"{name}.json").write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def _without_machine(value: object) -> object:
    """Leave out which process on which machine did what."""
    if isinstance(value, dict):
        return {
            key: "recorder" if key == "identity" else _without_machine(each) for key, each in value.items()
        }
    if isinstance(value, list):
        return [_without_machine(each) for each in value]
    return value


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1:]))
    leave(0)
