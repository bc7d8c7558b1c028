"""Overview: campaigns, batches, live calls against limits, and what needs attention."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from web.api_client import Api, JsonObject, Page, all_or_none
from web.batch import OVER, Act, remedy_for
from web.charts import calls_by_minute, columns, share_bar, top
from web.pages import parsed, tone
from web.visit import Visit, signed_in

UNFINISHED = ("in_progress", "paused", "pending")
SHOWN = 50
SHOWN_OVER = 10
LOOKED_AT = 20
"""Batches of which is asked why they do not dial; the newest first."""
AT_ONCE = 4
FRESH_SECONDS = 5.0
FRESH_SECONDS_OF_THOSE_OVER = 60.0
DRAWN = timedelta(hours=1)
"""How far back the API tells calls by the minute."""


@signed_in
async def overview(visit: Visit) -> Response:
    """Show everything that runs, everything that should, and what ended last."""
    campaigns, batches, over = await asyncio.gather(
        visit.api.page("campaigns", query={"limit": SHOWN}),
        visit.api.page("batches", query={"status": UNFINISHED, "limit": SHOWN}),
        visit.api.page("batches", query={"status": OVER, "limit": SHOWN_OVER}),
    )
    now = datetime.now(UTC)
    running = [each for each in batches.items if each["status"] != "pending"]
    looked_at = running[:LOOKED_AT]
    debugs, activities = await asyncio.gather(
        _read(visit.api, "debug", looked_at),
        _read(visit.api, "activity", [*looked_at, *_just_over(over, now)]),
    )
    return visit.show(
        "overview.html",
        campaigns=campaigns,
        batches=batches,
        over=over,
        running=running,
        names={each["campaign_id"]: each["name"] for each in campaigns.items},
        bars={each["batch_id"]: share_bar(each["counters"]) for each in (*batches.items, *over.items)},
        capacity=_capacity(campaigns.items, batches.items),
        attention=_attention(looked_at, debugs),
        unanswered=debugs.count(None),
        unlooked=len(running) - len(looked_at),
        **_plot(activities, now),
    )


def _just_over(over: Page, now: datetime) -> list[JsonObject]:
    """Return those whose last calls may be drawn yet."""
    return [each for each in over.items if (at := parsed(each["updated_at"])) and now - at < DRAWN]


async def _read(api: Api, what: str, batches: Sequence[JsonObject]) -> list[JsonObject | None]:
    """Return what the API tells of each batch, None where it does not answer."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def read(batch: JsonObject) -> JsonObject | None:
        seconds = FRESH_SECONDS_OF_THOSE_OVER if batch["status"] in OVER else FRESH_SECONDS
        async with gate:
            [told] = await all_or_none(api.recent("batches", batch["batch_id"], what, seconds=seconds))
            return told

    return list(await asyncio.gather(*(read(each) for each in batches)))


def _plot(activities: Sequence[JsonObject | None], now: datetime) -> dict[str, Any]:
    """Return the calls of all batches by the minute, and whether any could be read."""
    told = [each["calls_by_minute"] for each in activities if each is not None]
    minutes = calls_by_minute(now, *told)
    return {
        "minutes": minutes,
        "columns": columns(minutes),
        "top": top(minutes),
        "calls_are_known": bool(told) or not activities,
    }


def _attention(batches: Sequence[JsonObject], debugs: Sequence[JsonObject | None]) -> list[dict[str, Any]]:
    """Return every diagnosis and warning that is not healthy, the urgent ones first."""
    found = [
        {"batch": batch, "code": code, "tip": tip, "tone": tone(code), "remedy": remedy}
        for batch, debug in zip(batches, debugs, strict=True)
        if debug is not None
        for code, tip, remedy in _troubles(batch, debug)
    ]
    return sorted(found, key=lambda each: each["tone"] != "bad")


def _troubles(batch: JsonObject, debug: JsonObject) -> list[tuple[str, str, Act | None]]:
    others: list[tuple[str, str, Act | None]] = [
        (each["code"], each["tip"], None) for each in debug.get("warnings") or []
    ]
    if debug["diagnosis"] in ("healthy", "completed"):
        return others
    return [(debug["diagnosis"], debug["diagnostics"]["tip"], remedy_for(batch, debug)), *others]


def _capacity(campaigns: Sequence[JsonObject], batches: Sequence[JsonObject]) -> list[dict[str, Any]]:
    """Return the live calls of every campaign that runs, against what it may have at once."""
    live: defaultdict[str, int] = defaultdict(int)
    limits: defaultdict[str, int] = defaultdict(int)
    for batch in batches:
        if batch["status"] != "pending":
            live[batch["campaign_id"]] += live_of(batch)
            limits[batch["campaign_id"]] += batch["concurrency_limit"]
    return [
        {
            "campaign": each,
            "live": live[each["campaign_id"]],
            "limit": min(limits[each["campaign_id"]], _limit_of(each) or limits[each["campaign_id"]]),
        }
        for each in campaigns
        if each["campaign_id"] in limits
    ]


def live_of(batch: JsonObject) -> int:
    """Return how many contacts of a batch take up a slot."""
    return int(batch["counters"]["dispatched"] + batch["counters"]["in_flight"])


def _limit_of(campaign: JsonObject) -> int | None:
    limit = campaign["metadata"].get("concurrency_limit")
    return limit if isinstance(limit, int) else None
