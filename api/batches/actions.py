"""Actions on batches: the store decides and keeps them, then the workflow is notified."""

from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.ids import batch_id_of
from api.http.notification import signal_workflow
from domain.batch import Batch
from domain.lifecycle import Action


async def act_on_batch(dependencies: ApiDependencies, client: Client, batch: str, action: Action) -> Batch:
    """Pause, resume, cancel or close a batch and return it as it stands.

    Raises EngineUnavailable before anything is changed, BatchNotFound, IllegalTransition, CampaignPaused.
    """
    batch_id = batch_id_of(batch)
    await dependencies.engine.ping()
    acted = await dependencies.batches.act(
        batch_id, action, dependencies.clock(), organization_id=client.organization_id
    )
    # A repetition that changes nothing is sent too: it replaces a signal that got lost.
    await signal_workflow(dependencies.engine.act(batch_id, action), batch_id=batch_id)
    dependencies.live_numbers.forget(batch_id)
    return acted


async def dispatch_batch(
    dependencies: ApiDependencies, client: Client, batch: str, *, start_now: bool
) -> tuple[Batch, int]:
    """Dispatch a batch again; returns it and the number of its pending contacts.

    Raises EngineUnavailable, BatchNotFound, IllegalTransition.
    """
    batch_id = batch_id_of(batch)
    await dependencies.engine.ping()
    dispatched, pending = await dependencies.batches.dispatch(
        client.organization_id, batch_id, dependencies.clock(), start_now=start_now
    )
    # The signal is all that the client asked for, so its failure is an error; a repetition is safe.
    await dependencies.engine.dispatch(dispatched)
    dependencies.live_numbers.forget(batch_id)
    return dispatched, pending
