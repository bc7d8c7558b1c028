"""Campaigns: their list, their rules as a form, their week, and how their calls went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from starlette.responses import Response

from web.api_client import ApiRefused, JsonObject, all_or_none
from web.campaign_form import (
    CAPS,
    DAYS,
    NEW,
    RETRY_ON,
    Fields,
    body_of,
    changes,
    errors_by_field,
    fields_in,
    fields_of,
    spans_of,
    windows_of,
)
from web.charts import share_bar
from web.visit import Visit, acting, signed_in, told

SHOWN = 50
BATCHES = 20
DAY_MINUTES = 24 * 60
VERBS = ("pause", "resume", "cancel")
_ACTS = {"active": ("pause",), "paused": ("resume",)}
_MAY_BE_CANCELLED = ("draft", "active", "paused")
_MAY_BE_DELETED = ("draft", "completed", "cancelled")


@dataclass(frozen=True)
class Span:
    """A stretch of a day in which people are called, in minutes."""

    x: int
    width: int


@signed_in
async def campaigns(visit: Visit) -> Response:
    """List the campaigns, newest first."""
    text = visit.request.query_params.get("skip", "")
    skip = min(int(text), 2_000_000_000) if text.isdecimal() else 0
    page = await visit.api.page("campaigns", query={"limit": SHOWN, "skip": skip})
    return visit.show("campaigns.html", campaigns=page, skip=skip, limit=SHOWN)


@signed_in
async def campaign(visit: Visit) -> Response:
    """Show a campaign."""
    found = await visit.api.one("campaigns", visit.path_params["campaign_id"])
    return await _page(visit, found, fields_of(found))


@acting("/campaigns/{campaign_id}")
async def change(visit: Visit) -> Response:
    """Change what the form says otherwise than the campaign; what is wrong is said beside its field."""
    campaign_id = visit.path_params["campaign_id"]
    found = await visit.api.one("campaigns", campaign_id)
    fields = fields_in(await visit.request.form())
    try:
        await visit.api.patch("campaigns", campaign_id, body=changes(found, fields))
    except ApiRefused as refused:
        if refused.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        return await _page(visit, found, fields, refused)
    visit.say("The rules are changed, for every later call.")
    return visit.go(f"/campaigns/{campaign_id}")


@signed_in
async def new_campaign(visit: Visit) -> Response:
    """Ask for the rules of a new campaign."""
    return _form(visit, fields_of(NEW), key=uuid4().hex)


@acting("/campaigns/new")
async def create(visit: Visit) -> Response:
    """Make a campaign; nobody is called by it."""
    fields = fields_in(await visit.request.form())
    try:
        made = await visit.api.post("campaigns", body=body_of(fields), key=fields.get("key"))
    except ApiRefused as refused:
        if refused.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        return _form(visit, fields, refused, key=uuid4().hex)
    visit.say("The campaign is made. Give it a batch of contacts to call.")
    return visit.go(f"/campaigns/{made['campaign_id']}")


@acting("/campaigns/{campaign_id}")
async def act(visit: Visit) -> Response:
    """Pause, resume or cancel a campaign with its batches."""
    ids = visit.path_params
    verb = ids["verb"] if ids["verb"] in VERBS else "nothing"
    done = await visit.api.post("campaigns", ids["campaign_id"], verb)
    visit.say(str(done["message"]))
    return visit.go(f"/campaigns/{ids['campaign_id']}")


@acting("/campaigns/{campaign_id}")
async def delete(visit: Visit) -> Response:
    """Take a campaign whose batches are over out of every list, and them with it."""
    await visit.api.delete("campaigns", visit.path_params["campaign_id"])
    visit.say("The campaign is deleted.")
    return visit.go("/campaigns")


async def _page(
    visit: Visit, found: JsonObject, fields: Fields, refused: ApiRefused | None = None
) -> Response:
    campaign_id = found["campaign_id"]
    (stats, batches) = await all_or_none(
        visit.api.one("campaigns", campaign_id, "stats"), _batches(visit, campaign_id)
    )
    listed = (batches or {}).get("items", [])
    return visit.show(
        "campaign.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK,
        campaign=found,
        stats=stats,
        outcomes=share_bar(_counters(stats)) if stats else [],
        batches=listed,
        bars={each["batch_id"]: share_bar(each["counters"]) for each in listed},
        week=week(found["working_hours"]),
        acts=_ACTS.get(found["status"], ()),
        may_be_cancelled=found["status"] in _MAY_BE_CANCELLED,
        may_be_deleted=found["status"] in _MAY_BE_DELETED,
        **_form_values(fields, refused),
    )


def _form(visit: Visit, fields: Fields, refused: ApiRefused | None = None, *, key: str) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return visit.show("new_campaign.html", status, key=key, **_form_values(fields, refused))


def _form_values(fields: Fields, refused: ApiRefused | None) -> dict[str, Any]:
    """Return what the form's template needs."""
    return {
        "fields": fields,
        "days": {day: spans_of(fields, day) for day in DAYS},
        "caps": range(
            max(CAPS, *(place + 1 for place in range(5) if f"frequency_caps.{place}.hours" in fields), 0)
        ),
        "retry_on": RETRY_ON,
        "errors": errors_by_field(refused.errors, _known()) if refused else {},
        "refusal": None if refused is None else refused.detail if refused.errors else told(refused),
    }


def _known() -> set[str]:
    of_days = {f"working_hours.{day}" for day in DAYS}
    whole = {name for name in body_of({}) if name not in ("working_hours", "retry_policy")}
    policy = {f"retry_policy.{name}" for name in body_of({})["retry_policy"]}
    return of_days | whole | policy | {"metadata.concurrency_limit", "working_hours", "retry_policy"}


async def _batches(visit: Visit, campaign_id: str) -> JsonObject:
    page = await visit.api.page("campaigns", campaign_id, "batches", query={"limit": BATCHES})
    return {"items": page.items}


def _counters(stats: JsonObject) -> dict[str, int]:
    counts = dict(stats["contact_counts"])
    return counts | {"in_flight": counts.get("in_flight", counts.pop("in_progress", 0))}


def week(hours: Mapping[str, Any]) -> list[tuple[str, list[Span]]]:
    """Return each day with its windows; one past midnight goes on at the begin of the next day."""
    drawn: dict[str, list[Span]] = {day: [] for day in DAYS}
    for place, day in enumerate(DAYS):
        for start, end in map(_minutes, windows_of(hours[day])):
            if end > start:
                drawn[day].append(Span(start, end - start))
            else:
                drawn[day].append(Span(start, DAY_MINUTES - start))
                drawn[DAYS[(place + 1) % len(DAYS)]].append(Span(0, end))
    return list(drawn.items())


def _minutes(window: Sequence[str]) -> tuple[int, int]:
    start, end = (int(each[:2]) * 60 + int(each[3:5]) for each in window)
    return start, end
