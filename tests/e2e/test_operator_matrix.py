"""Every state of a batch, and what every signal sent by hand through Temporal does to it."""

from collections.abc import Iterator, Mapping

import pytest
from temporalio.client import Client

from tests.e2e.house import House, a_fresh_house
from tests.e2e.scenes import BatchScenes

pytestmark = [pytest.mark.e2e, pytest.mark.server, pytest.mark.timeout(180)]

Standing = tuple[str, str | None]
SIGNALS = ("pause", "resume", "cancel", "dispatch")
INPUTS = {"without input": (), "with JSON": ('{"reason": "lunch"}',)}

# State, then signal to `status` and `paused_by` afterwards; a signal that is missing changes nothing.
OPEN: Mapping[str, Mapping[str, Standing]] = {
    "pending": {"pause": ("paused", "batch"), "cancel": ("cancelled", None)},
    "in_progress": {"pause": ("paused", "batch"), "cancel": ("cancelled", None)},
    "paused": {"resume": ("in_progress", None), "cancel": ("cancelled", None)},
    "paused before its start": {"resume": ("pending", None), "cancel": ("cancelled", None)},
    "paused by campaign": {"cancel": ("cancelled", None)},
}
CLOSED = ("completed", "cancelled", "expired")


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with a_fresh_house(talk_seconds=600) as opened:
        yield opened


@pytest.fixture(scope="module")
def scenes(house: House) -> BatchScenes:
    return BatchScenes(house)


def standing(house: House, batch_id: str) -> tuple[object, object]:
    batch = house.api.batch(batch_id)
    return batch["status"], batch["paused_by"]


def ends(house: House, batch_id: str) -> list[tuple[object, object]]:
    return [(each["status"], each["skip_reason"]) for each in house.contacts(batch_id)]


@pytest.mark.parametrize("inputs", INPUTS.values(), ids=INPUTS.keys())
@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("state", OPEN)
def test_signal_to_an_open_batch_does_what_the_action_does_or_nothing(
    house: House, scenes: BatchScenes, state: str, signal: str, inputs: tuple[str, ...]
) -> None:
    batch_id = scenes.batch(state)
    house.wait_until_quiet(f"batch/{batch_id}")
    before = standing(house, batch_id)

    assert house.signal(f"batch/{batch_id}", signal, *inputs)
    house.wait_until_quiet(f"batch/{batch_id}")

    assert standing(house, batch_id) == OPEN[state].get(signal, before)


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
@pytest.mark.parametrize("state", OPEN)
def test_rest_and_signal_leave_the_database_alike(
    house: House, scenes: BatchScenes, state: str, action: str
) -> None:
    asked, signalled = scenes.batch(state), scenes.batch(state)
    for batch_id in (asked, signalled):
        house.wait_until_quiet(f"batch/{batch_id}")

    house.ask("POST", f"/batches/{asked}/{action}")
    assert house.signal(f"batch/{signalled}", action)
    for batch_id in (asked, signalled):
        house.wait_until_quiet(f"batch/{batch_id}")

    assert standing(house, asked) == standing(house, signalled)
    assert ends(house, asked) == ends(house, signalled)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("state", CLOSED)
def test_signal_to_a_batch_that_is_over_is_refused_and_changes_nothing(
    house: House, scenes: BatchScenes, state: str, signal: str
) -> None:
    batch_id = scenes.batch(state)
    before = house.api.batch(batch_id)

    assert not house.signal(f"batch/{batch_id}", signal)

    assert house.api.batch(batch_id) == before


@pytest.mark.parametrize("state", OPEN)
def test_cancelling_the_workflow_on_the_server_cancels_the_batch(
    house: House, scenes: BatchScenes, state: str
) -> None:
    batch_id = scenes.batch(state)
    house.wait_until_quiet(f"batch/{batch_id}")

    cancelled = house.temporal("cancel", "-w", f"batch/{batch_id}")
    house.wait_until_quiet(f"batch/{batch_id}")

    assert cancelled.returncode == 0
    assert standing(house, batch_id) == ("cancelled", None)
    waiting = [each for each in house.contacts(batch_id) if each["status"] != "in_progress"]
    assert {(each["status"], each["skip_reason"]) for each in waiting} == {("skipped", "batch_cancelled")}


async def test_cancelling_the_workflow_amid_its_work_cancels_the_batch_all_the_same(
    house: House, scenes: BatchScenes
) -> None:
    client = await Client.connect(house.stack.temporal_address)
    batches = [scenes.batch("pending") for _ in range(6)]

    for batch_id in batches:
        workflow = client.get_workflow_handle(f"batch/{batch_id}")
        await workflow.signal("pause")  # its errand is under way when the cancel comes
        await workflow.cancel()
    for batch_id in batches:
        house.wait_for(lambda batch_id=batch_id: house.is_closed(f"batch/{batch_id}"), 10)  # type: ignore[misc]

    assert {standing(house, each) for each in batches} == {("cancelled", None)}


@pytest.mark.parametrize("state", CLOSED)
def test_cancelling_the_workflow_of_a_batch_that_is_over_changes_nothing(
    house: House, scenes: BatchScenes, state: str
) -> None:
    batch_id = scenes.batch(state)
    before = house.api.batch(batch_id)

    house.temporal("cancel", "-w", f"batch/{batch_id}")

    assert house.api.batch(batch_id) == before
