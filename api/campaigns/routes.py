"""Campaigns over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from api.campaigns.actions import (
    act_on_campaign,
    change_campaign,
    clone_campaign,
    delete_campaign,
    require_application,
)
from api.campaigns.schemas import (
    CampaignActed,
    CampaignChange,
    CampaignClone,
    CampaignCreate,
    CampaignOut,
    CampaignsQuery,
)
from api.campaigns.stats import CampaignStatsOut
from api.http.authentication import Caller
from api.http.dependencies import Dependencies
from api.http.idempotency import IdempotencyKeyHeader, answer_created, keyed, once_only
from api.http.ids import campaign_id_of
from api.http.openapi import (
    ACTS,
    ACTS_AS_ASKED,
    ACTS_ON_BODY,
    CHANGES,
    READS,
    READS_ONE,
    WRITES,
    json_body,
    problems,
)
from api.http.paging import Flag, paging_headers
from api.http.posted import IgnoredBody, Posted, body_of
from api.http.responses import json_answer, json_list
from domain.campaign import Campaign
from domain.lifecycle import Action

router = APIRouter(prefix="/api/v1/campaigns", tags=["campaigns"])

_CAMPAIGNS = TypeAdapter(list[CampaignOut])

AllBatches = Annotated[
    Flag, Query(alias="all", description="Also resume batches that were paused on their own.")
]
CampaignBody = Annotated[Posted[CampaignCreate], Depends(body_of(CampaignCreate))]
CloneBody = Annotated[Posted[CampaignClone], Depends(body_of(CampaignClone))]
ChangeBody = Annotated[Posted[CampaignChange], Depends(body_of(CampaignChange))]


@router.post("", include_in_schema=False)
@router.post(
    "/",
    status_code=201,
    response_model=CampaignOut,
    responses=problems(WRITES),
    openapi_extra=json_body(CampaignCreate),
)
@router.post(
    "/create",
    status_code=201,
    response_model=CampaignOut,
    responses=problems(WRITES),
    openapi_extra=json_body(CampaignCreate),
    summary="Create Campaign (alias)",
)
async def create_campaign(
    caller: Caller, dependencies: Dependencies, posted: CampaignBody, key: IdempotencyKeyHeader = None
) -> Response:
    """Keep a campaign as `draft`; no call is placed."""
    once = await once_only(caller.organization_id, "campaign", key, posted.document)

    async def create() -> str:
        caller.require_own(posted.value.organization_id)
        rules = posted.value.to_domain()
        require_application(dependencies, rules.agent_id)
        return _json(
            await dependencies.campaigns.create(
                caller.organization_id, rules, dependencies.clock(), keyed(once, _json)
            )
        )

    return await answer_created(dependencies, once, create)


def _json(campaign: Campaign) -> str:
    return CampaignOut.of(campaign).model_dump_json()


@router.get("", include_in_schema=False)
@router.get("/", response_model=list[CampaignOut], responses=problems((*READS, 403)))
async def list_campaigns(
    request: Request,
    caller: Caller,
    dependencies: Dependencies,
    query: Annotated[CampaignsQuery, Query()],
) -> Response:
    """List campaigns, newest first."""
    caller.require_own(query.organization_id)
    page = await dependencies.campaigns.list_campaigns(caller.organization_id, query.status, query.window)
    headers = paging_headers(request, query.window, page.total)
    return json_list(_CAMPAIGNS, [CampaignOut.of(each) for each in page.items], headers)


@router.get("/{campaign_id}", response_model=CampaignOut, responses=problems(READS_ONE))
async def get_campaign(caller: Caller, dependencies: Dependencies, campaign_id: str) -> Response:
    """Return one campaign."""
    campaign = await dependencies.campaigns.get(caller.organization_id, campaign_id_of(campaign_id))
    return json_answer(CampaignOut.of(campaign))


@router.patch(
    "/{campaign_id}",
    response_model=CampaignOut,
    responses=problems(CHANGES),
    openapi_extra=json_body(CampaignChange),
)
async def patch_campaign(
    caller: Caller, dependencies: Dependencies, campaign_id: str, posted: ChangeBody
) -> Response:
    """Change a campaign's rules, for every later dial and for contacts that wait already."""
    campaign = await change_campaign(dependencies, caller, campaign_id, posted.value.amend)
    return json_answer(CampaignOut.of(campaign))


@router.post(
    "/{campaign_id}/clone",
    status_code=201,
    response_model=CampaignOut,
    responses=problems(ACTS_ON_BODY),
    openapi_extra=json_body(CampaignClone),
)
async def post_clone(
    caller: Caller,
    dependencies: Dependencies,
    campaign_id: str,
    posted: CloneBody,
    key: IdempotencyKeyHeader = None,
) -> Response:
    """Keep a copy of a campaign as `draft`, with all its rules and none of its batches."""
    document = {"campaign_id": campaign_id, **posted.document}
    once = await once_only(caller.organization_id, "campaign", key, document)

    async def clone() -> str:
        return _json(
            await clone_campaign(dependencies, caller, campaign_id, posted.value.name, keyed(once, _json))
        )

    return await answer_created(dependencies, once, clone)


@router.delete("/{campaign_id}", status_code=204, responses=problems(ACTS), dependencies=[IgnoredBody])
async def remove_campaign(caller: Caller, dependencies: Dependencies, campaign_id: str) -> Response:
    """Soft-delete a finished campaign, with its batches and contacts; its data is kept."""
    await delete_campaign(dependencies, caller, campaign_id)
    return Response(status_code=204)


@router.get("/{campaign_id}/stats", response_model=CampaignStatsOut, responses=problems(READS_ONE))
async def campaign_stats(caller: Caller, dependencies: Dependencies, campaign_id: str) -> Response:
    """Count a campaign's contacts, batches and calls as they are stored."""
    known = campaign_id_of(campaign_id)
    return json_answer(
        CampaignStatsOut.of(known, await dependencies.campaigns.stats(caller.organization_id, known))
    )


@router.post(
    "/{campaign_id}/pause", response_model=CampaignActed, responses=problems(ACTS), dependencies=[IgnoredBody]
)
async def pause_campaign(caller: Caller, dependencies: Dependencies, campaign_id: str) -> Response:
    """Hold a campaign: no batch of it starts a call; live calls finish, waiting contacts are kept."""
    campaign = await act_on_campaign(dependencies, caller, campaign_id, Action.PAUSE)
    return json_answer(CampaignActed.of(campaign, Action.PAUSE))


@router.post(
    "/{campaign_id}/resume",
    response_model=CampaignActed,
    responses=problems(ACTS_AS_ASKED),
    dependencies=[IgnoredBody],
)
async def resume_campaign(
    caller: Caller, dependencies: Dependencies, campaign_id: str, all_batches: AllBatches = False
) -> Response:
    """Let a paused campaign go on, with the batches that were paused with it."""
    campaign = await act_on_campaign(
        dependencies, caller, campaign_id, Action.RESUME, all_batches=all_batches
    )
    return json_answer(CampaignActed.of(campaign, Action.RESUME))


@router.post(
    "/{campaign_id}/cancel",
    response_model=CampaignActed,
    responses=problems(ACTS),
    dependencies=[IgnoredBody],
)
async def cancel_campaign(caller: Caller, dependencies: Dependencies, campaign_id: str) -> Response:
    """Stop a campaign and its unfinished batches for good."""
    campaign = await act_on_campaign(dependencies, caller, campaign_id, Action.CANCEL)
    return json_answer(CampaignActed.of(campaign, Action.CANCEL))
