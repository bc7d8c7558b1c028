"""Batches that are previewed over the API, made of the same body, and run on the clock that skips."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from domain.call import AttemptKind, CallStatus, DialState
from domain.contact import ContactStatus
from domain.forecast.past_calls import FEWEST_CALLS
from domain.identity import BatchId, CampaignId, ContactId, ExecutionId
from tests.api.world import Json, a_batch_body, build_world
from tests.api.world import World as ApiWorld
from tests.builders import a_call_record
from tests.workflows.world import World

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
    """An API over the rows of a world."""

    world: World
    api: ApiWorld
    now: datetime

    @classmethod
    async def on(cls, world: World) -> "Scene":
        api = await build_world(tables=world.tables)
        api.clock.now = await world.env.get_current_time()
        return cls(world, api, api.clock.now)

    async def past(
        self,
        kind: AttemptKind,
        status: CallStatus,
        *,
        calls: int = FEWEST_CALLS,
        lasts: timedelta = timedelta(),
        agreed: timedelta | None = None,
    ) -> None:
        """Let the organization have had calls of a kind that all went alike, two days ago.

        An answered one was talked in for all its time; `agreed` is how long after it a follow-up was to be.
        """
        campaign_id = CampaignId((await self.api.create_campaign())["campaign_id"])
        at = self.now - timedelta(days=2)
        for each in range(calls):
            record = a_call_record(
                execution_id=ExecutionId(f"exec_past_{kind}_{status}_{each}"),
                contact_id=ContactId(f"con_past_{kind}_{status}_{each}"),
                batch_id=BatchId("btc_past"),
                campaign_id=campaign_id,
                to_number=f"+1415999{each:04}",
                kind=kind,
                call_status=status,
                dial_state=DialState.ACCEPTED,
                started_at=at,
                answered_at=at if status is CallStatus.COMPLETED else None,
                ended_at=at + lasts,
            )
            follow_up_at = None if agreed is None else at + lasts + agreed
            self.world.tables.calls[record.execution_id] = replace(record, follow_up_at=follow_up_at)

    async def called(self, number: str, at: datetime) -> None:
        """Let a number have been called."""
        await self.past(FIRST, CallStatus.BUSY)
        record = next(iter(self.world.tables.calls.values()))
        id_ = ExecutionId(f"exec_{number}")
        self.world.tables.calls[id_] = replace(
            record, execution_id=id_, to_number=number, started_at=at, answered_at=None, ended_at=at
        )

    async def tell(self, rules: Json, people: int, **batch: Any) -> Told:
        """Preview a batch, make it of the same body, and let it come to its end."""
        campaign_id = (await self.api.create_campaign(**rules))["campaign_id"]
        numbers = [f"+1415555{each:04}" for each in range(people)]
        body = a_batch_body(campaign_id, [*numbers, *batch.pop("more", ())], **batch)
        previewed = await self.api.client.post("/api/v1/batches/preview", json=body)
        assert previewed.status_code == 200, previewed.text
        made = await self.api.client.post("/api/v1/batches/", json=body)
        batch_id = BatchId(made.json()["batch_id"])
        story = await self.world.start(batch_id)
        status = await story.result()
        described = await story.describe()
        contacts = self.world.contacts(batch_id)
        return Told(
            preview=previewed.json(),
            started_at=described.start_time,
            length=await self.world.length(batch_id),
            status=status,
            skipped=sum(each.status is ContactStatus.SKIPPED for each in contacts),
            calls=len(self.world.calls(batch_id)),
        )
