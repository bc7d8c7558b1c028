"""Erasures over HTTP."""

import pytest

from domain.contact import ContactStatus
from tests.api.world import OTHER_SECRET, World, bearer, errors_of

PATH = "/api/v1/erasures"
NUMBER = "+14155550123"


@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
async def test_erasure_empties_a_contact_and_keeps_its_place(world: World, path: str) -> None:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"])

    answer = await world.client.post(path, json={"phone_number": NUMBER})
    people = (await world.client.get(f"/api/v1/batches/{batch['batch_id']}/contacts")).json()

    told, shown = answer.json(), ("phone_number", "external_id", "call_variables", "effective_timezones")
    assert (answer.status_code, sorted(told)) == (200, ["calls", "contacts", "erasure_id", "events"])
    assert (told["contacts"], told["calls"], told["events"]) == (1, 0, 0)
    assert told["erasure_id"].startswith("era_")
    assert [people[0][name] for name in shown] == ["", None, {}, []]
    assert [each["skip_reason"] for each in people] == ["erased", None]
    assert people[1]["phone_number"] == "+14155550124"


async def test_batch_is_told_of_the_contact_that_was_skipped(world: World) -> None:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"], [NUMBER])
    (person,) = world.tables.contacts_of(batch["batch_id"])

    await world.client.post(PATH, json={"phone_number": NUMBER})

    assert world.engine.skips == [(batch["batch_id"], person.contact_id, ContactStatus.PENDING)]


async def test_erasure_of_nobody_is_the_same_answer_with_zeros(world: World) -> None:
    answer = await world.client.post(PATH, json={"phone_number": NUMBER})

    assert (answer.status_code, answer.json()["contacts"]) == (200, 0)


async def test_suppressed_number_stays_suppressed_without_being_shown(world: World) -> None:
    await world.client.post(
        "/api/v1/suppressions", json={"phone_number": NUMBER, "reason": "Mrs Moreau wrote"}
    )
    await world.client.post(PATH, json={"phone_number": NUMBER})

    (entry,) = (await world.client.get("/api/v1/suppressions", params={"phone_number": NUMBER})).json()
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"], [NUMBER])
    (person,) = world.tables.contacts_of(batch["batch_id"])
    assert (entry["phone_number"], entry["reason"]) == ("", None)
    assert person.skip_reason == "suppressed"


async def test_erasures_of_another_organization_are_its_own(world: World) -> None:
    campaign = await world.create_campaign()
    await world.create_batch(campaign["campaign_id"], [NUMBER])

    answer = await world.client.post(PATH, json={"phone_number": NUMBER}, headers=bearer(OTHER_SECRET))

    assert answer.json()["contacts"] == 0


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param({}, (["body", "phone_number"], "missing"), id="no number"),
        pytest.param({"phone_number": "12"}, (["body", "phone_number"], "phone_number"), id="no such number"),
        pytest.param(
            {"phone_number": NUMBER, "name": "x"}, (["body", "name"], "extra_forbidden"), id="something else"
        ),
    ],
)
async def test_malformed_erasure_is_refused(
    world: World, body: dict[str, str], error: tuple[list[str], str]
) -> None:
    assert errors_of(await world.client.post(PATH, json=body)) == [error]
