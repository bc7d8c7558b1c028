"""What clients do to batches: the store decides and keeps it, then the workflow is told."""

from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.ids import batch_id_of
from api.http.notification import tell_engine
from domain.batch import Batch
from domain.lifecycle import Action


async def act_on_batch(parts: ApiDependencies, client: Client, batch: str, action: Action) -> Batch:
    """Pause, resume or cancel a batch and return it as it stands.

    Raises EngineUnavailable before anything is changed, BatchNotFound, IllegalTransition, CampaignPaused.
    """
    batch_id = batch_id_of(batch)
    await parts.engine.ping()
    acted = await parts.batches.act(batch_id, action, parts.clock(), organization_id=client.organization_id)
    # A repeat that changes nothing is told too: it makes good for news that got lost.
    await tell_engine(parts.engine.act(batch_id, action), batch_id=batch_id)
    parts.live_numbers.forget(batch_id)
    return acted


async def dispatch_batch(
    parts: ApiDependencies, client: Client, batch: str, *, start_now: bool
) -> tuple[Batch, int]:
    """Hand a batch to calling again; returns it and the number of its pending contacts.

    Raises EngineUnavailable, BatchNotFound, IllegalTransition.
    """
    batch_id = batch_id_of(batch)
    await parts.engine.ping()
    dispatched, pending = await parts.batches.dispatch(
        client.organization_id, batch_id, parts.clock(), start_now=start_now
    )
    # To be told is all that was asked for, so a failure is said; asking again is safe.
    await parts.engine.dispatch(dispatched)
    parts.live_numbers.forget(batch_id)
    return dispatched, pending
