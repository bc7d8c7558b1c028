"""Asking the provider about a call that went silent, and ending what nobody will ever hear of."""

from dataclasses import replace

import pytest

from activities.calls import NEVER_CLEAR, NEVER_FOUND
from activities.messages import CheckCall, CheckedCall
from domain.call import CallRecord, CallStatus, DialState, EventSource, StatusEvent
from domain.contact import ContactStatus
from domain.errors import ProviderUnavailable
from domain.identity import ContactId, ExecutionId
from tests.activities.world import World, a_call_under_way, a_dialled_call
from tests.builders import CONTACT_ID, EXECUTION_ID, MONDAY_NOON, a_dial_brief, a_status_event

LOOK = CheckCall(contact_id=CONTACT_ID, attempt=1)
LAST_LOOK = replace(LOOK, conclude=True)
OVERDUE = replace(LOOK, conclude=True, must_end=True)

UNANSWERED = a_dialled_call(dial_state=DialState.AMBIGUOUS, provider_call_id=None)
"""A dial whose answer never came."""


def a_snapshot(status: CallStatus, **changes: object) -> StatusEvent:
    """What the provider answers to a question."""
    return a_status_event(status, source=EventSource.POLL, **changes)


def known(status: CallStatus) -> CheckedCall:
    """The answer about a call somebody has heard of."""
    return CheckedCall(call_status=status, is_known=True)


@pytest.mark.parametrize(
    "status",
    [
        CallStatus.COMPLETED,
        CallStatus.BUSY,
        CallStatus.NO_ANSWER,
        CallStatus.FAILED,
        CallStatus.UNKNOWN,
        CallStatus.CANCELLED,
    ],
)
async def test_stored_ending_is_taken_without_asking(status: CallStatus) -> None:
    world = a_call_under_way(a_dialled_call(call_status=status))
    world.provider.is_down = True
    before = world.rows()

    assert await world.run(world.dialling.check_call, OVERDUE) == known(status)
    assert world.rows() == before


async def test_attempt_nobody_wrote_down_counts_as_given_up() -> None:
    world = World()
    world.provider.is_down = True

    checked = await world.run(world.dialling.check_call, LAST_LOOK)

    assert checked == CheckedCall(call_status=CallStatus.CANCELLED, is_known=False)
    assert world.tables.calls == {}


async def test_contact_that_is_gone_counts_as_given_up() -> None:
    world = World()
    world.tables.contacts.clear()

    checked = await world.run(world.dialling.check_call, LAST_LOOK)

    assert checked == CheckedCall(call_status=CallStatus.CANCELLED, is_known=False)


async def test_where_the_provider_sees_the_call_is_kept() -> None:
    world = a_call_under_way(a_dialled_call())
    world.provider.standing = {"call-1": a_snapshot(CallStatus.IN_PROGRESS)}

    assert await world.run(world.dialling.check_call, LAST_LOOK) == known(CallStatus.IN_PROGRESS)
    assert world.call == a_dialled_call(call_status=CallStatus.IN_PROGRESS, answered_at=MONDAY_NOON)
    assert world.contact.status is ContactStatus.IN_PROGRESS


async def test_ending_the_webhooks_lost_is_taken_from_the_provider() -> None:
    world = a_call_under_way(a_dialled_call(call_status=CallStatus.RINGING), ContactStatus.IN_PROGRESS)
    world.provider.standing = {"call-1": a_snapshot(CallStatus.BUSY, sip_status=486)}

    assert await world.run(world.dialling.check_call, LOOK) == known(CallStatus.BUSY)
    assert world.call == a_dialled_call(call_status=CallStatus.BUSY, sip_status=486, ended_at=MONDAY_NOON)


async def test_same_answer_twice_is_one_event() -> None:
    world = a_call_under_way(a_dialled_call())
    world.provider.standing = {"call-1": a_snapshot(CallStatus.RINGING)}

    answers = [await world.run(world.dialling.check_call, LOOK) for _ in range(2)]

    assert answers == [known(CallStatus.RINGING)] * 2
    assert [each.event_key for each in world.tables.events] == ["poll:ringing"]


async def test_call_found_by_our_own_id_is_adopted() -> None:
    world = a_call_under_way(UNANSWERED)
    world.provider.found = {EXECUTION_ID: [a_snapshot(CallStatus.RINGING, provider_call_id="call-9")]}

    assert await world.run(world.dialling.check_call, LAST_LOOK) == known(CallStatus.RINGING)
    assert (world.call.provider_call_id, world.call.call_status) == ("call-9", CallStatus.RINGING)


async def test_of_several_calls_that_may_be_ours_none_is_adopted() -> None:
    world = a_call_under_way(UNANSWERED)
    world.provider.found = {
        EXECUTION_ID: [
            a_snapshot(CallStatus.RINGING, provider_call_id="call-8"),
            a_snapshot(CallStatus.COMPLETED, provider_call_id="call-9"),
        ]
    }
    before = world.rows()

    checked = await world.run(world.dialling.check_call, LOOK)

    assert checked == CheckedCall(call_status=CallStatus.QUEUED, is_known=False)
    assert world.rows() == before


def owned(world: World, provider_call_id: str) -> None:
    """Let an earlier attempt own one of the provider's calls."""
    earlier = ExecutionId(f"exec_of_{provider_call_id}")
    world.tables.calls[earlier] = a_dialled_call(
        execution_id=earlier,
        contact_id=ContactId("con_2"),
        call_status=CallStatus.COMPLETED,
        provider_call_id=provider_call_id,
    )


@pytest.mark.parametrize(
    ("of_others", "adopted"),
    [
        pytest.param(("call-8",), "call-9", id="the one that is left"),
        pytest.param(("call-8", "call-9"), None, id="none is left"),
        pytest.param((), None, id="several are left"),
    ],
)
async def test_call_of_another_attempt_is_never_taken_for_ours(
    of_others: tuple[str, ...], adopted: str | None
) -> None:
    world = a_call_under_way(UNANSWERED)
    for provider_call_id in of_others:
        owned(world, provider_call_id)
    world.provider.found = {
        EXECUTION_ID: [
            a_snapshot(CallStatus.COMPLETED, provider_call_id="call-8"),
            a_snapshot(CallStatus.RINGING, provider_call_id="call-9"),
        ]
    }

    checked = await world.run(world.dialling.check_call, LOOK)

    assert checked.is_known is (adopted is not None)
    assert world.tables.calls[EXECUTION_ID].provider_call_id == adopted


async def test_silence_of_the_provider_concludes_nothing_before_the_last_look() -> None:
    world = a_call_under_way(UNANSWERED)
    before = world.rows()

    checked = await world.run(world.dialling.check_call, LOOK)

    assert checked == CheckedCall(call_status=CallStatus.QUEUED, is_known=False)
    assert world.rows() == before


@pytest.mark.parametrize(
    ("call", "lookup_is_proof", "status", "error"),
    [
        pytest.param(UNANSWERED, True, CallStatus.FAILED, NEVER_FOUND, id="not found is proof"),
        pytest.param(UNANSWERED, False, CallStatus.UNKNOWN, NEVER_CLEAR, id="not found proves nothing"),
        pytest.param(
            replace(UNANSWERED, call_status=CallStatus.RINGING),
            True,
            CallStatus.UNKNOWN,
            NEVER_CLEAR,
            id="it rang before, so it was placed",
        ),
        pytest.param(
            a_dialled_call(), True, CallStatus.UNKNOWN, NEVER_CLEAR, id="it was accepted, so it was placed"
        ),
    ],
)
async def test_call_nobody_knows_at_the_last_look_is_ended(
    call: CallRecord, lookup_is_proof: bool, status: CallStatus, error: str
) -> None:
    world = a_call_under_way(call)
    world.provider.lookup_is_proof = lookup_is_proof

    assert await world.run(world.dialling.check_call, LAST_LOOK) == known(status)
    assert world.call == replace(call, call_status=status, ended_at=MONDAY_NOON, error=error)
    told = StatusEvent(status=status, happened_at=MONDAY_NOON, source=EventSource.DIAL, error=error)
    assert [each.event for each in world.tables.events] == [told]


async def test_late_real_ending_corrects_what_nobody_could_say() -> None:
    world = a_call_under_way(a_dialled_call())
    await world.run(world.dialling.check_call, LAST_LOOK)

    await world.calls.record_event(
        EXECUTION_ID, a_status_event(CallStatus.NO_ANSWER), event_key="late", body=None
    )

    assert world.call == a_dialled_call(call_status=CallStatus.NO_ANSWER, ended_at=MONDAY_NOON)


@pytest.mark.parametrize(
    ("standing", "status", "keys"),
    [
        pytest.param(
            a_snapshot(CallStatus.IN_PROGRESS),
            CallStatus.UNKNOWN,
            ["poll:in_progress", "dial:unknown"],
            id="still talking, they say",
        ),
        pytest.param(
            a_snapshot(CallStatus.COMPLETED), CallStatus.COMPLETED, ["poll:completed"], id="over, they say"
        ),
        pytest.param(None, CallStatus.UNKNOWN, ["dial:unknown"], id="not known to them"),
    ],
)
async def test_overdue_call_ends_whatever_the_provider_says(
    standing: StatusEvent | None, status: CallStatus, keys: list[str]
) -> None:
    world = a_call_under_way(a_dialled_call())
    world.provider.standing = {"call-1": standing} if standing else {}

    assert await world.run(world.dialling.check_call, OVERDUE) == known(status)
    assert world.call.call_status is status
    assert [each.event_key for each in world.tables.events] == keys


async def test_overdue_call_ends_while_the_provider_is_down() -> None:
    world = a_call_under_way(UNANSWERED)
    world.provider.is_down = True

    assert await world.run(world.dialling.check_call, OVERDUE) == known(CallStatus.UNKNOWN)
    assert (world.call.call_status, world.call.error) == (CallStatus.UNKNOWN, NEVER_CLEAR)


@pytest.mark.parametrize("look", [pytest.param(LOOK, id="look"), pytest.param(LAST_LOOK, id="last look")])
async def test_provider_that_is_down_concludes_nothing_of_a_call_that_may_live(look: CheckCall) -> None:
    world = a_call_under_way(UNANSWERED)
    world.provider.is_down = True
    before = world.rows()

    with pytest.raises(ProviderUnavailable):
        await world.run(world.dialling.check_call, look)

    assert world.rows() == before


async def test_conclusion_told_twice_is_one_event() -> None:
    world = a_call_under_way(UNANSWERED)

    answers = [await world.run(world.dialling.check_call, LAST_LOOK) for _ in range(2)]

    assert answers == [known(CallStatus.FAILED)] * 2
    assert [each.event_key for each in world.tables.events] == ["dial:failed"]


async def test_only_the_attempt_asked_about_is_ended() -> None:
    world = World(a_dial_brief(record=a_dialled_call()))

    checked = await world.run(world.dialling.check_call, replace(OVERDUE, attempt=2))

    assert checked == CheckedCall(call_status=CallStatus.CANCELLED, is_known=False)
    assert world.call == a_dialled_call()
