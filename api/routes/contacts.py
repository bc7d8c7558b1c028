"""The people of a batch over HTTP."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from api.dependencies import Caller, Parts
from api.identifiers import batch_id_of, contact_id_of
from api.openapi import READS_ONE, READS_WITHIN, problems
from api.paging import paging_headers
from api.parts import ApiParts
from api.responses import json_answer, json_list
from api.schemas.contacts import ContactOut, ContactWithCalls
from api.schemas.queries import ContactsQuery
from domain.contact import Contact

router = APIRouter(prefix="/api/v1/batches/{batch_id}/contacts", tags=["contacts"])

_PLAIN = TypeAdapter(list[ContactOut])
_WITH_CALLS = TypeAdapter(list[ContactWithCalls])


@router.get("/", include_in_schema=False)
@router.get("", response_model=list[ContactWithCalls | ContactOut], responses=problems(READS_WITHIN))
async def list_contacts(
    request: Request,
    caller: Caller,
    parts: Parts,
    batch_id: str,
    query: Annotated[ContactsQuery, Query()],
) -> Response:
    """List a batch's contacts by position, each with its newest call, or with all of them."""
    batch, _ = await parts.batches.get(caller.organization_id, batch_id_of(batch_id))
    page = await parts.contacts.list_contacts(batch.batch_id, query.status, query.window)
    headers = paging_headers(request, query.window, page.total)
    if query.include_calls:
        return json_list(_WITH_CALLS, await _with_calls(parts, page.items), headers)
    return json_list(_PLAIN, await _with_newest_call(parts, page.items), headers)


@router.get("/{contact_id}", response_model=ContactWithCalls, responses=problems(READS_ONE))
async def get_contact(caller: Caller, parts: Parts, batch_id: str, contact_id: str) -> Response:
    """Return one contact with all its calls."""
    batch, _ = await parts.batches.get(caller.organization_id, batch_id_of(batch_id))
    contact = await parts.contacts.get_contact(batch.batch_id, contact_id_of(contact_id))
    (shown,) = await _with_calls(parts, [contact])
    return json_answer(shown)


async def _with_calls(parts: ApiParts, contacts: Sequence[Contact]) -> list[ContactWithCalls]:
    calls = await parts.contacts.calls_of([each.contact_id for each in contacts])
    return [ContactWithCalls.of_calls(each, calls.get(each.contact_id, ())) for each in contacts]


async def _with_newest_call(parts: ApiParts, contacts: Sequence[Contact]) -> list[ContactOut]:
    calls = await parts.contacts.latest_calls_of([each.contact_id for each in contacts])
    return [ContactOut.of(each, calls.get(each.contact_id)) for each in contacts]
