"""The numbers of a campaign, zeros included."""

from dataclasses import replace
from typing import Any

import pytest

from domain.call import AttemptKind, CallStatus
from domain.contact import ContactStatus
from tests.api.scene import a_scene
from tests.api.world import World, a_problem

CONTACTS = (
    "pending dispatched in_progress retrying followup_scheduled completed failed busy no_answer"
    " skipped max_retries_reached"
)
BATCHES = "pending in_progress paused completed cancelled expired"
CALLS = "completed_calls failed_calls busy_calls no_answer_calls follow_up_calls"


async def test_draft_has_all_its_numbers_at_zero(world: World) -> None:
    campaign = await world.create_campaign()

    answer = await world.client.get(f"/api/v1/campaigns/{campaign['campaign_id']}/stats")

    assert (answer.status_code, answer.json()) == (
        200,
        {
            "campaign_id": campaign["campaign_id"],
            "contact_counts": dict.fromkeys(CONTACTS.split(), 0),
            "batch_counts": dict.fromkeys(BATCHES.split(), 0),
            "call_counters": dict.fromkeys(CALLS.split(), 0),
            "retry_breakdown": {"retry_1": 0, "retry_2": 0, "retry_3": 0},
            "in_flight_contacts": 0,
            "total_call_attempts": 0,
            "follow_up_attempts": 0,
            "answered_by_counts": {"human": 0, "machine": 0, "fax": 0, "unknown": 0},
            "disposition_counts": {},
        },
    )


async def test_numbers_cover_contacts_and_calls_of_all_batches(world: World) -> None:
    scene = await a_scene(world)
    other = await world.create_batch(
        scene.campaign_id, [f"+1415555{n:04}" for n in range(7)], max_retries_override=4
    )
    await world.create_batch((await world.create_campaign())["campaign_id"])
    moves = zip(
        world.tables.contacts_of(other["batch_id"]),
        [
            (ContactStatus.RETRYING, 0),
            (ContactStatus.RETRYING, 0),
            (ContactStatus.RETRYING, 2),
            (ContactStatus.FOLLOWUP_SCHEDULED, 1),
            (ContactStatus.DISPATCHED, 0),
            (ContactStatus.IN_PROGRESS, 0),
            (ContactStatus.SKIPPED, 0),
        ],
        strict=True,
    )
    for contact, (status, retries) in moves:
        moved = replace(contact, status=status, retry_count=retries)
        world.tables.contacts[contact.contact_id] = moved
    call = next(iter(world.tables.calls.values()))
    follow_up = await world.dial(scene.waiting, 1, AttemptKind.FOLLOW_UP)
    world.tables.calls[follow_up.execution_id] = replace(follow_up, call_status=CallStatus.UNKNOWN)

    answer = await world.client.get(f"/api/v1/campaigns/{scene.campaign_id}/stats")

    stats = answer.json()
    assert call.call_status is CallStatus.COMPLETED
    assert stats["contact_counts"] == {
        **dict.fromkeys(CONTACTS.split(), 0),
        "pending": 1,
        "completed": 1,
        "retrying": 3,
        "followup_scheduled": 1,
        "dispatched": 2,  # one of them was dialled for its follow-up
        "in_progress": 1,
        "skipped": 1,
    }
    assert stats["batch_counts"] == {**dict.fromkeys(BATCHES.split(), 0), "in_progress": 2}
    assert stats["call_counters"] == {
        **dict.fromkeys(CALLS.split(), 0),
        "completed_calls": 1,
        "failed_calls": 1,
        "follow_up_calls": 1,
    }
    assert stats["retry_breakdown"] == {"retry_1": 2, "retry_2": 0, "retry_3": 1, "retry_4": 0}
    assert stats["in_flight_contacts"] == 7
    assert (stats["total_call_attempts"], stats["follow_up_attempts"]) == (2, 1)


@pytest.mark.parametrize(
    ("own", "of_batch", "most"),
    [
        pytest.param(0, {}, 0, id="none"),
        pytest.param(2, {"max_retries_override": 0}, 2, id="fewer in the batch"),
        pytest.param(2, {"max_retries_override": 5}, 5, id="more in the batch"),
        pytest.param(1, {"retry_policy": {"max_retries": 4}}, 4, id="policy of the batch"),
        pytest.param(
            1, {"retry_policy": {"max_retries": 9}, "max_retries_override": 2}, 2, id="override wins"
        ),
    ],
)
async def test_breakdown_reaches_to_the_most_retries_in_force(
    world: World, own: int, of_batch: dict[str, Any], most: int
) -> None:
    campaign = await world.create_campaign(retry_policy={"max_retries": own})
    await world.create_batch(campaign["campaign_id"], **of_batch)

    answer = await world.client.get(f"/api/v1/campaigns/{campaign['campaign_id']}/stats")

    assert answer.json()["retry_breakdown"] == {f"retry_{n}": 0 for n in range(1, most + 1)}


async def test_stats_of_an_unknown_campaign_are_404(world: World) -> None:
    answer = await world.client.get("/api/v1/campaigns/cmp_none/stats")

    assert answer.json() == a_problem(404, "not-found", "Not Found", "Campaign not found")
