"""Forecasts against reality: each batch is previewed over the API, made, and run on the clock that skips."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.call import AttemptKind, CallStatus, DialState, StatusEvent
from domain.contact import ContactStatus
from domain.forecast.past_calls import FEWEST_CALLS
from domain.identity import BatchId, CampaignId, ContactId, ExecutionId
from domain.telephony import CallRequest
from tests.api.house import House, Json, a_batch_body, build_house
from tests.builders import a_call_record
from tests.workflows.callee import people_who_talk
from tests.workflows.stage import ANSWERED, BUSY, Stage, server_time

pytestmark = pytest.mark.server

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FIRST, LATER = AttemptKind.INITIAL, (AttemptKind.RETRY, AttemptKind.FOLLOW_UP)
WITHIN = 0.1
"""Of the batch's whole length, between the forecast and what came."""


@dataclass(frozen=True)
class Told:
    """A forecast, and what became of the batch."""

    preview: Json
    started_at: datetime
    length: timedelta
    status: str
    skipped: int
    calls: int

    @property
    def is_true(self) -> bool:
        p50 = datetime.fromisoformat(self.preview["finishes_at"]["p50"])
        return abs(p50 - self.started_at - self.length) <= WITHIN * self.length

    @property
    def skips_expected(self) -> int:
        return sum(self.preview[name] for name in ("invalid", "suppressed", "expired_expected"))


@dataclass(frozen=True)
class Scene:
    """An API over the rows of a stage."""

    stage: Stage
    house: House
    now: datetime

    @classmethod
    async def on(cls, stage: Stage) -> "Scene":
        house = await build_house(tables=stage.tables)
        house.clock.now = await stage.env.get_current_time()
        return cls(stage, house, house.clock.now)

    async def past(self, kind: AttemptKind, status: CallStatus, **call: Any) -> None:
        """Let the organization have had enough calls of a kind that all went alike, two days ago."""
        campaign_id = CampaignId((await self.house.create_campaign())["campaign_id"])
        at = self.now - timedelta(days=2)
        talk = call.pop("talk", timedelta())
        for each in range(FEWEST_CALLS):
            record = a_call_record(
                execution_id=ExecutionId(f"exec_past_{kind}_{each}"),
                contact_id=ContactId(f"con_past_{kind}_{each}"),
                batch_id=BatchId("btc_past"),
                campaign_id=campaign_id,
                to_number=f"+1415999{each:04}",
                kind=kind,
                call_status=status,
                dial_state=DialState.ACCEPTED,
                started_at=at,
                answered_at=at,
                ended_at=at + talk,
            )
            changes = {"follow_up_at": at + talk + call["agreed"]} if "agreed" in call else {}
            self.stage.tables.calls[record.execution_id] = replace(record, **changes)

    async def called(self, number: str, at: datetime) -> None:
        """Let a number have been called."""
        await self.past(FIRST, CallStatus.BUSY)
        record = next(iter(self.stage.tables.calls.values()))
        id_ = ExecutionId(f"exec_{number}")
        self.stage.tables.calls[id_] = replace(
            record, execution_id=id_, to_number=number, started_at=at, answered_at=None, ended_at=at
        )

    async def tell(self, rules: Json, people: int, **batch: Any) -> Told:
        """Preview a batch, make it of the same body, and let it come to its end."""
        campaign_id = (await self.house.create_campaign(**rules))["campaign_id"]
        numbers = [f"+1415555{each:04}" for each in range(people)]
        body = a_batch_body(campaign_id, [*numbers, *batch.pop("more", ())], **batch)
        previewed = await self.house.client.post("/api/v1/batches/preview", json=body)
        assert previewed.status_code == 200, previewed.text
        made = await self.house.client.post("/api/v1/batches/", json=body)
        batch_id = BatchId(made.json()["batch_id"])
        story = await self.stage.start(batch_id)
        status = await story.result()
        described = await story.describe()
        contacts = self.stage.contacts(batch_id)
        return Told(
            preview=previewed.json(),
            started_at=described.start_time,
            length=await self.stage.length(batch_id),
            status=status,
            skipped=sum(each.status is ContactStatus.SKIPPED for each in contacts),
            calls=len(self.stage.calls(batch_id)),
        )


@pytest.fixture
async def scene(stage: Stage) -> Scene:
    return await Scene.on(stage)


def as_in_the_past(story: Told) -> None:
    """Check what every forecast is held to."""
    assert story.is_true, (story.preview["finishes_at"], story.started_at, story.length)
    assert (story.skips_expected, story.preview["calls_expected"]) == (story.skipped, story.calls)


async def test_forecast_keeps_the_hours_that_reality_keeps(scene: Scene) -> None:
    await scene.past(FIRST, CallStatus.BUSY)
    for kind in LATER:
        await scene.past(kind, CallStatus.COMPLETED)
    scene.stage.telephone.script = lambda _request, call: BUSY if call == 1 else ANSWERED
    closes_at = scene.now + 10 * MINUTE
    window = {"start": f"{scene.now - 2 * HOUR:%H:%M}", "end": f"{closes_at:%H:%M}"}
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

    story = await scene.tell(
        {"working_hours_enforced": True, "timezone": "UTC", "working_hours": dict.fromkeys(days, window)}, 8
    )

    as_in_the_past(story)
    assert (story.status, story.calls) == ("completed", 16)
    assert 20 * HOUR < story.length < 24 * HOUR


async def test_forecast_redials_as_reality_does(scene: Scene) -> None:
    for kind in (FIRST, *LATER):
        await scene.past(kind, CallStatus.BUSY)
    scene.stage.telephone.script = lambda _request, _call: BUSY
    growing = {"max_retries": 3, "strategy": "exponential", "cooldown_minutes": 10}

    story = await scene.tell({"retry_policy": growing}, 6)

    as_in_the_past(story)
    assert (story.status, story.calls) == ("completed", 24)
    assert 70 * MINUTE <= story.length < 75 * MINUTE


async def test_forecast_keeps_the_limits_that_reality_keeps(scene: Scene) -> None:
    talk = timedelta(seconds=20)  # no longer than a call may be silent without being asked about
    await scene.past(FIRST, CallStatus.COMPLETED, talk=talk)

    async with people_who_talk(scene.stage, talk):
        story = await scene.tell({"metadata": {"concurrency_limit": 3}}, 12, concurrency_limit=4)

    as_in_the_past(story)
    assert (story.status, story.calls) == ("completed", 12)
    assert 4 * talk <= story.length < 5 * talk


async def test_forecast_caps_and_skips_whom_reality_caps_and_skips(scene: Scene) -> None:
    await scene.past(FIRST, CallStatus.COMPLETED)
    scene.stage.telephone.script = lambda _request, _call: ANSWERED
    for each, hours in enumerate((22, 22, 6, 6, 6)):
        await scene.called(f"+1415555{each:04}", scene.now - hours * HOUR)
    (await scene.house.client.post("/api/v1/suppressions", json={"phone_number": "+14155550008"})).json()

    story = await scene.tell(
        {"frequency_caps": [{"max_calls": 1, "hours": 24}]},
        9,
        more=["12"],
        on_invalid="skip",
        scheduled_end=(scene.now + 12 * HOUR).isoformat(),
    )

    as_in_the_past(story)
    counted = [story.preview[name] for name in ("invalid", "suppressed", "capped", "expired_expected")]
    assert counted == [1, 1, 5, 3]
    assert (story.status, story.calls, story.skipped) == ("expired", 5, 5)


async def test_forecast_follows_up_as_reality_does(scene: Scene) -> None:
    await scene.past(FIRST, CallStatus.COMPLETED, agreed=2 * HOUR)
    await scene.past(AttemptKind.FOLLOW_UP, CallStatus.COMPLETED)

    def agrees(_request: CallRequest, call: int) -> list[CallStatus | StatusEvent]:
        ended = StatusEvent(status=CallStatus.COMPLETED, happened_at=server_time())
        agreed_at = server_time() + 2 * HOUR if call == 1 else None
        return [CallStatus.RINGING, replace(ended, follow_up_at=agreed_at)]

    scene.stage.telephone.script = agrees

    story = await scene.tell({"max_follow_ups": 1}, 6)

    as_in_the_past(story)
    assert (story.status, story.calls) == ("completed", 12)
    assert 2 * HOUR <= story.length < 2 * HOUR + 5 * MINUTE
