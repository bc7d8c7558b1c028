"""One dial: what is asked of the provider, what its answer means, and who is not dialled at all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from activities.calls import ASK_AGAIN_AFTER_OUTAGE
from activities.messages import DialAnswer, PlacedCall
from domain.batch import BatchOverrides
from domain.call import AttemptKind, CallRecord, CallStatus, DialState
from domain.caller_id import CallerIdStrategy
from domain.contact import ContactStatus
from domain.identity import ContactId, ExecutionId
from domain.telephony import (
    Accepted,
    Ambiguous,
    CallRequest,
    DialResult,
    Misconfigured,
    Refused,
    Throttled,
    Unavailable,
)
from tests.activities.world import FIRST_DIAL, LIMITS, TIMING, World, a_call_under_way, a_dialled_call
from tests.builders import (
    BATCH_ID,
    CALLEE,
    CALLER_ID,
    CAMPAIGN_ID,
    CONTACT_ID,
    MONDAY_NOON,
    ORGANIZATION,
    a_batch,
    a_call_record,
    a_campaign,
    a_campaign_rules,
    a_contact,
    a_dial_brief,
)

OTHER_CALLER_ID = "+14155550181"
THIRD_CALLER_ID = "+14155550182"
MINTED = ExecutionId("exec_000001")
IN_TEN_SECONDS = timedelta(seconds=10)


def followed(answer: DialAnswer, call_status: CallStatus = CallStatus.QUEUED) -> PlacedCall:
    """The answer after which the call is listened to."""
    return PlacedCall(answer=answer, asked_at=MONDAY_NOON, call_status=call_status, timing=TIMING)


def asked_again(after: timedelta) -> PlacedCall:
    """The answer after which the same attempt is dialled later."""
    return PlacedCall(answer=DialAnswer.ASK_AGAIN, asked_at=MONDAY_NOON, ask_again_in=after)


def the_attempt(**changes: object) -> CallRecord:
    """The row the dial of this file writes."""
    written: dict[str, object] = {
        "execution_id": MINTED,
        "provider": "fake",
        "from_number": CALLER_ID,
        "started_at": MONDAY_NOON,
    }
    return a_call_record(**written | changes)


@pytest.mark.parametrize(
    ("result", "answer", "call"),
    [
        pytest.param(
            Accepted("call-7"),
            followed(DialAnswer.PLACED),
            the_attempt(dial_state=DialState.ACCEPTED, provider_call_id="call-7"),
            id="accepted",
        ),
        pytest.param(
            Ambiguous("the answer never came"),
            followed(DialAnswer.AMBIGUOUS),
            the_attempt(dial_state=DialState.AMBIGUOUS),
            id="ambiguous",
        ),
        pytest.param(
            Refused("no such agent"),
            followed(DialAnswer.PLACED, CallStatus.FAILED),
            the_attempt(
                dial_state=DialState.REFUSED,
                call_status=CallStatus.FAILED,
                ended_at=MONDAY_NOON,
                error="Refused by the provider: no such agent",
            ),
            id="refused",
        ),
        pytest.param(
            Throttled(IN_TEN_SECONDS),
            asked_again(IN_TEN_SECONDS),
            the_attempt(dial_state=DialState.READY),
            id="throttled",
        ),
        pytest.param(
            Unavailable("no capacity"),
            asked_again(ASK_AGAIN_AFTER_OUTAGE),
            the_attempt(dial_state=DialState.READY),
            id="unavailable",
        ),
        pytest.param(
            Misconfigured("key was not accepted"),
            asked_again(ASK_AGAIN_AFTER_OUTAGE),
            the_attempt(dial_state=DialState.READY),
            id="misconfigured",
        ),
    ],
)
async def test_answer_to_a_dial_is_kept_and_told(
    result: DialResult, answer: PlacedCall, call: CallRecord
) -> None:
    world = World()
    world.provider.dial_results = [result]

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert (placed, world.call) == (answer, call)
    assert world.contact.status is ContactStatus.DISPATCHED


async def test_provider_is_told_everything_the_call_needs() -> None:
    rules = a_campaign_rules(default_call_variables={"clinic": "North", "callee_name": "friend"})
    world = World(
        a_dial_brief(
            contact=a_contact(call_variables={"callee_name": "Ada", "visit": 3}),
            batch=a_batch(call_context={"season": "autumn"}),
            campaign=a_campaign(rules=rules),
        )
    )

    await world.run(world.dialling.place_call, FIRST_DIAL)

    assert world.provider.requests == [
        CallRequest(
            execution_id=MINTED,
            organization_id=ORGANIZATION,
            campaign_id=CAMPAIGN_ID,
            batch_id=BATCH_ID,
            contact_id=CONTACT_ID,
            agent_id="agent_care",
            from_number=CALLER_ID,
            to_number=CALLEE,
            ring_timeout=LIMITS.ring_timeout,
            max_duration=LIMITS.max_call,
            variables={"clinic": "North", "callee_name": "Ada", "visit": 3},
            context={"season": "autumn"},
        )
    ]


async def test_round_robin_takes_the_next_number_with_every_dial_whoever_is_called() -> None:
    rules = a_campaign_rules(phone_numbers=(CALLER_ID, OTHER_CALLER_ID))
    world = World(a_dial_brief(campaign=a_campaign(rules=rules)))
    for position in (3, 5):
        world.add(position, ContactStatus.PENDING, phone_number=f"+1415555019{position}")

    for contact_id in (CONTACT_ID, "con_3", "con_5"):
        await world.run(world.dialling.place_call, replace(FIRST_DIAL, contact_id=contact_id))

    shown = [each.from_number for each in world.provider.requests]
    assert shown == [CALLER_ID, OTHER_CALLER_ID, CALLER_ID]


async def test_least_loaded_caller_id_is_the_one_with_the_fewest_live_calls() -> None:
    rules = a_campaign_rules(
        phone_numbers=(CALLER_ID, OTHER_CALLER_ID, THIRD_CALLER_ID),
        phone_number_strategy=CallerIdStrategy.LEAST_LOADED,
    )
    world = World(a_dial_brief(campaign=a_campaign(rules=rules)))
    for number, shown in enumerate((CALLER_ID, THIRD_CALLER_ID, CALLER_ID), start=1):
        execution_id = ExecutionId(f"exec_live_{number}")
        world.tables.calls[execution_id] = a_dialled_call(
            execution_id=execution_id,
            contact_id=ContactId(f"con_live_{number}"),
            from_number=shown,
            to_number=f"+1415555019{number}",
        )

    await world.run(world.dialling.place_call, FIRST_DIAL)

    assert world.provider.requests[0].from_number == OTHER_CALLER_ID


async def test_random_caller_id_is_one_of_the_listed() -> None:
    rules = a_campaign_rules(
        phone_numbers=(CALLER_ID, OTHER_CALLER_ID), phone_number_strategy=CallerIdStrategy.RANDOM
    )
    world = World(a_dial_brief(campaign=a_campaign(rules=rules)))

    await world.run(world.dialling.place_call, FIRST_DIAL)

    assert world.provider.requests[0].from_number in rules.phone_numbers


async def test_caller_ids_of_the_batch_win_over_the_campaigns() -> None:
    overrides = BatchOverrides(phone_numbers=(OTHER_CALLER_ID,))
    world = World(a_dial_brief(batch=a_batch(overrides=overrides)))

    await world.run(world.dialling.place_call, FIRST_DIAL)

    assert world.provider.requests[0].from_number == OTHER_CALLER_ID


async def test_retry_that_is_dialled_counts_as_a_retry() -> None:
    waiting = a_contact(status=ContactStatus.RETRYING, next_retry_at=MONDAY_NOON)
    world = World(a_dial_brief(contact=waiting))
    retry = replace(FIRST_DIAL, attempt=2, kind=AttemptKind.RETRY)

    await world.run(world.dialling.place_call, retry)

    assert (world.call.attempt, world.call.kind) == (2, AttemptKind.RETRY)
    assert (world.contact.retry_count, world.contact.next_retry_at) == (1, None)


async def test_throttled_dial_is_asked_again_as_the_same_attempt() -> None:
    world = World()
    world.provider.dial_results = [Throttled(IN_TEN_SECONDS), Unavailable("no capacity")]

    for _ in range(3):
        placed = await world.run(world.dialling.place_call, FIRST_DIAL)
        world.clock.pass_time(IN_TEN_SECONDS)

    assert placed.answer is DialAnswer.PLACED
    assert placed.asked_at == MONDAY_NOON + 2 * IN_TEN_SECONDS
    assert [each.execution_id for each in world.provider.requests] == [MINTED] * 3


async def test_timing_says_whether_the_provider_can_prove_silence() -> None:
    world = World()
    world.provider.lookup_is_proof = False

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert placed.timing == replace(TIMING, lookup_is_proof=False)


async def test_status_heard_before_the_dial_was_answered_is_not_taken_back() -> None:
    world = a_call_under_way(a_dialled_call(call_status=CallStatus.RINGING), ContactStatus.IN_PROGRESS)

    placed = await world.run(world.dialling.place_call, FIRST_DIAL)

    assert (placed.answer, placed.call_status) == (DialAnswer.PLACED, CallStatus.RINGING)
    assert world.provider.requests == []
