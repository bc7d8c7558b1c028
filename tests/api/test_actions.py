"""What all actions share: who may act, on what, and what happens while the engine does not listen."""

import asyncio

import httpx
import pytest
from structlog.testing import capture_logs

from api.http.notification import AT_ONCE, signal_each, signal_workflow
from domain.batch import BatchStatus
from domain.errors import EngineUnavailable
from domain.identity import BatchId
from domain.lifecycle import Action
from tests import fakes
from tests.api.scene import Scene, a_scene
from tests.api.world import OTHER_SECRET, World, a_problem, bearer

UNREACHABLE = a_problem(503, "unavailable", "Service Unavailable", "Temporal is unreachable")
CAMPAIGN_ACTIONS = [f"campaigns/{{campaign_id}}/{each}" for each in ("pause", "resume", "cancel")]
BATCH_ACTIONS = [
    f"batches/{{batch_id}}/{each}" for each in ("pause", "resume", "cancel", "dispatch?now=true")
]
CONTACT_ACTIONS = [
    "batches/{batch_id}/contacts/{waiting}/skip",
    "batches/{batch_id}/contacts/{answered}/follow-up",
]
ACTIONS = [*CAMPAIGN_ACTIONS, *BATCH_ACTIONS, *CONTACT_ACTIONS]
WITHOUT_BODY = [each for each in ACTIONS if not each.endswith("follow-up")]


async def _ready_for(world: World, path: str) -> Scene:
    """Arrange that the action is legal and changes something."""
    scene = await a_scene(world, scheduled_start="2026-09-07T13:00:00Z" if "dispatch" in path else None)
    if path.endswith("/resume"):
        await scene.post(path.replace("resume", "pause"))
    return scene


@pytest.mark.parametrize("path", ACTIONS)
async def test_action_is_503_and_changes_nothing_while_the_engine_is_down(world: World, path: str) -> None:
    scene = await _ready_for(world, path)
    world.engine.is_down = True
    before = scene.rows()

    answer = await scene.post(path)

    assert (answer.status_code, answer.json()) == (503, UNREACHABLE)
    assert answer.headers["retry-after"] == "5"
    assert scene.rows() == before


@pytest.mark.parametrize("path", [path for path in ACTIONS if "dispatch" not in path])
async def test_stored_change_stands_and_is_200_when_the_engine_fails_after_it(
    world: World, path: str
) -> None:
    scene = await _ready_for(world, path)
    world.engine.fails_to_listen = True
    before = scene.rows()

    with capture_logs() as logs:
        answer = await scene.post(path)

    assert answer.status_code == 200
    assert scene.rows() != before
    ids = {"batch_id": scene.batch_id}
    if "contacts" in path:
        ids["contact_id"] = answer.json()["contact_id"]
    expected = {"event": "change stored, its workflow not signalled", "log_level": "warning", **ids}
    assert [each for each in logs if each["log_level"] == "warning"] == [expected]


async def test_dispatch_nobody_was_told_of_is_503_and_may_be_asked_again(world: World) -> None:
    scene = await a_scene(world)
    world.engine.fails_to_listen = True
    refused = await scene.post("batches/{batch_id}/dispatch")
    world.engine.fails_to_listen = False

    answer = await scene.post("batches/{batch_id}/dispatch")

    assert (refused.status_code, refused.json()) == (503, UNREACHABLE)
    assert answer.status_code == 200
    assert scene.batch_id in str(world.engine.dispatches)


@pytest.mark.parametrize("path", ACTIONS)
async def test_action_is_503_and_changes_nothing_while_the_database_is_down(world: World, path: str) -> None:
    scene = await _ready_for(world, path)
    before = scene.rows()
    told = list(world.engine.acts)
    world.tables.is_down = True

    answer = await scene.post(path)

    assert (answer.status_code, answer.json()["detail"]) == (503, "Database is unreachable")
    assert (scene.rows(), world.engine.acts) == (before, told)


@pytest.mark.parametrize("path", ACTIONS)
async def test_foreign_object_answers_like_one_that_does_not_exist(world: World, path: str) -> None:
    scene = await _ready_for(world, path)
    before = scene.rows()

    foreign = await scene.post(path, headers=bearer(OTHER_SECRET))
    unknown = await scene.post(
        path.format(campaign_id="cmp_0", batch_id="btc_0", waiting="con_0", answered="con_0")
    )
    shapeless = await scene.post(path.format(campaign_id="x", batch_id="x", waiting="x", answered="x"))

    noun = "Campaign" if path in CAMPAIGN_ACTIONS else "Batch"
    assert foreign.json() == a_problem(404, "not-found", "Not Found", f"{noun} not found")
    assert foreign.content == unknown.content == shapeless.content
    assert scene.rows() == before


@pytest.mark.parametrize("path", CONTACT_ACTIONS)
async def test_contact_of_another_batch_is_not_found(world: World, path: str) -> None:
    scene, other = await a_scene(world), await a_scene(world)
    before = scene.rows()
    strangers = {"waiting": other.waiting, "answered": other.answered}

    for ids in (strangers, dict.fromkeys(strangers, "con_0"), dict.fromkeys(strangers, "exec_1")):
        answer = await scene.post(path.format(batch_id=scene.batch_id, **ids))

        assert answer.json() == a_problem(404, "not-found", "Not Found", "Contact not found")
    assert scene.rows() == before


@pytest.mark.parametrize("path", ACTIONS)
async def test_action_without_a_token_is_401_and_changes_nothing(world: World, path: str) -> None:
    scene = await _ready_for(world, path)
    before = scene.rows()

    answer = await scene.post(path, headers={"Authorization": ""})

    assert (answer.status_code, answer.json()["detail"]) == (401, "Invalid or missing token")
    assert scene.rows() == before


@pytest.mark.parametrize("path", WITHOUT_BODY)
async def test_body_of_any_type_is_ignored(world: World, path: str) -> None:
    scene = await _ready_for(world, path)

    answer = await scene.post(
        path, content=b"{\x00", headers={"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    )

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ACTIONS)
async def test_body_over_a_megabyte_is_413_and_changes_nothing(world: World, path: str) -> None:
    scene = await _ready_for(world, path)
    before = scene.rows()

    answer = await scene.post(path, content=b" " * (1024 * 1024 + 1))

    assert (answer.status_code, scene.rows()) == (413, before)


@pytest.mark.parametrize("headers", [{"Content-Type": "text/plain"}, {"Content-Encoding": "gzip"}])
async def test_follow_up_that_is_not_plain_json_is_415(world: World, headers: dict[str, str]) -> None:
    scene = await a_scene(world)

    answer = await scene.post(
        "batches/{batch_id}/contacts/{answered}/follow-up",
        content=b'{"at": "2026-09-05T16:00:00Z"}',
        headers={"Content-Type": "application/json", **headers},
    )

    assert answer.status_code == 415


@pytest.mark.parametrize("path", ACTIONS)
async def test_actions_are_only_posted(world: World, path: str) -> None:
    scene = await a_scene(world)
    url = str((await scene.post(path)).request.url)

    answer: httpx.Response = await world.client.get(url)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_repeated_action_tells_the_engine_again_for_news_may_have_been_lost(world: World) -> None:
    scene = await a_scene(world)
    world.engine.fails_to_listen = True
    await scene.post("batches/{batch_id}/pause")
    world.engine.fails_to_listen = False

    answer = await scene.post("batches/{batch_id}/pause")

    assert (answer.status_code, world.tables.batches[scene.batch_id].status) == (200, BatchStatus.PAUSED)
    assert world.engine.acts == [(scene.batch_id, Action.PAUSE)]


class _CountingEngine(fakes.FakeEngine):
    """Counts how many are told at once; every third does not listen."""

    at_once = 0
    peak = 0
    asked = 0

    async def act(self, batch_id: BatchId, action: Action) -> None:
        """Hear of an action, slowly."""
        self.at_once += 1
        self.asked += 1
        self.peak = max(self.peak, self.at_once)
        is_deaf = self.asked % 3 == 0
        for _ in range(5):
            await asyncio.sleep(0)
        self.at_once -= 1
        if is_deaf:
            raise EngineUnavailable
        await super().act(batch_id, action)


class _HangingEngine(fakes.FakeEngine):
    """Never answers."""

    async def act(self, batch_id: BatchId, action: Action) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()


async def test_many_batches_are_signalled_a_few_at_once_and_deaf_ones_stop_nobody() -> None:
    engine = _CountingEngine()

    await signal_each(
        [BatchId(f"btc_{n}") for n in range(90)],
        lambda batch_id: signal_workflow(engine.act(batch_id, Action.PAUSE), batch_id=batch_id),
    )

    assert (engine.peak, engine.asked, len(engine.acts)) == (AT_ONCE, 90, 60)


async def test_client_does_not_wait_for_an_engine_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.http.notification.PATIENCE_SECONDS", 0.01)
    engine = _HangingEngine()

    with capture_logs() as logs:
        await signal_each(
            [BatchId(f"btc_{n}") for n in range(30)],
            lambda batch_id: signal_workflow(engine.act(batch_id, Action.CANCEL), batch_id=batch_id),
        )

    assert logs == [
        {
            "event": "change stored, not every workflow signalled in time",
            "log_level": "warning",
            "workflows": 30,
        }
    ]
