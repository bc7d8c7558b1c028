"""Deleting batches over HTTP."""

from tests.api.world import OTHER_SECRET, World, a_problem, bearer

NOT_FOUND = a_problem(404, "not-found", "Not Found", "Batch not found")


async def test_batch_that_is_not_over_is_refused_with_its_status(world: World) -> None:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"])

    answer = await world.client.delete(f"/api/v1/batches/{batch['batch_id']}")

    assert answer.status_code == 409
    assert answer.json()["detail"] == "Batch is in_progress and cannot be deleted"


async def test_deleted_batch_and_its_contacts_are_gone_from_every_answer(world: World) -> None:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"])
    path = f"/api/v1/batches/{batch['batch_id']}"
    await world.client.post(f"{path}/cancel")

    answer = await world.client.delete(path)

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await world.client.get("/api/v1/batches/")).json() == []
    stats = (await world.client.get(f"/api/v1/campaigns/{campaign['campaign_id']}/stats")).json()
    assert (set(stats["contact_counts"].values()), stats["batch_counts"]["cancelled"]) == ({0}, 0)
    for asked in ("", "/contacts", "/debug", "/export.csv"):
        assert (await world.client.get(path + asked)).json() == NOT_FOUND
    for done in ("/cancel", "/dispatch"):
        assert (await world.client.post(path + done)).json() == NOT_FOUND
    assert (await world.client.delete(path)).json() == NOT_FOUND


async def test_foreign_batch_is_not_found(world: World) -> None:
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"])

    answer = await world.client.delete(f"/api/v1/batches/{batch['batch_id']}", headers=bearer(OTHER_SECRET))

    assert answer.json() == NOT_FOUND
