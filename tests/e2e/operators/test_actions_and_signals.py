"""What actions over HTTP, and signals by hand, do to batches and campaigns whose workflows run.

What is legal in which status is the table of `tests/domain/test_lifecycle.py`.
"""

from collections.abc import Iterator, Sequence

import pytest
from temporalio.client import Client

from console.api_client import JsonObject
from tests.e2e.scenes import BatchScenes, a_batch, a_campaign, ahead, busy_number
from tests.e2e.shared_stack import SharedStack
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(180)]

PARTICIPLE = {"pause": "paused", "resume": "resumed", "cancel": "cancelled", "dispatch": "dispatched"}
TOO_EARLY = "Batch is pending until {start} and cannot be dispatched; use ?now=true to start it at once"
HELD_BY_CAMPAIGN = "Campaign is paused; resume the campaign first"

Answer = tuple[str, str | None] | str
"""The status and `paused_by` after a 200, or the words of a 409 that changes nothing."""
BATCH_ROWS: Sequence[tuple[str, str, Answer]] = (
    ("pending", "dispatch", TOO_EARLY),
    ("pending", "dispatch?now=true", ("in_progress", None)),
    ("in_progress", "pause", ("paused", "batch")),
    ("in_progress", "dispatch", ("in_progress", None)),
    ("in_progress", "cancel", ("cancelled", None)),
    ("paused", "pause", ("paused", "batch")),
    ("paused", "resume", ("in_progress", None)),
    ("paused before its start", "resume", ("pending", None)),
    ("paused by campaign", "pause", ("paused", "campaign")),
    ("paused by campaign", "resume", HELD_BY_CAMPAIGN),
    ("completed", "pause", "Batch is completed and cannot be paused"),
    ("cancelled", "cancel", ("cancelled", None)),
    ("expired", "dispatch?now=true", "Batch is expired and cannot be dispatched"),
)
CAMPAIGN_ROWS: Sequence[tuple[str, str, str | None]] = (
    # State, action and the status after a 200; None is a 409.
    ("draft", "cancel", "cancelled"),
    ("active", "pause", "paused"),
    ("paused", "pause", "paused"),
    ("paused", "resume", "active"),
    ("active", "cancel", "cancelled"),
    ("completed", "cancel", None),
)
JSON = ('{"reason": "lunch"}',)
SIGNALS: Sequence[tuple[str, str, tuple[str, ...], tuple[str, str | None]]] = (
    # State, signal, its input, then `status` and `paused_by` afterwards.
    ("pending", "pause", (), ("paused", "batch")),
    ("pending", "resume", JSON, ("pending", None)),
    ("in_progress", "pause", JSON, ("paused", "batch")),
    ("in_progress", "dispatch", JSON, ("in_progress", None)),
    ("in_progress", "cancel", (), ("cancelled", None)),
    ("paused", "resume", (), ("in_progress", None)),
    ("paused", "dispatch", (), ("paused", "batch")),
    ("paused", "cancel", JSON, ("cancelled", None)),
    ("paused before its start", "resume", JSON, ("pending", None)),
    ("paused by campaign", "resume", (), ("paused", "campaign")),
)


@pytest.fixture(scope="module")
def world(shared_stack: SharedStack) -> Iterator[World]:
    with shared_stack.lent(talk_seconds=600) as opened:
        yield opened


@pytest.fixture(scope="module")
def scenes(world: World) -> BatchScenes:
    return BatchScenes(world)


def conflict(detail: str) -> JsonObject:
    return {"type": "urn:apollo:problem:conflict", "title": "Conflict", "status": 409, "detail": detail}


def standing(batch: JsonObject) -> tuple[object, object]:
    return batch["status"], batch["paused_by"]


def done_to_batch(before: JsonObject, action: str, status: str) -> JsonObject:
    verb, _, _ = action.partition("?")
    answer = {"batch_id": before["batch_id"], "status": status}
    if verb != "dispatch":
        return {**answer, "message": f"Batch {PARTICIPLE[verb]} successfully"}
    counters = before["counters"]
    assert isinstance(counters, dict)
    message = "Batch dispatch re-triggered successfully"
    return {**answer, "dispatched_count": counters["pending"], "message": message}


@pytest.mark.parametrize(("state", "action", "answer"), BATCH_ROWS)
def test_action_on_a_batch_is_answered_as_the_contract_says_and_does_just_that(
    world: World, scenes: BatchScenes, state: str, action: str, answer: Answer
) -> None:
    batch_id = scenes.batch(state)
    before = world.api.batch(batch_id)

    answered = world.ask("POST", f"/batches/{batch_id}/{action}")

    after = standing(world.api.batch(batch_id))
    if isinstance(answer, str):
        assert (answered.status_code, answered.headers["Content-Type"]) == (409, "application/problem+json")
        assert answered.json() == conflict(answer.format(start=before["scheduled_start"]))
        assert after == standing(before)
    else:
        assert answered.status_code == 200
        assert answered.json() == done_to_batch(before, action, answer[0])
        assert after == answer


def a_campaign_that_is(world: World, state: str) -> str:
    campaign_id = a_campaign(world)
    match state:
        case "active" | "paused":
            a_batch(world, campaign_id)
        case "completed":
            a_batch(world, campaign_id, [busy_number()])
    if state in ("paused", "cancelled"):
        world.api.act("campaigns", campaign_id, {"paused": "pause", "cancelled": "cancel"}[state])
    world.wait_for(lambda: world.api.campaign(campaign_id)["status"] == state)
    return campaign_id


@pytest.mark.parametrize(("state", "action", "status"), CAMPAIGN_ROWS)
def test_action_on_a_campaign_is_answered_as_the_contract_says_and_does_just_that(
    world: World, state: str, action: str, status: str | None
) -> None:
    campaign_id = a_campaign_that_is(world, state)

    answered = world.ask("POST", f"/campaigns/{campaign_id}/{action}")

    done = f"Campaign {PARTICIPLE[action]} successfully"
    if status is None:
        assert answered.status_code == 409
        assert answered.json() == conflict(f"Campaign is {state} and cannot be {PARTICIPLE[action]}")
    else:
        assert answered.status_code == 200
        assert answered.json() == {"campaign_id": campaign_id, "status": status, "message": done}
    assert world.api.campaign(campaign_id)["status"] == (status or state)


def test_cancelled_campaign_takes_no_new_batch(world: World) -> None:
    campaign_id = a_campaign_that_is(world, "cancelled")

    upload = {"campaign_id": campaign_id, "contacts": [{"phone_number": busy_number()}]}
    answered = world.ask("POST", "/batches/", upload)

    assert answered.json() == conflict("Campaign is cancelled and cannot accept new batches")


def test_campaign_resumes_the_batches_it_paused_and_with_all_those_paused_on_their_own(world: World) -> None:
    campaign_id = a_campaign(world)
    waiting = a_batch(world, campaign_id, scheduled_start=ahead(hours=1))
    running = a_batch(world, campaign_id)
    held = a_batch(world, campaign_id)
    world.api.act("batches", held, "pause")

    def stand() -> list[tuple[object, object]]:
        return [standing(world.api.batch(each)) for each in (waiting, running, held)]

    world.api.act("campaigns", campaign_id, "pause")
    assert stand() == [("paused", "campaign"), ("paused", "campaign"), ("paused", "batch")]
    world.api.act("campaigns", campaign_id, "resume")
    assert stand() == [("pending", None), ("in_progress", None), ("paused", "batch")]
    world.api.act("campaigns", campaign_id, "resume", all="true")
    assert stand()[2] == ("paused", "batch")  # an active campaign: nothing changes
    world.api.act("campaigns", campaign_id, "pause")
    world.api.act("campaigns", campaign_id, "resume", all="true")
    assert stand() == [("pending", None), ("in_progress", None), ("in_progress", None)]


def test_pause_that_was_answered_holds_however_fast_it_follows_a_resume(
    world: World, scenes: BatchScenes
) -> None:
    batch_id = scenes.batch("paused")
    seen = set()

    for _ in range(5):
        world.api.act("batches", batch_id, "resume")
        world.api.act("batches", batch_id, "pause")
        seen |= {standing(world.api.batch(batch_id)) for _ in range(10)}

    assert seen == {("paused", "batch")}


def test_scheduled_start_opens_a_pending_batch_and_leaves_a_paused_one_paused(world: World) -> None:
    campaign_id, start = a_campaign(world), ahead(seconds=4)
    waiting = a_batch(world, campaign_id, scheduled_start=start)
    held = a_batch(world, campaign_id, scheduled_start=start)
    world.api.act("batches", held, "pause")

    world.wait_for(lambda: world.counters(waiting)[0]["in_flight"] == 2)

    assert standing(world.api.batch(waiting)) == ("in_progress", None)
    assert standing(world.api.batch(held)) == ("paused", "batch")
    world.api.act("batches", held, "resume")
    world.wait_for(lambda: world.counters(held)[0]["in_flight"] == 2)
    assert min(str(each["at"]) for each in world.create_requests(waiting)) >= start


def test_scheduled_end_expires_every_unfinished_batch_and_skips_who_waits(world: World) -> None:
    campaign_id = a_campaign(world)
    never_begun = a_batch(
        world, campaign_id, scheduled_start=ahead(seconds=3.9), scheduled_end=ahead(seconds=4)
    )
    held = a_batch(world, campaign_id, scheduled_end=ahead(seconds=4))
    world.api.act("batches", held, "pause")
    world.api.act("batches", never_begun, "pause")
    running = a_batch(world, campaign_id, concurrency_limit=1, scheduled_end=ahead(seconds=4))

    batches = (never_begun, held, running)
    world.wait_for(lambda: {world.api.batch(each)["status"] for each in batches} == {"expired"})

    on_the_phone, waiting = world.contacts(running)
    assert (on_the_phone["status"], on_the_phone["skip_reason"]) == ("in_progress", None)
    assert (waiting["status"], waiting["skip_reason"]) == ("skipped", "batch_expired")
    # The one with a live call is not the campaign's concern: it is over, as the others are.
    assert world.api.campaign(campaign_id)["status"] == "completed"


def stands(world: World, batch_id: str) -> tuple[object, object]:
    return standing(world.api.batch(batch_id))


def ends(world: World, batch_id: str) -> list[tuple[object, object]]:
    return [(each["status"], each["skip_reason"]) for each in world.contacts(batch_id)]


@pytest.mark.parametrize(("state", "signal", "inputs", "after"), SIGNALS)
def test_signal_to_an_open_batch_does_what_the_action_does_or_nothing(
    world: World,
    scenes: BatchScenes,
    state: str,
    signal: str,
    inputs: tuple[str, ...],
    after: tuple[str, str | None],
) -> None:
    batch_id = scenes.batch(state)
    world.wait_until_quiet(f"batch/{batch_id}")

    assert world.signal(f"batch/{batch_id}", signal, *inputs)
    world.wait_until_quiet(f"batch/{batch_id}")

    assert stands(world, batch_id) == after


@pytest.mark.parametrize(
    ("state", "action"), [("in_progress", "pause"), ("paused", "resume"), ("in_progress", "cancel")]
)
def test_rest_and_signal_leave_the_database_alike(
    world: World, scenes: BatchScenes, state: str, action: str
) -> None:
    asked, signalled = scenes.batch(state), scenes.batch(state)
    for batch_id in (asked, signalled):
        world.wait_until_quiet(f"batch/{batch_id}")

    world.ask("POST", f"/batches/{asked}/{action}")
    assert world.signal(f"batch/{signalled}", action)
    for batch_id in (asked, signalled):
        world.wait_until_quiet(f"batch/{batch_id}")

    assert stands(world, asked) == stands(world, signalled)
    assert ends(world, asked) == ends(world, signalled)


@pytest.mark.parametrize("signal", ["pause", "resume", "cancel", "dispatch"])
def test_signal_to_a_batch_that_is_over_is_refused_and_changes_nothing(
    world: World, scenes: BatchScenes, signal: str
) -> None:
    batch_id = scenes.batch("completed")
    before = world.api.batch(batch_id)

    assert not world.signal(f"batch/{batch_id}", signal)

    assert world.api.batch(batch_id) == before


@pytest.mark.parametrize("state", ["in_progress", "paused before its start"])
def test_cancelling_the_workflow_on_the_server_cancels_the_batch(
    world: World, scenes: BatchScenes, state: str
) -> None:
    batch_id = scenes.batch(state)
    world.wait_until_quiet(f"batch/{batch_id}")

    cancelled = world.temporal("cancel", "-w", f"batch/{batch_id}")
    world.wait_until_quiet(f"batch/{batch_id}")

    assert cancelled.returncode == 0
    assert stands(world, batch_id) == ("cancelled", None)
    waiting = [each for each in world.contacts(batch_id) if each["status"] != "in_progress"]
    assert {(each["status"], each["skip_reason"]) for each in waiting} == {("skipped", "batch_cancelled")}


async def test_cancelling_the_workflow_amid_its_work_cancels_the_batch_all_the_same(
    world: World, scenes: BatchScenes
) -> None:
    client = await Client.connect(world.stack.temporal_address)
    batches = [scenes.batch("pending") for _ in range(6)]

    for batch_id in batches:
        workflow = client.get_workflow_handle(f"batch/{batch_id}")
        await workflow.signal("pause")  # its errand is under way when the cancel comes
        await workflow.cancel()
    for batch_id in batches:
        world.wait_for(lambda batch_id=batch_id: world.is_closed(f"batch/{batch_id}"), 10)  # type: ignore[misc]

    assert {stands(world, each) for each in batches} == {("cancelled", None)}


def test_cancelling_the_workflow_of_a_batch_that_is_over_changes_nothing(
    world: World, scenes: BatchScenes
) -> None:
    batch_id = scenes.batch("completed")
    before = world.api.batch(batch_id)

    world.temporal("cancel", "-w", f"batch/{batch_id}")

    assert world.api.batch(batch_id) == before
