"""Batches over HTTP."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from api.batches.actions import act_on_batch, dispatch_batch
from api.batches.appending import ContactsAppending
from api.batches.changes import BatchChange, change_batch
from api.batches.counters import CounterSource, live_counters
from api.batches.creation import BatchCreation
from api.batches.preview import BatchPreview
from api.batches.previewing import BatchPreviewing
from api.batches.requeueing import BatchRequeue, BatchRequeueing
from api.batches.schemas import (
    BatchActed,
    BatchCreate,
    BatchCreated,
    BatchDispatched,
    BatchesOfCampaignQuery,
    BatchesQuery,
    BatchForm,
    BatchOut,
    ContactsAppend,
    ContactsAppended,
    ContactsForm,
    ContactsHead,
)
from api.batches.upload import (
    STRUCTURES,
    AppendBody,
    AppendBodyOrFile,
    BatchUpload,
    ContactsUpload,
    UploadBody,
    UploadBodyOrFile,
)
from api.http.authentication import Caller, Client, Watcher
from api.http.dependencies import ApiDependencies, Dependencies, Metrics
from api.http.idempotency import IdempotencyKeyHeader, answer_created, once_only
from api.http.ids import batch_id_of, campaign_id_of
from api.http.middleware import HELD
from api.http.openapi import (
    ACTS,
    ACTS_AS_ASKED,
    ACTS_ON_BODY,
    READS,
    READS_ONE,
    READS_WITHIN,
    WRITES,
    Described,
    json_body,
    json_or_form_body,
    problems,
)
from api.http.paging import Flag, paging_headers
from api.http.posted import IgnoredBody, Posted, body_of
from api.http.responses import json_answer, json_list
from api.http.uploads import Places
from domain.errors import CampaignNotFound
from domain.lifecycle import Action

router = APIRouter(prefix="/api/v1/batches", tags=["batches"])
of_campaign = APIRouter(prefix="/api/v1/campaigns", tags=["campaigns"])

_BATCHES = TypeAdapter(list[BatchOut])
ChangeBody = Annotated[Posted[BatchChange], Depends(body_of(BatchChange))]
RequeueBody = Annotated[Posted[BatchRequeue], Depends(body_of(BatchRequeue))]
StartNow = Annotated[
    Flag, Query(alias="now", description="Start a batch whose `scheduled_start` lies ahead.")
]
_SOURCE_HEADER: dict[int | str, Described] = {
    200: {
        "headers": {
            "X-Counters-Source": {
                "description": "Where the counters come from.",
                "schema": {"type": "string", "enum": list(CounterSource)},
            }
        }
    }
}


@router.post("", include_in_schema=False)
@router.post(
    "/",
    status_code=201,
    response_model=BatchCreated,
    responses=problems(WRITES),
    openapi_extra=json_body(BatchCreate),
)
async def create_batch(
    caller: Caller, dependencies: Dependencies, posted: UploadBody, key: IdempotencyKeyHeader = None
) -> Response:
    """Keep an upload of contacts and start calling, at once or at `scheduled_start`.

    Send an `Idempotency-Key`: a request that is cut may have made its batch, and only its repetition with the
    key is certain to make no second one. Without a key, look for it in the list, newest first.
    """
    return await _create(caller, dependencies, posted, key)


@router.post(
    "/upload",
    status_code=201,
    response_model=BatchCreated,
    responses=problems(WRITES),
    openapi_extra=json_or_form_body(BatchCreate, BatchForm, STRUCTURES),
)
async def upload_batch(
    caller: Caller, dependencies: Dependencies, posted: UploadBodyOrFile, key: IdempotencyKeyHeader = None
) -> Response:
    """Do the same as `POST /batches/`, or read the contacts from a CSV file in a form."""
    return await _create(caller, dependencies, posted, key)


async def _create(
    caller: Client, dependencies: ApiDependencies, posted: Posted[BatchUpload], key: str | None
) -> Response:
    once = await once_only(caller.organization_id, "batch", key, posted.document)
    creation = BatchCreation(dependencies, caller, posted.value, once)
    return await answer_created(dependencies, once, lambda: creation.run(dependencies.clock()))


@router.post(
    "/preview",
    response_model=BatchPreview,
    responses=problems(WRITES),
    openapi_extra=json_or_form_body(BatchCreate, BatchForm, STRUCTURES),
)
async def preview_batch(
    request: Request, caller: Caller, dependencies: Dependencies, posted: UploadBodyOrFile
) -> Response:
    """Forecast what an upload would come to: who is skipped, when it begins and is done, how many calls.

    Body and errors are those of a create; nothing is stored, and no `Idempotency-Key` is needed.
    """
    places: Places = request.app.state.forecast_places
    previewing = BatchPreviewing(dependencies, caller, posted.value, places)
    return json_answer(await previewing.run(dependencies.clock(), request.scope[HELD]))


@router.get("", include_in_schema=False)
@router.get("/", response_model=list[BatchOut], responses=problems((*READS, 403)))
async def list_batches(
    request: Request,
    caller: Caller,
    dependencies: Dependencies,
    query: Annotated[BatchesQuery, Query()],
) -> Response:
    """List batches, newest first, with counters from the stored contacts."""
    caller.require_own(query.organization_id)
    try:
        campaign = None if query.campaign_id is None else campaign_id_of(query.campaign_id)
    except CampaignNotFound:
        return json_list(_BATCHES, [], paging_headers(request, query.window, 0))
    page = await dependencies.batches.list_batches(
        caller.organization_id, campaign_id=campaign, statuses=query.status, window=query.window
    )
    headers = paging_headers(request, query.window, page.total)
    return json_list(_BATCHES, [BatchOut.of(*each) for each in page.items], headers)


@router.get("/{batch_id}", response_model=BatchOut, responses={**problems(READS_ONE), **_SOURCE_HEADER})
async def get_batch(
    watcher: Watcher, dependencies: Dependencies, metrics: Metrics, batch_id: str
) -> Response:
    """Return one batch, its counters live where its workflow answers."""
    key = (watcher.organization_id, batch_id_of(batch_id))
    batch, campaign = await dependencies.watched_batches.ask(
        key, partial(dependencies.batches.get_uncounted, *key)
    )
    counters, source = await live_counters(dependencies, metrics, batch)
    return json_answer(BatchOut.of(batch, campaign, counters), {"X-Counters-Source": source})


@router.patch(
    "/{batch_id}",
    response_model=BatchOut,
    responses=problems(ACTS_ON_BODY),
    openapi_extra=json_body(BatchChange),
)
async def patch_batch(
    caller: Caller, dependencies: Dependencies, batch_id: str, posted: ChangeBody
) -> Response:
    """Change a batch, for every later dial and for contacts that wait already."""
    batch, campaign = await change_batch(dependencies, caller, batch_id, posted.value)
    return json_answer(BatchOut.of(batch, campaign))


@router.delete("/{batch_id}", status_code=204, responses=problems(ACTS), dependencies=[IgnoredBody])
async def remove_batch(caller: Caller, dependencies: Dependencies, batch_id: str) -> Response:
    """Soft-delete a batch that is over, with its contacts; its data is kept, and counts no more."""
    known = batch_id_of(batch_id)
    await dependencies.batches.delete(caller.organization_id, known, dependencies.clock())
    dependencies.live_numbers.forget(known)
    return Response(status_code=204)


@router.post(
    "/{batch_id}/pause", response_model=BatchActed, responses=problems(ACTS), dependencies=[IgnoredBody]
)
async def pause_batch(caller: Caller, dependencies: Dependencies, batch_id: str) -> Response:
    """Hold a batch: no dial begins after the answer; live calls finish, waiting contacts are kept."""
    batch = await act_on_batch(dependencies, caller, batch_id, Action.PAUSE)
    return json_answer(BatchActed.of(batch, Action.PAUSE))


@router.post(
    "/{batch_id}/resume", response_model=BatchActed, responses=problems(ACTS), dependencies=[IgnoredBody]
)
async def resume_batch(caller: Caller, dependencies: Dependencies, batch_id: str) -> Response:
    """Let a paused batch go on; it is `pending` while its `scheduled_start` lies ahead."""
    batch = await act_on_batch(dependencies, caller, batch_id, Action.RESUME)
    return json_answer(BatchActed.of(batch, Action.RESUME))


@router.post(
    "/{batch_id}/cancel", response_model=BatchActed, responses=problems(ACTS), dependencies=[IgnoredBody]
)
async def cancel_batch(caller: Caller, dependencies: Dependencies, batch_id: str) -> Response:
    """Stop a batch for good and skip every contact that was not called."""
    batch = await act_on_batch(dependencies, caller, batch_id, Action.CANCEL)
    return json_answer(BatchActed.of(batch, Action.CANCEL))


@router.post(
    "/{batch_id}/close", response_model=BatchActed, responses=problems(ACTS), dependencies=[IgnoredBody]
)
async def close_batch(caller: Caller, dependencies: Dependencies, batch_id: str) -> Response:
    """Let a batch that is kept open complete once everybody is done, at once if everybody is."""
    batch = await act_on_batch(dependencies, caller, batch_id, Action.CLOSE)
    return json_answer(BatchActed.of(batch, Action.CLOSE))


@router.post(
    "/{batch_id}/dispatch",
    response_model=BatchDispatched,
    responses=problems(ACTS_AS_ASKED),
    dependencies=[IgnoredBody],
)
async def dispatch(
    caller: Caller, dependencies: Dependencies, batch_id: str, start_now: StartNow = False
) -> Response:
    """Dispatch every pending contact again; no contact is called twice because of it."""
    batch, pending = await dispatch_batch(dependencies, caller, batch_id, start_now=start_now)
    return json_answer(
        BatchDispatched(batch_id=batch.batch_id, status=batch.status, dispatched_count=pending)
    )


@router.post(
    "/{batch_id}/requeue",
    status_code=201,
    response_model=BatchOut,
    responses=problems(WRITES),
    openapi_extra=json_body(BatchRequeue),
)
async def requeue_batch(
    caller: Caller,
    dependencies: Dependencies,
    batch_id: str,
    posted: RequeueBody,
    key: IdempotencyKeyHeader = None,
) -> Response:
    """Call contacts of a batch that are over again, in a new batch of the same campaign."""
    document = {"parent_batch_id": batch_id, **posted.document}
    once = await once_only(caller.organization_id, "batch", key, document)
    requeueing = BatchRequeueing(dependencies, caller, batch_id, posted.value, once)
    return await answer_created(dependencies, once, lambda: requeueing.run(dependencies.clock()))


@router.post("/{batch_id}/contacts/", include_in_schema=False)
@router.post(
    "/{batch_id}/contacts",
    status_code=201,
    response_model=ContactsAppended,
    responses=problems(ACTS_ON_BODY),
    openapi_extra=json_body(ContactsAppend),
)
async def append_contacts(
    caller: Caller,
    dependencies: Dependencies,
    batch_id: str,
    posted: AppendBody,
    key: IdempotencyKeyHeader = None,
) -> Response:
    """Add contacts to a batch that is not over; numbers that it has already are duplicates."""
    return await _append(caller, dependencies, batch_id, posted, key)


@router.post(
    "/{batch_id}/contacts/upload",
    status_code=201,
    response_model=ContactsAppended,
    responses=problems(ACTS_ON_BODY),
    openapi_extra=json_or_form_body(ContactsAppend, ContactsForm, ()),
)
async def upload_contacts(
    caller: Caller,
    dependencies: Dependencies,
    batch_id: str,
    posted: AppendBodyOrFile,
    key: IdempotencyKeyHeader = None,
) -> Response:
    """Do the same, or read the contacts from a CSV file in a form."""
    return await _append(caller, dependencies, batch_id, posted, key)


async def _append(
    caller: Client,
    dependencies: ApiDependencies,
    batch_id: str,
    posted: Posted[ContactsUpload[ContactsHead]],
    key: str | None,
) -> Response:
    once = await once_only(caller.organization_id, "contacts", key, {"batch_id": batch_id, **posted.document})
    appending = ContactsAppending(dependencies, caller, batch_id, posted.value, once)
    return await answer_created(dependencies, once, lambda: appending.run(dependencies.clock()))


@of_campaign.get("/{campaign_id}/batches/", include_in_schema=False)
@of_campaign.get("/{campaign_id}/batches", response_model=list[BatchOut], responses=problems(READS_WITHIN))
async def list_batches_of_campaign(
    request: Request,
    caller: Caller,
    dependencies: Dependencies,
    campaign_id: str,
    query: Annotated[BatchesOfCampaignQuery, Query()],
) -> Response:
    """List a campaign's batches, newest first, with counters from the stored contacts."""
    campaign = await dependencies.campaigns.get(caller.organization_id, campaign_id_of(campaign_id))
    page = await dependencies.batches.list_batches(
        caller.organization_id, campaign_id=campaign.campaign_id, statuses=query.status, window=query.window
    )
    headers = paging_headers(request, query.window, page.total)
    return json_list(_BATCHES, [BatchOut.of(*each) for each in page.items], headers)
