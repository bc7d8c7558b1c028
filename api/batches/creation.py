"""Making a batch of an upload.

Until the commit every trouble is an answer, and nothing is stored. From the commit on the batch lives: what
fails then is repaired by the housekeeping, and the answer is 201 all the same.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from anyio import move_on_after

from api.batches.planning import plan_batch
from api.batches.schemas import BatchCreated
from api.batches.upload import BatchUpload
from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.idempotency import OnceOnly, keyed
from domain.batch import Batch
from domain.campaign import Campaign

_log = structlog.get_logger()

START_SECONDS = 5
"""How long the answer may wait for the start of what is stored."""


@dataclass(frozen=True)
class BatchCreation:
    """One upload of one client."""

    dependencies: ApiDependencies
    client: Client
    upload: BatchUpload
    once: OnceOnly | None
    """Set when the request may be repeated."""

    async def run(self, now: datetime) -> str:
        """Store the batch and start its workflow; returns the JSON text of the answer.

        Raises InvalidRequest, ForeignOrganization, CampaignNotFound, CampaignClosed, EngineUnavailable,
        StoreUnavailable, IdempotencyKeyBusy, IdempotencyKeyUsed; nothing is left behind then.
        """
        plan = await plan_batch(self.dependencies, self.client, self.upload, now)
        await self.dependencies.engine.ping()
        answer = partial(self._answer, plan.campaign)
        batch = await self.dependencies.batches.create(
            plan.new, await plan.contacts(), now, keyed(self.once, answer)
        )
        await start_batch(self.dependencies, batch, now)
        return answer(batch)

    def _answer(self, campaign: Campaign, batch: Batch) -> str:
        return BatchCreated.of_import(batch, campaign, self.upload.report).model_dump_json()


async def start_batch(dependencies: ApiDependencies, batch: Batch, now: datetime) -> None:
    """Start the workflow of a stored batch, or leave that to the housekeeping; the batch lives either way."""
    with move_on_after(START_SECONDS) as patience:
        try:
            await dependencies.engine.start_batch(batch)
            await dependencies.batches.mark_started(batch.batch_id, now)
        except Exception as failure:  # noqa: BLE001 - an error would say that there is no batch
            _log_late_start(batch, type(failure).__qualname__)
    if patience.cancelled_caught:
        _log_late_start(batch, "timeout")


def _log_late_start(batch: Batch, failure: str) -> None:
    _log.warning(
        "batch not started by its request; it is started later", batch_id=batch.batch_id, failure=failure
    )
