"""However many watch a batch, its workflow is asked once."""

import asyncio
from dataclasses import replace

import httpx

from api import shared_answers
from api.assembly import install
from domain.counters import BatchTally
from domain.identity import BatchId
from tests.api.house import House, Json
from tests.fakes import FakeEngine

WATCHERS = 100


class SlowEngine(FakeEngine):
    """Takes its time for every tally."""

    seconds = 0.2

    async def tally(self, batch_id: BatchId) -> BatchTally | None:
        """Answer late."""
        told = await super().tally(batch_id)
        await asyncio.sleep(self.seconds)
        return told


async def a_watched_batch(house: House) -> tuple[SlowEngine, str]:
    engine = SlowEngine()
    house.engine, house.parts = engine, replace(house.parts, engine=engine)
    install(house.app, house.parts)
    campaign = await house.create_campaign()
    batch = await house.create_batch(campaign["campaign_id"])
    engine.tallies[BatchId(batch["batch_id"])] = BatchTally(live=2)
    return engine, f"/api/v1/batches/{batch['batch_id']}"


async def watch(house: House, path: str, watchers: int) -> list[httpx.Response]:
    return list(await asyncio.gather(*(house.client.get(path) for _ in range(watchers))))


def source(answer: httpx.Response) -> str:
    return str(answer.headers["x-counters-source"])


def counters(answer: httpx.Response) -> Json:
    body: Json = answer.json()["counters"]
    return {name: count for name, count in body.items() if count}


async def test_hundred_watchers_cost_one_question(house: House) -> None:
    engine, path = await a_watched_batch(house)

    answers = await watch(house, path, WATCHERS)

    assert engine.asked_for_tallies == 1
    assert {source(each) for each in answers} == {"workflow"}
    assert {each.text for each in answers} == {answers[0].text}


async def test_answer_of_a_moment_ago_is_shared_and_an_older_one_is_not(house: House) -> None:
    engine, path = await a_watched_batch(house)
    await watch(house, path, 2)
    await watch(house, path, 2)
    asked_at_once = engine.asked_for_tallies
    await asyncio.sleep(shared_answers.FRESH_SECONDS + 0.1)
    await watch(house, path, 2)

    assert (asked_at_once, engine.asked_for_tallies) == (1, 2)


async def test_every_batch_is_asked_for_itself(house: House) -> None:
    engine, path = await a_watched_batch(house)
    other = await house.create_batch((await house.create_campaign())["campaign_id"], ["+493012345678"])
    engine.tallies[BatchId(other["batch_id"])] = BatchTally(live=1)

    mine, others = await asyncio.gather(
        house.client.get(path), house.client.get(f"/api/v1/batches/{other['batch_id']}")
    )

    assert engine.asked_for_tallies == 2
    assert (counters(mine), counters(others)) == ({"dispatched": 2}, {"dispatched": 1})


async def test_workflow_that_does_not_answer_is_waited_for_a_moment_by_all_together(house: House) -> None:
    engine, path = await a_watched_batch(house)
    engine.hangs_on = {"tally"}

    early = asyncio.create_task(watch(house, path, WATCHERS // 2))
    await asyncio.sleep(0.5)
    late = await watch(house, path, WATCHERS // 2)

    assert {source(each) for each in (*await early, *late)} == {"database"}
    assert engine.asked_for_tallies == 1


async def test_watcher_who_leaves_takes_nothing_away_from_the_others(house: House) -> None:
    engine, path = await a_watched_batch(house)
    impatient = asyncio.create_task(house.client.get(path))
    await asyncio.sleep(0.05)
    patient = asyncio.create_task(house.client.get(path))
    await asyncio.sleep(0.05)
    impatient.cancel()

    assert source(await patient) == "workflow"
    assert engine.asked_for_tallies == 1


async def test_whoever_changed_a_batch_sees_numbers_from_after_the_change(house: House) -> None:
    engine, path = await a_watched_batch(house)
    batch_id = BatchId(path.rpartition("/")[2])
    contact = house.tables.contacts_of(batch_id)[0]
    running = asyncio.create_task(house.client.get(path))
    await asyncio.sleep(0.05)
    skipped = await house.client.post(f"{path}/contacts/{contact.contact_id}/skip")
    engine.tallies[batch_id] = BatchTally(pending=1, skipped=1)

    after = await house.client.get(path)

    assert skipped.status_code == 200
    assert counters(after) == {"pending": 1, "skipped": 1}
    assert counters(await running) == {"dispatched": 2}


async def test_database_that_fails_meanwhile_is_told_to_all_and_not_remembered(house: House) -> None:
    _, path = await a_watched_batch(house)
    running = asyncio.create_task(watch(house, path, 3))
    await asyncio.sleep(0.1)
    house.tables.is_down = True
    failed = await running
    house.tables.is_down = False

    assert [each.status_code for each in failed] == [503, 503, 503]
    assert source(await house.client.get(path)) == "workflow"


async def test_slow_answer_is_bridged_by_the_one_before_for_a_second(house: House) -> None:
    engine, path = await a_watched_batch(house)
    batch_id = BatchId(path.rpartition("/")[2])
    await watch(house, path, 1)
    engine.tallies[batch_id], engine.seconds = BatchTally(pending=1, live=1), 0.6
    await asyncio.sleep(shared_answers.FRESH_SECONDS + 0.05)

    bridged = await house.client.get(path)
    await asyncio.sleep(shared_answers.KEPT_SECONDS - shared_answers.FRESH_SECONDS)
    renewed = await house.client.get(path)

    assert (counters(bridged), source(bridged)) == ({"dispatched": 2}, "workflow")
    assert counters(renewed) == {"pending": 1, "dispatched": 1}
    assert engine.asked_for_tallies == 2


async def test_change_is_seen_although_an_answer_from_before_is_kept(house: House) -> None:
    engine, path = await a_watched_batch(house)
    batch_id = BatchId(path.rpartition("/")[2])
    await watch(house, path, 1)
    contact = house.tables.contacts_of(batch_id)[0]
    await house.client.post(f"{path}/contacts/{contact.contact_id}/skip")
    engine.tallies[batch_id], engine.seconds = BatchTally(pending=1, skipped=1), 0.4

    assert counters(await house.client.get(path)) == {"pending": 1, "skipped": 1}


async def test_questions_are_counted_by_whose_numbers_were_told(house: House) -> None:
    engine, path = await a_watched_batch(house)
    await watch(house, path, 5)
    await asyncio.sleep(shared_answers.KEPT_SECONDS + 0.1)
    engine.tallies.clear()
    await watch(house, path, 5)

    text = (await house.client.get("/metrics")).text

    counted = [line for line in text.splitlines() if line.startswith("apollo_counters_queries_total{")]
    assert counted == [
        'apollo_counters_queries_total{source="workflow"} 1.0',
        'apollo_counters_queries_total{source="database"} 1.0',
    ]
