"""Batches that are changed over the API while they run: each field moves whom it should."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from activities.number_zones import NumberZoneActivities
from api.assembly import install
from domain.batch import TERMINAL_BATCH
from domain.call import CallStatus, StatusEvent
from domain.contact import ContactStatus
from domain.disposition import OnMachine
from domain.identity import BatchId
from domain.telephony import CallRequest
from temporal.batch_workflows import BatchWorkflows
from tests.api.world import Json, build_world
from tests.api.world import World as ApiWorld
from tests.fakes import FakeNumberZoneStore
from tests.workflows.skipping_server import SkippingServer
from tests.workflows.world import ANSWERED, BUSY, World, server_time, until

pytestmark = pytest.mark.server

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
IN_AN_HOUR: Json = {"retry_policy": {"max_retries": 2, "cooldown_minutes": 60}}
CALL_BACK, OTHER_CALLER_ID = "call_back", "+14155550181"


def hours(start: str, end: str) -> Json:
    window = {"start": start, "end": end}
    return dict.fromkeys(DAYS, window)


def enforced(start: str, end: str) -> Json:
    return {"working_hours_enforced": True, "timezone": "UTC", "working_hours": hours(start, end)}


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a batch of one is told at ten, and when its last call begins, which was due at eleven."""

    to: Json
    last_call: timedelta = HOUR
    """After ten; at once is the first."""
    ends: ContactStatus = ContactStatus.COMPLETED
    rules: Json = field(default_factory=dict)
    """Of its campaign."""
    batch: Json = field(default_factory=dict)


def changes(ten: datetime) -> Mapping[str, Change]:
    """One for each field that may move somebody."""

    def at(clock: time) -> str:
        return datetime.combine(ten, clock, UTC).isoformat()

    goes_on = {"disposition": CALL_BACK, "then": "retry"}
    ends = {"disposition": CALL_BACK, "then": "complete"}
    no_more = timedelta()
    return {
        "keep_open": Change(to={"keep_open": False}, batch={"keep_open": True}),
        "retry_policy": Change(
            to={"retry_policy": {"max_retries": 1, "cooldown_minutes": 10}}, last_call=10 * MINUTE
        ),
        "max_retries_override": Change(
            to={"max_retries_override": 0}, last_call=no_more, ends=ContactStatus.BUSY
        ),
        "scheduled_start": Change(
            to={"scheduled_start": at(time(12))},
            batch={"scheduled_start": at(time(15))},
            last_call=3 * HOUR,  # busy at noon, and called again an hour later
        ),
        "scheduled_end": Change(
            to={"scheduled_end": at(time(10, 30))}, last_call=no_more, ends=ContactStatus.BUSY
        ),
        "working_hours": Change(
            to={"working_hours": hours("13:00", "18:00")},
            rules=enforced("09:00", "18:00"),
            last_call=3 * HOUR,
        ),
        "working_hours_enforced": Change(
            to={"working_hours_enforced": False}, rules=enforced("09:00", "10:30")
        ),
        "timezone": Change(to={"timezone": "Atlantic/Cape_Verde"}, rules=enforced("09:00", "10:30")),
        "disposition_rules": Change(
            to={"disposition_rules": [ends]}, rules={"disposition_rules": [goes_on]}, last_call=no_more
        ),
    }


@dataclass(frozen=True)
class Scene:
    """An API whose engine are the workflows of a world, at ten on a Monday."""

    world: World
    api: ApiWorld
    ten: datetime

    @classmethod
    async def on(cls, world: World) -> "Scene":
        now = await world.env.get_current_time()
        ten = datetime.combine(now.date() + timedelta(days=7 - now.weekday()), time(10), UTC)
        await world.env.sleep(ten - now)
        api = await build_world(tables=world.tables)
        install(api.app, replace(api.parts, engine=BatchWorkflows(world.client)))
        api.clock.now = ten
        return cls(world, api, ten)

    async def a_batch(self, rules: Json, contacts: Sequence[Json], **batch: object) -> BatchId:
        """Make a batch, which begins at once."""
        campaign = await self.api.create_campaign(**IN_AN_HOUR, **rules)
        body = {"campaign_id": campaign["campaign_id"], "contacts": contacts, **batch}
        made = await self.api.client.post("/api/v1/batches/", json=body)
        assert made.status_code == 201, made.text
        return BatchId(made.json()["batch_id"])

    async def change(self, path: str, to: Json) -> None:
        self.api.clock.now = await self.world.env.get_current_time()
        answer = await self.api.client.patch(f"/api/v1/{path}", json=to)
        assert answer.status_code == 200, answer.text

    async def end(self, batch_id: BatchId) -> None:
        """Let the clock move until a batch is over."""
        assert isinstance(self.world.env, SkippingServer)
        async with self.world.env.moving():
            await until(lambda: self.world.tables.batches[batch_id].status in TERMINAL_BATCH, 60)

    def last_call(self, batch_id: BatchId, position: int = 1) -> timedelta | None:
        """Return how long after ten somebody's last call began, to within five minutes; None without one."""
        contact = self.world.contacts(batch_id)[position - 1]
        calls = (each for each in self.world.calls(batch_id) if each.contact_id == contact.contact_id)
        begun = [each.started_at for each in calls if each.started_at is not None]
        return round((max(begun) - self.ten) / (5 * MINUTE)) * 5 * MINUTE if begun else None

    async def sleeps(self, batch_id: BatchId) -> None:
        """Return once the first person of a batch sleeps, unless the batch begins later."""
        if self.world.tables.batches[batch_id].scheduled_start is not None:
            return
        await until(lambda: self.world.contacts(batch_id)[0].status is ContactStatus.RETRYING)
        await self.world.listening(self.world.contacts(batch_id)[0])


@pytest.fixture
async def scene(world: World) -> Scene:
    return await Scene.on(world)


def asks_to_be_called_back() -> list[CallStatus | StatusEvent]:
    """Return what is heard of a call whose agent says so."""
    ended = StatusEvent(status=CallStatus.COMPLETED, happened_at=server_time(), disposition=CALL_BACK)
    return [CallStatus.RINGING, CallStatus.IN_PROGRESS, ended]


@pytest.mark.parametrize(
    "field",
    [
        "keep_open",
        "retry_policy",
        "max_retries_override",
        "scheduled_start",
        "scheduled_end",
        "working_hours",
        "working_hours_enforced",
        "timezone",
        "disposition_rules",
    ],
)
async def test_changed_field_of_a_running_batch_moves_who_waits(scene: Scene, field: str) -> None:
    change = changes(scene.ten)[field]

    def hear(_request: CallRequest, call: int) -> Sequence[CallStatus | StatusEvent]:
        if call > 1:
            return ANSWERED
        return asks_to_be_called_back() if field == "disposition_rules" else BUSY

    scene.world.telephone.script = hear
    batch_id = await scene.a_batch(change.rules, [{"phone_number": "+14155550200"}], **change.batch)
    await scene.sleeps(batch_id)

    await scene.change(f"batches/{batch_id}", change.to)
    await scene.end(batch_id)

    [contact] = scene.world.contacts(batch_id)
    assert (scene.last_call(batch_id), contact.status) == (change.last_call, change.ends)


async def test_fields_that_move_nobody_hold_for_the_next_call(scene: Scene) -> None:
    scene.world.telephone.script = lambda _request, call: BUSY if call == 1 else ANSWERED
    batch_id = await scene.a_batch({}, [{"phone_number": "+14155550200"}])
    await scene.sleeps(batch_id)

    for to in (
        {"name": "north side"},
        {"metadata": {"ticket": 118}},
        {"call_context": {"desk": "7"}},
        {"phone_numbers": [OTHER_CALLER_ID]},
        {"phone_number_strategy": "random"},
        {"on_machine": "hang_up"},
        {"concurrency_limit": 3},
    ):
        await scene.change(f"batches/{batch_id}", to)
    await scene.end(batch_id)

    assert scene.last_call(batch_id) == HOUR
    _, last = scene.world.telephone.requests
    assert (last.context, last.from_number, last.on_machine) == (
        {"desk": "7"},
        OTHER_CALLER_ID,
        OnMachine.HANG_UP,
    )


async def test_more_are_called_at_once_when_the_limit_is_raised(scene: Scene) -> None:
    scene.world.telephone.script = lambda _request, _call: (CallStatus.IN_PROGRESS,)
    people = [{"phone_number": f"+1415555021{number}"} for number in range(4)]
    batch_id = await scene.a_batch({}, people, concurrency_limit=1)
    await until(lambda: len(scene.world.telephone.requests) == 1)

    await scene.change(f"batches/{batch_id}", {"concurrency_limit": 3})

    await until(lambda: len(scene.world.telephone.requests) == 3)
    assert len(scene.world.calls(batch_id)) == 3


async def test_change_to_from_number_calls_everybody_by_their_own_clocks(scene: Scene) -> None:
    """One who sleeps until eleven, and three who were never called and may be from half past ten."""
    world, half_past = scene.world, (scene.ten + 30 * MINUTE).isoformat()
    world.telephone.script = lambda request, call: (
        BUSY if (call, request.to_number[-1]) == (1, "0") else ANSWERED
    )
    fresh = ("+14155550121", "+442079460122", "+18005550123")
    people = [
        {"phone_number": "+14155550120"},
        *({"phone_number": each, "not_before": half_past} for each in fresh),
    ]
    batch_id = await scene.a_batch({**enforced("09:00", "18:00"), "fallback_timezone": "Asia/Tokyo"}, people)
    await scene.sleeps(batch_id)

    await scene.change(f"campaigns/{world.tables.batches[batch_id].campaign_id}", {"timezone": "from_number"})
    await world.env.sleep(45 * MINUTE)
    before = [scene.last_call(batch_id, position) for position in (1, 2, 3, 4)]
    await NumberZoneActivities(FakeNumberZoneStore(world.tables), BatchWorkflows(world.client)).learn_all()
    await scene.end(batch_id)

    # Whose zones nobody has learnt are not called, wherever they are.
    assert before == [timedelta(), None, None, None]
    nine_in_california = datetime.combine(scene.ten, time(9), ZoneInfo("America/Los_Angeles")) - scene.ten
    nine_in_tokyo = (
        datetime.combine(scene.ten + timedelta(days=1), time(9), ZoneInfo("Asia/Tokyo")) - scene.ten
    )
    came = [scene.last_call(batch_id, position) for position in (1, 2, 3, 4)]
    assert came == [nine_in_california, nine_in_california, 45 * MINUTE, nine_in_tokyo]
