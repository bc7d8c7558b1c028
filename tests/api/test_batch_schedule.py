"""When a batch begins and ends, read in the zone in force."""

import pytest

from tests.api.world import World, a_batch_body, errors_of


@pytest.mark.parametrize(
    ("given", "batch_zone", "shown", "status"),
    [
        pytest.param("2026-09-07T08:00:00Z", None, "2026-09-07T08:00:00Z", "pending", id="UTC"),
        pytest.param("2026-09-07T08:00:00+02:00", None, "2026-09-07T06:00:00Z", "pending", id="offset"),
        # Chicago is at UTC-5 in summer.
        pytest.param("2026-09-07T08:00:00", None, "2026-09-07T13:00:00Z", "pending", id="campaign's zone"),
        pytest.param("2026-09-07T08:00", "Asia/Tokyo", "2026-09-06T23:00:00Z", "pending", id="batch's zone"),
        pytest.param("2026-09-07T08:00:00.25Z", None, "2026-09-07T08:00:00.250Z", "pending", id="fraction"),
        # 02:30 does not exist on 14 March 2027; one hour later is 03:30 at UTC-5.
        pytest.param("2027-03-14T02:30:00", None, "2027-03-14T08:30:00Z", "pending", id="skipped hour"),
        # 01:30 comes twice on 1 November 2026; the first is at UTC-5.
        pytest.param("2026-11-01T01:30:00", None, "2026-11-01T06:30:00Z", "pending", id="repeated hour"),
        pytest.param("2026-09-01T08:00:00Z", None, "2026-09-01T08:00:00Z", "in_progress", id="past"),
        pytest.param(None, None, None, "in_progress", id="null"),
    ],
)
async def test_scheduled_start_is_an_instant_in_the_effective_zone(
    world: World, given: str | None, batch_zone: str | None, shown: str | None, status: str
) -> None:
    campaign = await world.create_campaign(timezone="America/Chicago")

    batch = await world.create_batch(campaign["campaign_id"], scheduled_start=given, timezone=batch_zone)

    assert (batch["scheduled_start"], batch["status"]) == (shown, status)


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        # 06:59 in Chicago is 11:59 in UTC, a minute before now.
        pytest.param(None, "2026-09-04T06:59:00", "past_end", id="local end in the past"),
        pytest.param(
            "2026-09-07T08:00:00", "2026-09-07T13:00:00Z", "end_before_start", id="end is the start"
        ),
        pytest.param("2026-09-07T08:00:00", "2026-09-07T07:00:00", "end_before_start", id="both local"),
        pytest.param(None, "9999-12-31T23:59:00", "datetime", id="local time outside the years in UTC"),
    ],
)
async def test_local_times_are_checked_once_the_campaign_is_known(
    world: World, start: str | None, end: str, code: str
) -> None:
    campaign = await world.create_campaign(timezone="America/Chicago")
    body = a_batch_body(campaign["campaign_id"], scheduled_start=start, scheduled_end=end)

    answer = await world.client.post("/api/v1/batches/", json=body)

    assert errors_of(answer) == [(["body", "scheduled_end"], code)]
    assert world.is_empty()


async def test_local_times_of_an_unknown_campaign_are_404(world: World) -> None:
    body = a_batch_body("cmp_none", scheduled_end="2026-09-04T06:59:00")

    answer = await world.client.post("/api/v1/batches/", json=body)

    assert answer.status_code == 404


async def test_end_after_now_and_start_is_kept(world: World) -> None:
    campaign = await world.create_campaign()

    batch = await world.create_batch(
        campaign["campaign_id"], scheduled_start="2026-09-07T08:00:00", scheduled_end="2026-09-08T00:00:00"
    )

    assert batch["scheduled_end"] == "2026-09-08T00:00:00Z"
