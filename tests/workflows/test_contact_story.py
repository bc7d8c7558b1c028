"""One person's story on a clock that skips: dial, hear, redial, follow up, give up."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.call import CallStatus, EventSource, StatusEvent
from domain.contact import ContactStatus
from domain.redial import RedialPolicy, RedialStrategy
from domain.telephony import Ambiguous, Refused, Throttled, Unavailable
from tests.workflows.world import ANSWERED, BUSY, NO_ANSWER, SILENCE, World, server_time, until
from workflows import names

pytestmark = pytest.mark.server


async def play(world: World, **rules: object) -> tuple[ContactStatus, list[CallStatus]]:
    """Run a batch of one contact to its end; return the contact's status and its calls'."""
    batch_id = await world.a_batch(rules=rules)
    await (await world.start(batch_id)).result()
    [contact] = world.contacts(batch_id)
    return contact.status, [call.call_status for call in world.calls(batch_id)]


async def only_length(world: World) -> timedelta:
    [batch_id] = world.tables.batches
    return await world.length(batch_id)


async def test_answered_contact_is_called_once_and_completed(world: World) -> None:
    assert await play(world) == (ContactStatus.COMPLETED, [CallStatus.COMPLETED])
    assert len(world.telephone.requests) == 1


async def test_busy_contact_is_redialled_after_the_cooldown_of_thirty_minutes(world: World) -> None:
    world.telephone.script = lambda _, call: BUSY if call == 1 else ANSWERED

    assert await play(world) == (ContactStatus.COMPLETED, [CallStatus.BUSY, CallStatus.COMPLETED])

    first, second = world.tables.calls.values()
    assert first.ended_at is not None
    assert second.started_at is not None
    waited = second.started_at - first.ended_at
    assert timedelta(minutes=30) <= waited < timedelta(minutes=30, seconds=5)


async def test_exponential_cooldowns_are_twenty_forty_and_eighty_minutes(world: World) -> None:
    world.telephone.script = lambda _request, _call: NO_ANSWER
    policy = RedialPolicy(max_retries=3, strategy=RedialStrategy.EXPONENTIAL, cooldown=timedelta(minutes=20))

    await play(world, retry_policy=policy)

    calls = list(world.tables.calls.values())
    waits = [
        later.started_at - earlier.ended_at
        for earlier, later in itertools.pairwise(calls)
        if later.started_at and earlier.ended_at
    ]
    assert [round(wait / timedelta(minutes=1)) for wait in waits] == [20, 40, 80]


async def test_contact_nobody_answers_for_is_given_up_after_all_retries(world: World) -> None:
    world.telephone.script = lambda _request, _call: NO_ANSWER

    status, calls = await play(world, retry_policy=RedialPolicy(max_retries=2))

    assert status is ContactStatus.MAX_RETRIES_REACHED
    assert calls == [CallStatus.NO_ANSWER] * 3


async def test_cooldown_holds_no_slot(world: World) -> None:
    world.telephone.script = lambda request, call: (
        BUSY if call == 1 and request.to_number.endswith("1") else ANSWERED
    )
    batch_id = await world.a_batch(2, concurrency_limit=1)

    await (await world.start(batch_id)).result()

    first, redial, other = sorted(
        world.tables.calls.values(), key=lambda call: (call.to_number, call.attempt)
    )
    assert other.started_at is not None
    assert redial.started_at is not None
    assert first.ended_at is not None
    assert other.started_at - first.ended_at < timedelta(minutes=1)
    assert redial.started_at > other.started_at


async def test_event_before_the_dial_has_returned_is_not_lost(world: World) -> None:
    heard_at_the_dial: list[CallStatus] = []

    def script(_request: object, _call: int) -> tuple[CallStatus, ...]:
        heard_at_the_dial.extend(ANSWERED)
        return ANSWERED

    world.telephone.script = script

    status, _ = await play(world)

    assert status is ContactStatus.COMPLETED
    assert heard_at_the_dial == list(ANSWERED)
    assert world.telephone.requests[0].execution_id in world.tables.calls


@pytest.mark.parametrize(
    "order",
    [
        pytest.param((*ANSWERED, *ANSWERED, *ANSWERED), id="every event three times"),
        pytest.param(tuple(reversed(ANSWERED)), id="the ending first"),
        pytest.param((*ANSWERED, CallStatus.BUSY, CallStatus.FAILED), id="contradicted afterwards"),
    ],
)
async def test_doubled_shuffled_and_contradicting_events_give_one_outcome(
    world: World, order: tuple[CallStatus, ...]
) -> None:
    world.telephone.script = lambda _request, _call: order

    assert await play(world) == (ContactStatus.COMPLETED, [CallStatus.COMPLETED])


async def test_lost_ending_is_found_by_asking_the_provider(world: World) -> None:
    world.telephone.script = lambda _request, _call: ANSWERED[:2]
    now = await world.env.get_current_time()
    world.telephone.standing["call-1"] = StatusEvent(
        status=CallStatus.COMPLETED, happened_at=now, source=EventSource.POLL
    )

    assert await play(world) == (ContactStatus.COMPLETED, [CallStatus.COMPLETED])

    assert timedelta(seconds=30) <= await only_length(world) < timedelta(seconds=60)  # one silence


async def test_ending_that_was_stored_and_never_delivered_is_found_in_the_database(world: World) -> None:
    world.telephone.script = lambda _request, _call: SILENCE
    batch_id = await world.a_batch()
    await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    [execution_id] = world.tables.calls
    stored = replace(world.tables.calls[execution_id], call_status=CallStatus.BUSY)
    world.tables.calls[execution_id] = stored

    await world.env.sleep(timedelta(seconds=35))
    await until(lambda: world.contacts(batch_id)[0].status is ContactStatus.RETRYING)


async def test_call_the_provider_no_longer_knows_ends_unknown_and_is_not_redialled(world: World) -> None:
    world.telephone.script = lambda _request, _call: (CallStatus.RINGING,)

    status, calls = await play(world)

    assert (status, calls) == (ContactStatus.FAILED, [CallStatus.UNKNOWN])
    assert len(world.telephone.requests) == 1


async def test_ambiguous_dial_is_never_repeated_and_found_by_its_webhook(world: World) -> None:
    world.telephone.dial_results = [Ambiguous("no answer to the dial")]

    assert await play(world) == (ContactStatus.COMPLETED, [CallStatus.COMPLETED])
    assert len(world.telephone.requests) == 1


async def test_ambiguous_dial_without_webhooks_is_found_by_looking_it_up(world: World) -> None:
    world.telephone.script = lambda _request, _call: SILENCE
    world.telephone.dial_results = [Ambiguous("no answer to the dial")]
    batch_id = await world.a_batch()
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    [execution_id] = world.tables.calls
    world.telephone.found[execution_id] = [
        StatusEvent(
            status=CallStatus.COMPLETED,
            happened_at=await world.env.get_current_time(),
            source=EventSource.POLL,
            provider_call_id="call-9",
        )
    ]

    await batch.result()

    [call] = world.calls(batch_id)
    assert (call.call_status, call.provider_call_id) == (CallStatus.COMPLETED, "call-9")
    assert len(world.telephone.requests) == 1


async def test_dial_that_provably_placed_no_call_fails_and_is_redialled(world: World) -> None:
    world.telephone.script = lambda _, call: SILENCE if call == 1 else ANSWERED
    world.telephone.dial_results = [Ambiguous("status 500")]

    status, calls = await play(world)

    assert (status, calls) == (ContactStatus.COMPLETED, [CallStatus.FAILED, CallStatus.COMPLETED])


async def test_dial_nobody_can_account_for_is_unknown_and_not_redialled(world: World) -> None:
    world.telephone.lookup_is_proof = False
    world.telephone.script = lambda _request, _call: SILENCE
    world.telephone.dial_results = [Ambiguous("status 500")]

    status, calls = await play(world)

    assert (status, calls) == (ContactStatus.FAILED, [CallStatus.UNKNOWN])
    assert timedelta(seconds=90) <= await only_length(world) < timedelta(seconds=120)  # ring limit + grace


async def test_unreachable_provider_never_makes_an_ambiguous_dial_a_second_ring(world: World) -> None:
    world.telephone.is_down = True
    world.telephone.script = lambda _request, _call: SILENCE
    world.telephone.dial_results = [Ambiguous("no answer to the dial")]

    status, calls = await play(world)

    assert (status, calls) == (ContactStatus.FAILED, [CallStatus.UNKNOWN])
    assert len(world.telephone.requests) == 1


async def test_throttled_and_unreached_dials_are_asked_again_under_the_same_attempt(world: World) -> None:
    world.telephone.script = lambda _, call: ANSWERED if call == 3 else SILENCE
    world.telephone.dial_results = [Throttled(timedelta(seconds=7)), Unavailable("provider not reached")]

    status, calls = await play(world)

    assert (status, calls) == (ContactStatus.COMPLETED, [CallStatus.COMPLETED])
    assert len({request.execution_id for request in world.telephone.requests}) == 1
    [contact] = world.tables.contacts.values()
    assert contact.retry_count == 0
    assert await only_length(world) >= timedelta(seconds=12)  # 7 as told + 5


async def test_refused_dial_fails_and_obeys_the_redial_policy(world: World) -> None:
    world.telephone.script = lambda _, call: SILENCE if call == 1 else ANSWERED
    world.telephone.dial_results = [Refused("status 400")]

    status, calls = await play(world)

    assert (status, calls) == (ContactStatus.COMPLETED, [CallStatus.FAILED, CallStatus.COMPLETED])


async def test_agreed_follow_up_is_called_at_its_time_without_spending_a_retry(world: World) -> None:
    def script(_request: object, call: int) -> tuple[CallStatus | StatusEvent, ...]:
        if call > 1:
            return ANSWERED
        now = server_time()
        agreed = now + timedelta(hours=3)
        return (
            CallStatus.IN_PROGRESS,
            StatusEvent(status=CallStatus.COMPLETED, happened_at=now, follow_up_at=agreed),
        )

    world.telephone.script = script

    status, _ = await play(world)

    [contact] = world.tables.contacts.values()
    first, second = world.tables.calls.values()
    assert status is ContactStatus.COMPLETED
    assert (contact.retry_count, contact.follow_up_count) == (0, 1)
    assert first.ended_at is not None
    assert second.started_at is not None
    assert second.started_at - first.ended_at >= timedelta(hours=3)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="nothing"),
        pytest.param(["completed"], id="text"),
        pytest.param([{"attempt": "one", "call_status": "completed"}], id="wrong type"),
        pytest.param([{"attempt": 1, "call_status": "exploded"}], id="unknown status"),
        pytest.param([{"attempt": 99, "call_status": "completed"}], id="an attempt that never was"),
        pytest.param([{"attempt": 1}, {"surplus": True}], id="one argument too many"),
        pytest.param([[1, 2, 3]], id="a list"),
    ],
)
async def test_malformed_signal_changes_nothing_and_wedges_nothing(
    world: World, arguments: list[object]
) -> None:
    world.telephone.script = lambda _request, _call: (CallStatus.RINGING,)
    batch_id = await world.a_batch()
    batch = await world.start(batch_id)
    await until(lambda: len(world.telephone.requests) == 1)
    [contact] = world.contacts(batch_id)
    story = world.contact_story(contact)

    await story.signal(names.CALL_EVENT, args=arguments)
    await story.signal(names.SLOT_GRANTED, args=arguments)
    await batch.signal(names.ATTEMPT_REPORTED, args=arguments)
    await batch.signal(names.SLOT_REQUESTED, args=arguments)
    [execution_id] = world.tables.calls
    now = await world.env.get_current_time()
    await world.hear(execution_id, StatusEvent(status=CallStatus.COMPLETED, happened_at=now))

    await batch.result()
    assert world.contacts(batch_id)[0].status is ContactStatus.COMPLETED
