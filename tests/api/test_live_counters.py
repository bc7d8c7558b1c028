"""However many watch a batch, its workflow is asked once, and so is the database."""

import asyncio
from dataclasses import replace
from datetime import datetime

import httpx
import pytest

from api.assembly import install
from api.batches import counters as live_counters
from api.http import dependencies as parts
from api.http import singleflight
from domain.batch import Batch, BatchStatus
from domain.campaign import Campaign
from domain.counters import BatchTally, Counters
from domain.identity import BatchId, OrganizationId
from domain.ports import Token
from tests.api.world import ORGANIZATION, OTHER_SECRET, SECRET, Json, World, bearer
from tests.fakes import FakeBatchStore, FakeEngine, FakeTokenStore

WATCHERS = 100


class SlowEngine(FakeEngine):
    """Takes its time for every tally."""

    seconds = 0.2

    async def tally(self, batch_id: BatchId) -> BatchTally | None:
        """Answer late."""
        told = await super().tally(batch_id)
        await asyncio.sleep(self.seconds)
        return told


class ReadsCounted(FakeBatchStore):
    """Notes the verbs that read a batch or count its contacts."""

    def __init__(self, world: World) -> None:
        super().__init__(world.tables)
        self.asked: list[str] = []

    async def get(self, organization_id: OrganizationId, batch_id: BatchId) -> tuple[Batch, Campaign]:
        """Read, with counters."""
        self.asked.append("get")
        return await super().get(organization_id, batch_id)

    async def get_uncounted(
        self, organization_id: OrganizationId, batch_id: BatchId
    ) -> tuple[Batch, Campaign]:
        """Read."""
        self.asked.append("get_uncounted")
        batch, campaign = await super().get(organization_id, batch_id)
        return replace(batch, counters=Counters()), campaign

    async def count(self, batch_id: BatchId) -> Counters:
        """Count."""
        self.asked.append("count")
        return await super().count(batch_id)


class LooksCounted(FakeTokenStore):
    """Counts the looks at tokens."""

    def __init__(self, world: World) -> None:
        super().__init__(world.tables)
        self.looks = 0

    async def authenticate(self, secret: str, now: datetime) -> Token | None:
        """Look."""
        self.looks += 1
        return await super().authenticate(secret, now)


async def with_reads_counted(world: World) -> tuple[ReadsCounted, LooksCounted]:
    reads, looks = ReadsCounted(world), LooksCounted(world)
    await looks.create(ORGANIZATION, "demo", SECRET, world.clock())
    world.parts = replace(world.parts, batches=reads, tokens=looks)
    install(world.app, world.parts)
    return reads, looks


async def a_watched_batch(world: World) -> tuple[SlowEngine, str]:
    engine = SlowEngine()
    world.engine, world.parts = engine, replace(world.parts, engine=engine)
    install(world.app, world.parts)
    campaign = await world.create_campaign()
    batch = await world.create_batch(campaign["campaign_id"])
    engine.tallies[BatchId(batch["batch_id"])] = BatchTally(live=2)
    return engine, f"/api/v1/batches/{batch['batch_id']}"


async def watch(world: World, path: str, watchers: int) -> list[httpx.Response]:
    return list(await asyncio.gather(*(world.client.get(path) for _ in range(watchers))))


def source(answer: httpx.Response) -> str:
    return str(answer.headers["x-counters-source"])


def counters(answer: httpx.Response) -> Json:
    body: Json = answer.json()["counters"]
    return {name: count for name, count in body.items() if count}


async def test_hundred_watchers_cost_one_question(world: World) -> None:
    engine, path = await a_watched_batch(world)

    answers = await watch(world, path, WATCHERS)

    assert engine.asked_for_tallies == 1
    assert {source(each) for each in answers} == {"workflow"}
    assert {each.text for each in answers} == {answers[0].text}


async def test_answer_of_a_moment_ago_is_shared_and_an_older_one_is_not(world: World) -> None:
    engine, path = await a_watched_batch(world)
    await watch(world, path, 2)
    await watch(world, path, 2)
    asked_at_once = engine.asked_for_tallies
    await asyncio.sleep(singleflight.FRESH_SECONDS + 0.1)
    await watch(world, path, 2)

    assert (asked_at_once, engine.asked_for_tallies) == (1, 2)


async def test_every_batch_is_asked_for_itself(world: World) -> None:
    engine, path = await a_watched_batch(world)
    other = await world.create_batch((await world.create_campaign())["campaign_id"], ["+493012345678"])
    engine.tallies[BatchId(other["batch_id"])] = BatchTally(live=1)

    mine, others = await asyncio.gather(
        world.client.get(path), world.client.get(f"/api/v1/batches/{other['batch_id']}")
    )

    assert engine.asked_for_tallies == 2
    assert (counters(mine), counters(others)) == ({"dispatched": 2}, {"dispatched": 1})


async def test_workflow_that_does_not_answer_is_waited_for_a_moment_by_all_together(world: World) -> None:
    engine, path = await a_watched_batch(world)
    engine.hangs_on = {"tally"}

    early = asyncio.create_task(watch(world, path, WATCHERS // 2))
    await asyncio.sleep(0.5)
    late = await watch(world, path, WATCHERS // 2)

    assert {source(each) for each in (*await early, *late)} == {"database"}
    assert engine.asked_for_tallies == 1


async def test_watcher_who_leaves_takes_nothing_away_from_the_others(world: World) -> None:
    engine, path = await a_watched_batch(world)
    impatient = asyncio.create_task(world.client.get(path))
    await asyncio.sleep(0.05)
    patient = asyncio.create_task(world.client.get(path))
    await asyncio.sleep(0.05)
    impatient.cancel()

    assert source(await patient) == "workflow"
    assert engine.asked_for_tallies == 1


async def test_whoever_changed_a_batch_sees_numbers_from_after_the_change(world: World) -> None:
    engine, path = await a_watched_batch(world)
    batch_id = BatchId(path.rpartition("/")[2])
    contact = world.tables.contacts_of(batch_id)[0]
    running = asyncio.create_task(world.client.get(path))
    await asyncio.sleep(0.05)
    skipped = await world.client.post(f"{path}/contacts/{contact.contact_id}/skip")
    engine.tallies[batch_id] = BatchTally(pending=1, skipped=1)

    after = await world.client.get(path)

    assert skipped.status_code == 200
    assert counters(after) == {"pending": 1, "skipped": 1}
    assert counters(await running) == {"dispatched": 2}


async def test_database_that_fails_meanwhile_is_told_to_all_and_not_remembered(world: World) -> None:
    _, path = await a_watched_batch(world)
    running = asyncio.create_task(watch(world, path, 3))
    await asyncio.sleep(0.1)
    world.tables.is_down = True
    failed = await running
    world.tables.is_down = False

    assert [each.status_code for each in failed] == [503, 503, 503]
    assert source(await world.client.get(path)) == "workflow"


async def test_slow_answer_is_bridged_by_the_one_before_for_a_second(world: World) -> None:
    engine, path = await a_watched_batch(world)
    batch_id = BatchId(path.rpartition("/")[2])
    await watch(world, path, 1)
    engine.tallies[batch_id], engine.seconds = BatchTally(pending=1, live=1), 0.6
    await asyncio.sleep(singleflight.FRESH_SECONDS + 0.05)

    bridged = await world.client.get(path)
    await asyncio.sleep(singleflight.KEPT_SECONDS - singleflight.FRESH_SECONDS)
    renewed = await world.client.get(path)

    assert (counters(bridged), source(bridged)) == ({"dispatched": 2}, "workflow")
    assert counters(renewed) == {"pending": 1, "dispatched": 1}
    assert engine.asked_for_tallies == 2


async def test_contacts_are_counted_once_a_slow_answer_is_bridged_no_longer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, path = await a_watched_batch(world)
    await watch(world, path, 1)
    engine.hangs_on = {"tally"}
    monkeypatch.setattr(live_counters, "PATIENCE_SECONDS", 20)
    await asyncio.sleep(singleflight.FRESH_SECONDS + 0.05)

    async with asyncio.timeout(10):
        bridged = await world.client.get(path)
        await asyncio.sleep(singleflight.KEPT_SECONDS - singleflight.FRESH_SECONDS)
        counted = await world.client.get(path)

    assert (counters(bridged), source(bridged)) == ({"dispatched": 2}, "workflow")
    assert (counters(counted), source(counted)) == ({"pending": 2}, "database")
    assert engine.asked_for_tallies == 2


async def test_change_is_seen_although_an_answer_from_before_is_kept(world: World) -> None:
    engine, path = await a_watched_batch(world)
    batch_id = BatchId(path.rpartition("/")[2])
    await watch(world, path, 1)
    contact = world.tables.contacts_of(batch_id)[0]
    await world.client.post(f"{path}/contacts/{contact.contact_id}/skip")
    engine.tallies[batch_id], engine.seconds = BatchTally(pending=1, skipped=1), 0.4

    assert counters(await world.client.get(path)) == {"pending": 1, "skipped": 1}


async def test_questions_are_counted_by_whose_numbers_were_told(unmetered_world: World) -> None:
    engine, path = await a_watched_batch(unmetered_world)
    await watch(unmetered_world, path, 5)
    await asyncio.sleep(singleflight.KEPT_SECONDS + 0.1)
    engine.tallies.clear()
    await watch(unmetered_world, path, 5)

    text = (await unmetered_world.client.get("/metrics")).text

    counted = [line for line in text.splitlines() if line.startswith("apollo_counters_queries_total{")]
    assert counted == [
        'apollo_counters_queries_total{source="workflow"} 1.0',
        'apollo_counters_queries_total{source="database"} 1.0',
    ]


async def test_look_at_a_running_batch_does_not_count_its_contacts(world: World) -> None:
    _, path = await a_watched_batch(world)
    reads, _ = await with_reads_counted(world)

    (answer,) = await watch(world, path, 1)

    assert (source(answer), reads.asked) == ("workflow", ["get_uncounted"])


async def test_contacts_are_counted_once_for_all_who_look_where_no_workflow_tells(world: World) -> None:
    engine, path = await a_watched_batch(world)
    engine.is_down = True
    reads, _ = await with_reads_counted(world)

    answers = await watch(world, path, WATCHERS)

    assert {(source(each), each.json()["counters"]["pending"]) for each in answers} == {("database", 2)}
    assert reads.asked == ["get_uncounted", "count"]


async def test_contacts_of_a_batch_that_is_over_are_counted_once_for_all_who_look(world: World) -> None:
    engine, path = await a_watched_batch(world)
    batch_id = BatchId(path.rpartition("/")[2])
    over = replace(world.tables.batches[batch_id], status=BatchStatus.CANCELLED)
    world.tables.batches[batch_id] = over
    reads, _ = await with_reads_counted(world)

    answers = await watch(world, path, WATCHERS)

    assert {(source(each), each.json()["counters"]["pending"]) for each in answers} == {("database", 2)}
    assert (engine.asked_for_tallies, reads.asked) == (0, ["get_uncounted", "count"])


async def test_looks_that_follow_each_other_closely_share_their_reads(world: World) -> None:
    _, path = await a_watched_batch(world)
    reads, looks = await with_reads_counted(world)
    loop = asyncio.get_running_loop()
    began = loop.time()

    crowd = []
    while loop.time() - began < 3 * parts.WATCHERS_REST_SECONDS:
        crowd.append(asyncio.create_task(world.client.get(path)))
        await asyncio.sleep(parts.WATCHERS_REST_SECONDS / 10)
    answers = await asyncio.gather(*crowd)
    took = loop.time() - began

    most = took / parts.WATCHERS_REST_SECONDS + 1
    assert {each.status_code for each in answers} == {200}
    assert 1 < len(reads.asked) <= most
    assert 1 < looks.looks <= most


async def test_look_that_waits_for_others_sees_what_was_changed_before_it(world: World) -> None:
    _, path = await a_watched_batch(world)
    told = []
    for action, status in (("pause", "paused"), ("resume", "in_progress"), ("cancel", "cancelled")):
        changed = await world.client.post(f"{path}/{action}")
        seen = await world.client.get(path)
        told.append((changed.status_code, seen.json()["status"], status))

    assert told == [(200, status, status) for _, _, status in told]


async def test_look_that_waits_for_others_is_refused_once_its_token_is_revoked(world: World) -> None:
    _, path = await a_watched_batch(world)
    first = await world.client.get(path)
    token = await world.tokens.authenticate(SECRET, world.clock())
    assert token is not None
    await world.tokens.revoke(token.token_id, world.clock())

    second = await world.client.get(path)

    assert (first.status_code, second.status_code) == (200, 401)


async def test_organizations_share_no_look(world: World) -> None:
    _, path = await a_watched_batch(world)

    mine, others = await asyncio.gather(
        world.client.get(path), world.client.get(path, headers=bearer(OTHER_SECRET))
    )

    assert (mine.status_code, others.status_code) == (200, 404)
