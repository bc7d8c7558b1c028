"""A batch all of whose pending numbers are withheld waits for a reason, and is told that one over HTTP."""

from datetime import timedelta

import pytest

from domain.call import AttemptKind, CallStatus
from domain.diagnosis.facts import Withheld
from domain.frequency import CapsAt
from domain.identity import BatchId
from tests.api.test_debug import debug, polled
from tests.api.world import Json, World, created
from tests.builders import a_status_event

ONCE_A_DAY: Json = {"frequency_caps": [{"max_calls": 1, "hours": 24}]}
NUMBERS = ("+14155550123", "+14155550124")
AN_HOUR_OF_SILENCE = timedelta(hours=1)


async def a_call(world: World, number: str, outcome: CallStatus | None) -> None:
    """Call a number in a batch of its own; without an outcome the call goes on."""
    campaign = await world.create_campaign()
    record = await world.dial_first(await world.create_batch(campaign["campaign_id"], [number]))
    if outcome is not None:
        event = a_status_event(outcome, happened_at=world.clock())
        await world.calls.record_event(record.execution_id, event, event_key="1", body=None)


async def told_an_hour_later(world: World, *contacts: Json, **campaign: object) -> Json:
    """Upload people nobody calls, let time pass, and ask."""
    rules = await world.create_campaign(**campaign)
    body = {"campaign_id": rules["campaign_id"], "contacts": list(contacts)}
    batch = created(await world.client.post("/api/v1/batches/", json=body))
    world.clock.pass_time(AN_HOUR_OF_SILENCE)
    polled(world)
    return await debug(world, batch["batch_id"])


def person(number: str, **fields: str) -> Json:
    return {"phone_number": number, **fields}


def verdict(told: Json) -> tuple[str, bool]:
    return told["diagnosis"], told["diagnostics"]["stuck_pending"]


async def test_capped_numbers_are_told_with_the_instant_the_first_cap_lets_go(world: World) -> None:
    for number in NUMBERS:
        await a_call(world, number, CallStatus.COMPLETED)
        world.clock.pass_time(timedelta(minutes=5))

    told = await told_an_hour_later(world, *map(person, NUMBERS), **ONCE_A_DAY)

    assert verdict(told) == ("healthy", False)
    assert told["diagnostics"]["tip"] == (
        "Nobody whose window is open can be called now: 2 numbers are capped, the first until"
        " 2026-09-05 12:00 UTC. It goes on by itself."
    )


async def test_numbers_on_another_call_are_told_as_such(world: World) -> None:
    await a_call(world, NUMBERS[0], None)

    told = await told_an_hour_later(world, person(NUMBERS[0]))

    assert verdict(told) == ("healthy", False)
    assert "1 number is on another call" in told["diagnostics"]["tip"]


async def test_numbers_suppressed_after_their_upload_are_told_with_what_skips_them(world: World) -> None:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"], NUMBERS)
    for number in NUMBERS:
        await world.client.post("/api/v1/suppressions", json={"phone_number": number})
    world.clock.pass_time(AN_HOUR_OF_SILENCE)
    polled(world)

    told = await debug(world, batch["batch_id"])

    assert verdict(told) == ("healthy", False)
    assert told["diagnostics"]["tip"].startswith("Only suppressed numbers are pending (2)")


async def test_one_number_that_may_be_called_makes_the_wait_an_unexplained_one(world: World) -> None:
    await a_call(world, NUMBERS[0], CallStatus.COMPLETED)

    told = await told_an_hour_later(world, *map(person, NUMBERS), **ONCE_A_DAY)

    assert verdict(told) == ("stalled", True)
    assert told["diagnostics"]["tip"].startswith("2 contacts have waited since 2026-09-04 12:00 UTC.")


async def test_whoever_waits_for_his_own_hours_explains_nothing_and_is_no_riddle_either(
    world: World,
) -> None:
    """One in Berlin is capped, where it is afternoon; nobody withholds the other, whose night it is."""
    await a_call(world, NUMBERS[0], CallStatus.COMPLETED)
    capped, asleep = person(NUMBERS[0]), person(NUMBERS[1], timezone="Asia/Tokyo")

    told = await told_an_hour_later(
        world, capped, asleep, working_hours_enforced=True, timezone="Europe/Berlin", **ONCE_A_DAY
    )

    assert verdict(told) == ("healthy", False)
    assert "1 number is capped" in told["diagnostics"]["tip"]


async def test_calls_that_go_out_are_told_with_whom_they_leave_out(world: World) -> None:
    await a_call(world, NUMBERS[0], CallStatus.COMPLETED)
    campaign = await world.create_campaign(**ONCE_A_DAY)
    batch_id = (await world.create_batch(campaign["campaign_id"], NUMBERS))["batch_id"]
    polled(world)
    capped, called = world.tables.contacts_of(BatchId(batch_id))
    await world.dial(called.contact_id, 1, AttemptKind.INITIAL)

    tip = (await debug(world, batch_id))["diagnostics"]["tip"]

    assert capped.position < called.position
    assert tip.startswith("Calls are going out as they should. Nobody whose window is open")


async def test_what_is_not_learnt_in_time_leaves_nothing_to_complain_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(batch_id: BatchId, caps: CapsAt, limit: int, **_: object) -> Withheld | None:
        raise TimeoutError

    monkeypatch.setattr(world.parts.diagnostics, "withheld", hang)

    told = await told_an_hour_later(world, person(NUMBERS[0]))

    assert verdict(told) == ("healthy", False)
    assert told["diagnostics"]["tip"] == "Calls are going out as they should."
