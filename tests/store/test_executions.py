"""What an agent may ask of its call: the attempt, the person, and the attempts before; fakes alike."""

from datetime import timedelta

import pytest

from domain.call import AttemptKind, CallRecord, CallStatus, DialState
from domain.contact import Contact, ContactStatus
from domain.disposition import AnsweredBy
from domain.errors import ExecutionNotFound
from domain.identity import ExecutionId, OrganizationId
from domain.lifecycle import Action
from domain.ports import EarlierAttempt
from domain.settlement import Settlement
from tests.builders import MONDAY_NOON, ORGANIZATION, a_status_event
from tests.store.scenes import LATER, World

pytestmark = pytest.mark.store

RETRIED = Settlement(status=ContactStatus.RETRYING, next_retry_at=LATER)
AGREED = Settlement(status=ContactStatus.FOLLOWUP_SCHEDULED, follow_up_at=LATER)
ANOTHER = OrganizationId("org_another")


async def called_again(world: World) -> tuple[Contact, CallRecord, CallRecord]:
    """A person who asked to be called again, and is."""
    person = await world.a_person()
    first = await world.claimed(person)
    await world.calls.record_dial(first.execution_id, DialState.ACCEPTED)
    await world.hears(first, CallStatus.IN_PROGRESS)
    told = a_status_event(
        CallStatus.COMPLETED,
        answered_by=AnsweredBy.MACHINE,
        disposition="left_message",
        disposition_note="After the beep",
        summary="A machine took the call.",
        transcript="…",
    )
    await world.calls.record_event(first.execution_id, told, event_key="end", body=None)
    await world.contacts.settle(person.contact_id, 1, AGREED, MONDAY_NOON)
    second = await world.claimed(person, 2, AttemptKind.FOLLOW_UP)
    return person, await world.call(first), second


async def test_execution_is_the_attempt_with_its_person_and_rules(world: World) -> None:
    person = await world.a_person(call_context={"shift": "late"})
    record = await world.claimed(person)

    found = await world.executions.get(ORGANIZATION, record.execution_id)

    assert (found.record, found.contact) == (record, await world.contact(person))
    assert (found.batch.batch_id, found.batch.call_context) == (person.batch_id, {"shift": "late"})
    assert found.campaign.campaign_id == person.campaign_id
    assert list(found.history) == []


async def test_history_holds_the_attempts_before_and_none_after(world: World) -> None:
    _, first, second = await called_again(world)

    earlier = await world.executions.get(ORGANIZATION, first.execution_id)
    found = await world.executions.get(ORGANIZATION, second.execution_id)

    assert list(earlier.history) == []
    assert list(found.history) == [
        EarlierAttempt(
            attempt=1,
            kind=AttemptKind.INITIAL,
            call_status=CallStatus.COMPLETED,
            answered_by=AnsweredBy.MACHINE,
            disposition="left_message",
            disposition_note="After the beep",
            started_at=first.started_at,
            ended_at=first.ended_at,
            summary="A machine took the call.",
        )
    ]


async def test_history_is_of_this_person_alone_and_oldest_first(world: World) -> None:
    batch = await world.a_kept_batch(2)
    person, other = await world.people_of(batch)
    await world.ended(other, CallStatus.BUSY, RETRIED)
    await world.ended(person, CallStatus.BUSY, RETRIED)
    second = await world.claimed(person, 2, AttemptKind.RETRY)
    await world.hears(second, CallStatus.NO_ANSWER)
    await world.contacts.settle(person.contact_id, 2, RETRIED, MONDAY_NOON)
    third = await world.claimed(person, 3, AttemptKind.RETRY)

    found = await world.executions.get(ORGANIZATION, third.execution_id)

    assert [(each.attempt, each.call_status) for each in found.history] == [
        (1, CallStatus.BUSY),
        (2, CallStatus.NO_ANSWER),
    ]


async def test_unknown_and_foreign_executions_are_not_found(world: World) -> None:
    record = await world.claimed(await world.a_person())
    for organization, execution in (
        (ORGANIZATION, ExecutionId("exec_nobody")),
        (ANOTHER, record.execution_id),
    ):
        with pytest.raises(ExecutionNotFound):
            await world.executions.get(organization, execution)


async def test_execution_of_a_deleted_campaign_is_found_while_its_call_lives_and_no_longer(
    world: World,
) -> None:
    batch = await world.a_kept_batch()
    (person,) = await world.people_of(batch)
    record = await world.claimed(person)
    await world.hears(record, CallStatus.RINGING)
    await world.batches.act(batch.batch_id, Action.CANCEL, MONDAY_NOON)
    await world.campaigns.delete(ORGANIZATION, batch.campaign_id, MONDAY_NOON)

    found = await world.executions.get(ORGANIZATION, record.execution_id)
    assert found.record.call_status is CallStatus.RINGING

    ended = a_status_event(CallStatus.COMPLETED, happened_at=MONDAY_NOON + timedelta(minutes=1))
    await world.calls.record_event(record.execution_id, ended, event_key="end", body=None)
    with pytest.raises(ExecutionNotFound):
        await world.executions.get(ORGANIZATION, record.execution_id)
