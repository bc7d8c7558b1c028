"""One batch: how far it is, why it is not further, and what can be done about it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from starlette.responses import Response, StreamingResponse

from web.api_client import JsonObject, all_or_none
from web.charts import STATUSES, calls_by_minute, columns, per_minute, share_bar, top
from web.lists import ENDS, NOT_REACHED
from web.visit import Visit, Web, acting, signed_in

DEBUG_SECONDS = 4.0
ACTIVITY_SECONDS = 4.0
CONTACTS = 50
OVER = ("completed", "cancelled", "expired")
UNFINISHED = ("pending", "dispatched", "in_flight", "retrying", "followup_scheduled")
CONTACT_STATUSES = tuple("in_progress" if name == "in_flight" else name for name in STATUSES)


@dataclass(frozen=True)
class Act:
    """Something that can be done to a batch: a form's address and its button."""

    path: str
    text: str


CLOSE = Act("close", "Close when all are done")
RESUME, START, DISPATCH = Act("resume", "Resume"), Act("start", "Start now"), Act("dispatch", "Dispatch")
REMEDIES = {
    "paused": RESUME,
    "scheduled": START,
    "workflow_missing": DISPATCH,
    "worker_down": DISPATCH,
    "stalled": DISPATCH,
}
"""What a diagnosis' tip asks for, where it is something that a button can do."""
_ACTS = {
    "pending": (START, Act("pause", "Pause")),
    "in_progress": (Act("pause", "Pause"), DISPATCH),
    "paused": (RESUME,),
}


_VERBS: dict[str, tuple[str, dict[str, str]]] = {
    **{verb: (verb, {}) for verb in ("pause", "resume", "cancel", "dispatch", "close")},
    "start": ("dispatch", {"now": "true"}),
}


@signed_in
async def batch(visit: Visit) -> Response:
    """Show a batch."""
    batch_id = visit.path_params["batch_id"]
    found = await visit.api.one("batches", batch_id)
    debug, activity, campaign = await all_or_none(
        visit.api.recent("batches", batch_id, "debug", seconds=DEBUG_SECONDS),
        visit.api.recent("batches", batch_id, "activity", seconds=ACTIVITY_SECONDS),
        visit.api.one("campaigns", found["campaign_id"]),
    )
    return visit.show(
        "batch.html",
        batch=found,
        campaign=campaign,
        debug=debug,
        pieces=share_bar(found["counters"]),
        acts=(*_ACTS.get(found["status"], ()), *((CLOSE,) if found["keep_open"] else ())),
        is_over=found["status"] in OVER,
        ends=ENDS,
        not_reached=NOT_REACHED,
        key=uuid4().hex,
        remedy=debug and remedy_for(found, debug),
        temporal_url=_temporal_url(visit.web, debug),
        **_progress(found, activity),
    )


def _progress(found: JsonObject, activity: JsonObject | None) -> dict[str, Any]:
    """Return counts, pace and what is to be drawn."""
    now = datetime.now(UTC)
    minutes = calls_by_minute(now, (activity or {}).get("calls_by_minute", []))
    left = sum(found["counters"][name] for name in UNFINISHED)
    pace = per_minute(minutes, now) if found["status"] == "in_progress" else None
    return {
        "left": left,
        "done": found["total_contacts"] - left,
        "pace": pace,
        "seconds_left": 60 * left / pace if pace else None,
        "live": found["counters"]["dispatched"] + found["counters"]["in_flight"],
        "minutes": minutes,
        "columns": columns(minutes),
        "top": top(minutes),
        "hours": sorted((activity or {}).get("calls_by_hour", {}).items()),
        "newest": (activity or {}).get("newest_calls", []),
        "calls_are_known": activity is not None,
    }


def remedy_for(found: JsonObject, debug: JsonObject) -> Act | None:
    """Return what the tip asks for, where a button of the batch can do it."""
    if debug["diagnosis"] == "paused" and found["paused_by"] == "campaign":
        return None
    return REMEDIES.get(debug["diagnosis"])


def _temporal_url(web: Web, debug: JsonObject | None) -> str | None:
    """Return where the workflow is in Temporal's Web UI."""
    workflow = (debug or {}).get("workflow") or {}
    if web.temporal_ui_url is None or "id" not in workflow:
        return None
    steps = ("namespaces", web.temporal_namespace, "workflows", workflow["id"], workflow.get("run_id"))
    return "/".join([web.temporal_ui_url, *(quote(step, safe="") for step in steps if step)])


@signed_in
async def contacts(visit: Visit) -> Response:
    """List a batch's contacts, all or those in one status."""
    batch_id = visit.path_params["batch_id"]
    wanted_status, skip = visit.request.query_params.get("status", ""), _number(visit, "skip")
    wanted: dict[str, str | int | Sequence[str]] = {"limit": CONTACTS, "skip": skip}
    if wanted_status in CONTACT_STATUSES:
        wanted["status"] = wanted_status
    found, page = await asyncio.gather(
        visit.api.one("batches", batch_id), visit.api.page("batches", batch_id, "contacts", query=wanted)
    )
    return visit.show(
        "contacts.html",
        batch=found,
        contacts=page,
        wanted=wanted.get("status", ""),
        is_over=found["status"] in OVER,
        statuses=CONTACT_STATUSES,
        skip=skip,
        limit=CONTACTS,
    )


@acting("/batches/{batch_id}")
async def act(visit: Visit) -> Response:
    """Pause, resume, cancel, start or dispatch a batch."""
    ids = visit.path_params
    verb, query = _VERBS.get(ids["verb"], ("nothing", {}))
    done = await visit.api.post("batches", ids["batch_id"], verb, query=query)
    visit.say(str(done["message"]))
    return visit.go(f"/batches/{ids['batch_id']}")


@signed_in
async def export(visit: Visit) -> Response:
    """Pass on the CSV file of a batch."""
    rows = visit.request.query_params.get("rows", "contacts")
    answer = await visit.api.stream(
        "batches", visit.path_params["batch_id"], "export.csv", query={"rows": rows}
    )

    async def pieces() -> AsyncIterator[bytes]:
        try:
            async for piece in answer.aiter_bytes():
                yield piece
        finally:
            await answer.aclose()

    kept = ("content-type", "content-disposition")
    headers = {name: answer.headers[name] for name in kept if name in answer.headers}
    return StreamingResponse(pieces(), headers=headers)


def _number(visit: Visit, name: str) -> int:
    text = visit.request.query_params.get(name, "")
    return min(int(text), 2_000_000_000) if text.isdecimal() else 0
