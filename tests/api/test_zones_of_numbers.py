"""`from_number`: contacts are called in the zones of their numbers, and say which those are."""

import io
from typing import Any

import pytest

from tests.api.test_debug import debug, polled
from tests.api.world import World, a_batch_body, created, errors_of

BATCHES = "/api/v1/batches/"
CHICAGO, NEW_YORK, LOS_ANGELES = "America/Chicago", "America/New_York", "America/Los_Angeles"
FROM_NUMBER = {"timezone": "from_number", "fallback_timezone": "Asia/Tokyo"}
SEVERAL, TOLL_FREE = "+12705550123", "+18005550123"


async def zones_of(world: World, **body: object) -> list[list[str]]:
    """Upload a batch and return the zones of its contacts, as a list and each by itself show them."""
    contacts = f"{BATCHES}{created(await world.client.post(BATCHES, json=body))['batch_id']}/contacts"
    listed = (await world.client.get(contacts)).json()
    for each in listed:
        alone = (await world.client.get(f"{contacts}/{each['contact_id']}")).json()
        assert alone["effective_timezones"] == each["effective_timezones"]
    return [each["effective_timezones"] for each in listed]


async def test_contacts_have_the_zones_of_their_numbers_and_others_the_fallback(world: World) -> None:
    campaign = await world.create_campaign(**FROM_NUMBER)
    people = [
        {"phone_number": "+14155550123"},
        {"phone_number": SEVERAL},
        {"phone_number": TOLL_FREE},
        {"phone_number": "+14155550124", "timezone": "Europe/Paris"},
        {"phone_number": "no number"},
    ]
    body = a_batch_body(campaign["campaign_id"], contacts=people, on_invalid="skip")

    assert await zones_of(world, **body) == [
        [LOS_ANGELES],
        [CHICAGO, NEW_YORK],
        ["Asia/Tokyo"],
        ["Europe/Paris"],
        [],
    ]


@pytest.mark.parametrize(
    ("batch", "contact", "expected"),
    [
        pytest.param({"timezone": "from_number"}, {}, [CHICAGO, NEW_YORK], id="batch"),
        pytest.param({}, {"timezone": "from_number"}, [CHICAGO, NEW_YORK], id="contact"),
        pytest.param({}, {}, ["UTC"], id="nobody asks for them"),
    ],
)
async def test_batch_and_contact_may_ask_for_the_zones_of_numbers(
    world: World, batch: dict[str, Any], contact: dict[str, object], expected: list[str]
) -> None:
    campaign = await world.create_campaign(fallback_timezone="Asia/Tokyo")
    people = [{"phone_number": SEVERAL, **contact}]

    zones = await zones_of(world, **a_batch_body(campaign["campaign_id"], contacts=people, **batch))

    assert zones == [expected]


@pytest.mark.parametrize(
    ("batch", "contact", "loc"),
    [
        pytest.param({"timezone": "from_number"}, {}, ["body", "timezone"], id="batch"),
        pytest.param({}, {"timezone": "from_number"}, ["body", "contacts"], id="contact"),
    ],
)
async def test_without_a_fallback_zones_of_numbers_are_422_and_nothing_is_stored(
    world: World, batch: dict[str, Any], contact: dict[str, object], loc: list[str]
) -> None:
    campaign = await world.create_campaign()
    people = [{"phone_number": SEVERAL, **contact}]

    answer = await world.client.post(
        BATCHES, json=a_batch_body(campaign["campaign_id"], contacts=people, **batch)
    )

    assert errors_of(answer) == [(loc, "fallback_timezone")]
    assert not world.tables.batches


async def test_batch_cannot_ask_for_zones_of_numbers_without_a_fallback(world: World) -> None:
    campaign = await world.create_campaign()
    batch = created(await world.client.post(BATCHES, json=a_batch_body(campaign["campaign_id"])))

    answer = await world.client.patch(f"{BATCHES}{batch['batch_id']}", json={"timezone": "from_number"})

    assert errors_of(answer) == [(["body", "timezone"], "fallback_timezone")]


async def _effective(world: World, batch_id: str) -> list[list[str]]:
    listed = (await world.client.get(f"{BATCHES}{batch_id}/contacts")).json()
    return [each["effective_timezones"] for each in listed]


PEOPLE = [{"phone_number": SEVERAL}, {"phone_number": TOLL_FREE}]
LEARNT_LATER = [[CHICAGO, NEW_YORK], ["Asia/Tokyo"]]


async def test_batch_with_contacts_may_change_to_the_zones_of_their_numbers(world: World) -> None:
    campaign = await world.create_campaign(fallback_timezone="Asia/Tokyo")
    body = a_batch_body(campaign["campaign_id"], contacts=PEOPLE)
    batch = created(await world.client.post(BATCHES, json=body))

    changed = await world.client.patch(f"{BATCHES}{batch['batch_id']}", json={"timezone": "from_number"})

    assert changed.status_code == 200
    assert await _effective(world, batch["batch_id"]) == LEARNT_LATER


async def test_batch_under_zones_of_numbers_may_be_changed_otherwise(world: World) -> None:
    campaign = await world.create_campaign(**FROM_NUMBER)
    batch = created(await world.client.post(BATCHES, json=a_batch_body(campaign["campaign_id"])))

    answer = await world.client.patch(f"{BATCHES}{batch['batch_id']}", json={"timezone": "from_number"})

    assert answer.json()["timezone"] == "from_number"


async def test_campaign_with_batches_may_change_to_the_zones_of_numbers(world: World) -> None:
    campaign = await world.create_campaign()
    body = a_batch_body(campaign["campaign_id"], contacts=PEOPLE)
    batch = created(await world.client.post(BATCHES, json=body))

    changed = await world.client.patch(f"/api/v1/campaigns/{campaign['campaign_id']}", json=FROM_NUMBER)

    assert changed.status_code == 200
    assert await _effective(world, batch["batch_id"]) == LEARNT_LATER


async def test_debug_tells_that_zones_are_being_learnt(world: World) -> None:
    campaign = await world.create_campaign()
    batch = created(await world.client.post(BATCHES, json=a_batch_body(campaign["campaign_id"])))
    await world.client.patch(f"/api/v1/campaigns/{campaign['campaign_id']}", json=FROM_NUMBER)
    polled(world)

    told = await debug(world, batch["batch_id"])

    assert told["diagnosis"] == "outside_working_hours"
    assert told["diagnostics"]["tip"].startswith("The zones of numbers are being learnt")


@pytest.mark.parametrize("fallback", [None, "Asia/Tokyo"])
async def test_added_contact_asks_for_the_zones_of_its_number_where_there_is_a_fallback(
    world: World, fallback: str | None
) -> None:
    campaign = await world.create_campaign(fallback_timezone=fallback)
    batch = created(await world.client.post(BATCHES, json=a_batch_body(campaign["campaign_id"])))
    added = [{"phone_number": SEVERAL, "timezone": "from_number"}]

    answer = await world.client.post(f"{BATCHES}{batch['batch_id']}/contacts", json={"contacts": added})

    if fallback is None:
        assert errors_of(answer) == [(["body", "contacts"], "fallback_timezone")]
    else:
        *_, contact = world.tables.contacts.values()
        assert contact.number_timezones == (CHICAGO, NEW_YORK)


async def test_file_may_ask_for_the_zones_of_numbers(world: World) -> None:
    campaign = await world.create_campaign(fallback_timezone="Asia/Tokyo")
    file = io.BytesIO(f"phone_number,timezone\n{SEVERAL},from_number\n".encode())

    answer = await world.client.post(
        f"{BATCHES}upload", data={"campaign_id": campaign["campaign_id"]}, files={"file": ("a.csv", file)}
    )

    [contact] = world.tables.contacts.values()
    assert created(answer)["total_contacts"] == 1
    assert contact.number_timezones == (CHICAGO, NEW_YORK)


async def test_local_times_of_a_batch_are_read_in_the_fallback(world: World) -> None:
    campaign = await world.create_campaign(**FROM_NUMBER)
    body = a_batch_body(campaign["campaign_id"], scheduled_start="2027-09-07T09:00:00")

    batch = created(await world.client.post(BATCHES, json=body))

    assert batch["scheduled_start"] == "2027-09-07T00:00:00Z"


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        pytest.param({"fallback_timezone": None}, True, id="taken away"),
        pytest.param({"timezone": "UTC", "fallback_timezone": None}, True, id="batches may rely on it"),
        pytest.param({"fallback_timezone": "Europe/Paris"}, False, id="another zone"),
        pytest.param({"timezone": None}, False, id="no longer asked for"),
    ],
)
async def test_fallback_may_be_changed_and_not_taken_away(
    world: World, change: dict[str, object], refused: bool
) -> None:
    campaign = await world.create_campaign(**FROM_NUMBER)

    answer = await world.client.patch(f"/api/v1/campaigns/{campaign['campaign_id']}", json=change)

    if refused:
        assert errors_of(answer) == [(["body", "fallback_timezone"], "fallback_timezone")]
    else:
        assert answer.status_code == 200


async def test_change_to_zones_of_numbers_needs_a_fallback(world: World) -> None:
    campaign = await world.create_campaign()
    url = f"/api/v1/campaigns/{campaign['campaign_id']}"

    refused = await world.client.patch(url, json={"timezone": "from_number"})
    taken = await world.client.patch(url, json=FROM_NUMBER)

    assert errors_of(refused) == [(["body", "fallback_timezone"], "fallback_timezone")]
    assert (taken.json()["timezone"], taken.json()["fallback_timezone"]) == ("from_number", "Asia/Tokyo")


async def test_requeue_may_ask_for_zones_that_its_parent_did_not(world: World) -> None:
    campaign = await world.create_campaign(fallback_timezone="Asia/Tokyo")
    body = a_batch_body(campaign["campaign_id"], contacts=PEOPLE)
    batch = created(await world.client.post(BATCHES, json=body))
    await world.client.post(f"{BATCHES}{batch['batch_id']}/cancel")
    wanted = {"statuses": ["skipped"], "timezone": "from_number"}

    again = created(await world.client.post(f"{BATCHES}{batch['batch_id']}/requeue", json=wanted))

    assert await _effective(world, again["batch_id"]) == LEARNT_LATER
