"""The audit log over HTTP."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from api.audit.schemas import AuditEntryOut, AuditQuery
from api.http.authentication import Caller
from api.http.dependencies import Dependencies
from api.http.ids import could_be_an_id
from api.http.openapi import READS, problems
from api.http.paging import paging_headers
from api.http.responses import json_list
from domain.audit import AuditEntry, AuditFilter
from domain.errors import FieldError, InvalidRequest
from domain.ports import Page

router = APIRouter(prefix="/api/v1/audit-log", tags=["audit log"])

_ALL = TypeAdapter(list[AuditEntryOut])
_NOTHING: Page[AuditEntry] = Page(items=[], total=0)


@router.get("/", include_in_schema=False)
@router.get("", response_model=list[AuditEntryOut], responses=problems((*READS, 403)))
async def list_audit_log(
    request: Request, caller: Caller, dependencies: Dependencies, query: Annotated[AuditQuery, Query()]
) -> Response:
    """List who changed what, newest first: accepted changes over REST, by command or by signal."""
    since = _since(query)
    caller.require_own(query.organization_id)
    page = _NOTHING
    if query.object is None or could_be_an_id(query.object):
        which = AuditFilter(object_id=query.object, actions=query.action, since=since)
        page = await dependencies.audit_log.list_entries(caller.organization_id, which, query.window)
    headers = paging_headers(request, query.window, page.total)
    return json_list(_ALL, [AuditEntryOut.of(each) for each in page.items], headers)


def _since(query: AuditQuery) -> datetime | None:
    try:
        return None if query.since is None else query.since.instant("UTC")
    except ValueError as error:
        raise InvalidRequest([FieldError(("query", "since"), str(error), "datetime")]) from None
