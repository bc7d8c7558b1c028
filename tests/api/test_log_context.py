"""Whatever is logged during a request says which request, whose, and about which batch."""

from dataclasses import dataclass, field, replace

import structlog

from api.assembly import install
from domain.batch import Batch
from tests import fakes
from tests.api.world import World


@dataclass
class ListeningEngine(fakes.FakeEngine):
    """Keeps what a line would carry when it is told of a batch."""

    heard: list[dict[str, object]] = field(default_factory=list)

    async def dispatch(self, batch: Batch) -> None:
        """Take note of what is bound."""
        self.heard.append(dict(structlog.contextvars.get_contextvars()))
        await super().dispatch(batch)


async def test_ids_are_bound_for_one_request_each(world: World) -> None:
    scene = await world.create_campaign()
    created = await world.create_batch(scene["campaign_id"])
    engine = ListeningEngine()
    install(world.app, replace(world.parts, engine=engine))

    for _ in range(2):
        await world.client.post(f"/api/v1/batches/{created['batch_id']}/dispatch")
    await world.client.post("/api/v1/batches/+14155550123/dispatch")

    first, second = engine.heard
    assert first["batch_id"] == second["batch_id"] == created["batch_id"]
    assert first["organization_id"] == "org_demo"
    assert first["request_id"] != second["request_id"]
    assert "request_id" not in structlog.contextvars.get_contextvars()
