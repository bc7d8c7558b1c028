"""Contacts over HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from api.contacts.actions import ContactActions
from api.contacts.schemas import (
    ContactOut,
    ContactSkipped,
    ContactsQuery,
    ContactWithCalls,
    FollowUpRequest,
    FollowUpScheduled,
)
from api.http.authentication import Caller
from api.http.dependencies import ApiDependencies, Dependencies
from api.http.ids import batch_id_of, contact_id_of
from api.http.openapi import ACTS, ACTS_ON_BODY, READS_ONE, READS_WITHIN, json_body, problems
from api.http.paging import paging_headers
from api.http.posted import IgnoredBody, Posted, body_of
from api.http.responses import json_answer, json_pieces
from domain.batch import Batch, calling_hours_in_force, timezone_in_force
from domain.campaign import Campaign
from domain.contact import WAITING, Contact
from domain.frequency import CapsAt
from domain.identity import ContactId
from domain.working_hours import closed_presets

router = APIRouter(prefix="/api/v1/batches/{batch_id}/contacts", tags=["contacts"])

_PLAIN = TypeAdapter(list[ContactOut])
_WITH_CALLS = TypeAdapter(list[ContactWithCalls])

FollowUpBody = Annotated[Posted[FollowUpRequest], Depends(body_of(FollowUpRequest))]


@router.get("/", include_in_schema=False)
@router.get("", response_model=list[ContactWithCalls | ContactOut], responses=problems(READS_WITHIN))
async def list_contacts(
    request: Request,
    caller: Caller,
    dependencies: Dependencies,
    batch_id: str,
    query: Annotated[ContactsQuery, Query()],
) -> Response:
    """List a batch's contacts by position, each with its newest call, or with all of them."""
    batch, campaign = await dependencies.batches.get_uncounted(caller.organization_id, batch_id_of(batch_id))
    page = await dependencies.contacts.list_contacts(
        batch.batch_id, query.status, query.window, query.reported
    )
    headers = paging_headers(request, query.window, page.total)
    written = _written_with_calls if query.include_calls else _written_with_newest_call
    return await json_pieces(page.items, partial(written, _Shown(dependencies, batch, campaign)), headers)


@router.get("/{contact_id}", response_model=ContactWithCalls, responses=problems(READS_ONE))
async def get_contact(caller: Caller, dependencies: Dependencies, batch_id: str, contact_id: str) -> Response:
    """Return one contact with all its calls."""
    batch, campaign = await dependencies.batches.get_uncounted(caller.organization_id, batch_id_of(batch_id))
    contact = await dependencies.contacts.get_contact(batch.batch_id, contact_id_of(contact_id))
    (shown,) = await _with_calls(_Shown(dependencies, batch, campaign), [contact])
    return json_answer(shown)


@router.post(
    "/{contact_id}/skip", response_model=ContactSkipped, responses=problems(ACTS), dependencies=[IgnoredBody]
)
async def skip_contact(
    caller: Caller, dependencies: Dependencies, batch_id: str, contact_id: str
) -> Response:
    """Skip a waiting contact: it is not called (again)."""
    contact = await ContactActions(dependencies, caller, batch_id, contact_id).skip()
    return json_answer(
        ContactSkipped(
            batch_id=contact.batch_id,
            contact_id=contact.contact_id,
            status=contact.status,
            skip_reason=contact.skip_reason,
        )
    )


@router.post(
    "/{contact_id}/follow-up",
    response_model=FollowUpScheduled,
    responses=problems(ACTS_ON_BODY),
    openapi_extra=json_body(FollowUpRequest),
)
async def schedule_follow_up(
    caller: Caller, dependencies: Dependencies, batch_id: str, contact_id: str, posted: FollowUpBody
) -> Response:
    """Have a completed contact called again at an agreed time, or at the next opening of its window."""
    actions = ContactActions(dependencies, caller, batch_id, contact_id)
    contact, due_at = await actions.schedule_follow_up(posted.value.at)
    return json_answer(
        FollowUpScheduled(
            batch_id=contact.batch_id,
            contact_id=contact.contact_id,
            status=contact.status,
            follow_up_at=due_at,
        )
    )


@dataclass(frozen=True)
class _Shown:
    """What contacts of one batch are shown with."""

    dependencies: ApiDependencies
    batch: Batch
    campaign: Campaign

    async def held_by(self, contacts: Sequence[Contact]) -> Mapping[ContactId, Sequence[str]]:
        """Return the presets by which contacts that wait may not be called now, by hours and by caps."""
        rules, now = self.campaign.rules, self.dependencies.clock()
        waiting = [each for each in contacts if each.status in WAITING] if rules.presets else []
        if not waiting:
            return {}
        caps = CapsAt(tuple(cap for cap in rules.caps_in_force if cap.preset is not None), now)
        capped = await self.dependencies.contacts.capped([each.contact_id for each in waiting], caps)
        closed: dict[str | None, Sequence[str]] = {}
        held = {}
        for each in waiting:
            zone = each.zone_under(timezone_in_force(self.batch.overrides, rules))
            if zone not in closed:
                hours = calling_hours_in_force(self.batch.overrides, rules, zone)
                closed[zone] = closed_presets(hours, now)
            names = {*closed[zone], *capped.get(each.contact_id, ())}
            held[each.contact_id] = [name for name in rules.presets if name in names]
        return held


async def _written_with_calls(shown: _Shown, contacts: Sequence[Contact]) -> bytes:
    return _WITH_CALLS.dump_json(await _with_calls(shown, contacts))


async def _written_with_newest_call(shown: _Shown, contacts: Sequence[Contact]) -> bytes:
    return _PLAIN.dump_json(await _with_newest_call(shown, contacts))


async def _with_calls(shown: _Shown, contacts: Sequence[Contact]) -> list[ContactWithCalls]:
    calls = await shown.dependencies.contacts.calls_of([each.contact_id for each in contacts])
    held_by = await shown.held_by(contacts)
    return [
        ContactWithCalls.of_calls(
            each,
            calls.get(each.contact_id, ()),
            shown.batch,
            shown.campaign,
            held_by=held_by.get(each.contact_id, ()),
        )
        for each in contacts
    ]


async def _with_newest_call(shown: _Shown, contacts: Sequence[Contact]) -> list[ContactOut]:
    calls = await shown.dependencies.contacts.latest_calls_of([each.contact_id for each in contacts])
    held_by = await shown.held_by(contacts)
    return [
        ContactOut.of(
            each,
            calls.get(each.contact_id),
            shown.batch,
            shown.campaign,
            held_by=held_by.get(each.contact_id, ()),
        )
        for each in contacts
    ]
