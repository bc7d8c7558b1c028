"""What the provider said to a dial is kept, and nothing known is forgotten."""

from dataclasses import replace

import pytest

from domain.call import CallStatus, DialState
from domain.counters import Counters
from domain.errors import ExecutionNotFound
from domain.identity import ExecutionId
from tests.builders import MONDAY_NOON, a_dial_brief
from tests.store.scenes import Stores, nobody

pytestmark = pytest.mark.store

D = DialState


@pytest.mark.parametrize(
    ("said", "stands"),
    [
        pytest.param([D.ACCEPTED], D.ACCEPTED, id="accepted"),
        pytest.param([D.AMBIGUOUS], D.AMBIGUOUS, id="ambiguous"),
        pytest.param([D.REFUSED], D.REFUSED, id="refused"),
        pytest.param([D.READY], D.READY, id="released"),
        pytest.param([D.ACCEPTED, D.READY], D.ACCEPTED, id="accepted is never released"),
        pytest.param([D.ACCEPTED, D.AMBIGUOUS], D.ACCEPTED, id="accepted stays certain"),
        pytest.param([D.ACCEPTED, D.REFUSED], D.ACCEPTED, id="accepted is never refused"),
        pytest.param([D.AMBIGUOUS, D.READY], D.AMBIGUOUS, id="ambiguous is never released"),
        pytest.param([D.AMBIGUOUS, D.ACCEPTED], D.ACCEPTED, id="ambiguous becomes certain"),
        pytest.param([D.AMBIGUOUS, D.REFUSED], D.REFUSED, id="ambiguous turns out refused"),
        pytest.param([D.REFUSED, D.READY], D.REFUSED, id="refused is never released"),
        pytest.param([D.READY, D.DIALLING], D.READY, id="only a claim gives the right to ask"),
    ],
)
async def test_dial_state_only_moves_towards_certainty(
    stores: Stores, said: list[DialState], stands: DialState
) -> None:
    record = await stores.claimed(await stores.a_person())
    for state in said:
        await stores.calls.record_dial(record.execution_id, state)
    assert (await stores.call(record)).dial_state is stands


async def test_call_that_rings_already_is_not_released(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    await stores.hears(record, CallStatus.RINGING)
    await stores.calls.record_dial(record.execution_id, DialState.READY)
    kept = await stores.call(record)
    assert (kept.dial_state, kept.call_status) == (DialState.DIALLING, CallStatus.RINGING)


async def test_first_provider_call_id_stays(stores: Stores) -> None:
    record = await stores.claimed(await stores.a_person())
    for name in ("5b0c-77", "other"):
        await stores.calls.record_dial(record.execution_id, DialState.ACCEPTED, provider_call_id=name)
    assert (await stores.call(record)).provider_call_id == "5b0c-77"
    assert await stores.calls.execution_of_provider_call("5b0c-77") == record.execution_id
    assert await stores.calls.execution_of_provider_call("other") is None


async def test_attempts_whose_call_is_known_at_the_provider_are_told_from_others(stores: Stores) -> None:
    told = [CallStatus.RINGING, CallStatus.BUSY, CallStatus.FAILED, CallStatus.UNKNOWN]
    people = await stores.people_of(await stores.a_kept_batch(6))
    placed = [await stores.claimed(person) for person in people]
    for record, status in zip(placed, told, strict=False):
        await stores.hears(record, status)
    await stores.calls.record_dial(placed[4].execution_id, DialState.ACCEPTED, provider_call_id="5b0c-77")

    asked = [*(each.execution_id for each in placed), ExecutionId("exec_nothing")]
    known = await stores.calls.placed_among(asked)

    assert known == {placed[index].execution_id for index in (0, 1, 4)}
    assert await stores.calls.placed_among(asked[:1]) == {asked[0]}
    assert await stores.calls.placed_among(()) == set()


async def test_dial_of_an_unknown_execution_is_refused(stores: Stores) -> None:
    with pytest.raises(ExecutionNotFound):
        await stores.calls.record_dial(ExecutionId("exec_nothing"), DialState.ACCEPTED)


async def test_brief_holds_all_a_dial_needs(stores: Stores) -> None:
    person = await stores.a_person(concurrency_limit=5, call_context={"desk": 4})
    batch, campaign = await stores.batches.load(person.batch_id)
    brief = await stores.calls.dial_brief(person.contact_id, 1)
    assert brief == a_dial_brief(contact=person, batch=replace(batch, counters=Counters()), campaign=campaign)


async def test_brief_shows_only_the_attempt_asked_about(stores: Stores) -> None:
    person = await stores.a_person()
    record = await stores.claimed(person)
    first = await stores.calls.dial_brief(person.contact_id, 1)
    second = await stores.calls.dial_brief(person.contact_id, 2)
    assert first is not None
    assert second is not None
    assert (first.record, second.record) == (record, None)


async def test_brief_of_nobody_is_none(stores: Stores) -> None:
    assert await stores.calls.dial_brief(nobody(), 1) is None


async def test_brief_of_a_deleted_campaigns_contact_is_none(stores: Stores) -> None:
    person = await stores.a_person()
    await stores.force("campaigns", deleted_at=MONDAY_NOON)
    assert await stores.calls.dial_brief(person.contact_id, 1) is None
