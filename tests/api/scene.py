"""A running campaign with a batch of three people, and everything that can be done to them."""

from dataclasses import dataclass, replace
from typing import Any

import httpx

from domain.batch import BatchStatus, PausedBy
from domain.call import AttemptKind, CallStatus, StatusEvent
from domain.contact import ContactStatus
from domain.identity import BatchId, CampaignId, ContactId
from tests.api.world import World

NUMBERS = ("+14155550123", "+14155550124", "+14155550125")


@dataclass(frozen=True)
class Scene:
    """One campaign, its batch, a contact that waits and one that was called and answered."""

    world: World
    campaign_id: CampaignId
    batch_id: BatchId
    waiting: ContactId
    answered: ContactId

    async def post(self, path: str, **request: Any) -> httpx.Response:
        """Post to a path such as `batches/{batch_id}/pause`; a follow-up gets a body."""
        if path.endswith("/follow-up") and not request.keys() & {"json", "content"}:
            request["json"] = {"at": "2026-09-05T16:00:00Z"}
        names = {
            "campaign_id": self.campaign_id,
            "batch_id": self.batch_id,
            "waiting": self.waiting,
            "answered": self.answered,
        }
        return await self.world.client.post(f"/api/v1/{path.format(**names)}", **request)

    def rows(self) -> tuple[object, ...]:
        """Return everything that is stored."""
        tables = self.world.tables
        return dict(tables.campaigns), dict(tables.batches), dict(tables.contacts), dict(tables.calls)

    def move_batch(self, status: BatchStatus) -> None:
        """Put the batch into a status; pending waits for a start ahead, paused was paused by itself."""
        batch = self.world.tables.batches[self.batch_id]
        self.world.tables.batches[self.batch_id] = replace(
            batch, status=status, paused_by=PausedBy.BATCH if status is BatchStatus.PAUSED else None
        )

    def move_contact(self, contact_id: ContactId, status: ContactStatus) -> None:
        """Put a contact into a status."""
        contact = self.world.tables.contacts[contact_id]
        self.world.tables.contacts[contact_id] = replace(contact, status=status)


async def a_scene(world: World, *, campaign: dict[str, Any] | None = None, **batch: Any) -> Scene:
    """Arrange the scene; fields go to the campaign and to the batch."""
    created = await world.create_campaign(**(campaign or {}))
    batch_id = BatchId((await world.create_batch(created["campaign_id"], NUMBERS, **batch))["batch_id"])
    answered, waiting, _ = world.tables.contacts_of(batch_id)
    scene = Scene(
        world, CampaignId(created["campaign_id"]), batch_id, waiting.contact_id, answered.contact_id
    )
    began_as = world.tables.batches[batch_id].status
    scene.move_batch(BatchStatus.IN_PROGRESS)
    call = await world.dial(answered.contact_id, 1, AttemptKind.INITIAL)
    ended = StatusEvent(status=CallStatus.COMPLETED, happened_at=world.clock())
    await world.calls.record_event(call.execution_id, ended, event_key="1", body=None)
    scene.move_contact(answered.contact_id, ContactStatus.COMPLETED)
    scene.move_batch(began_as)
    return scene
