"""Overview: campaigns, batches that are not over, live calls against limits, and what needs attention."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from web.api_client import Api, JsonObject, all_or_none
from web.charts import Minute, calls_by_minute, columns, share_bar, top
from web.pages import tone
from web.visit import Visit, signed_in

UNFINISHED = ("in_progress", "paused", "pending")
SHOWN = 50
LOOKED_AT = 20
"""Batches of which is asked why they do not dial; the newest first."""
AT_ONCE = 4
FRESH_SECONDS = 5.0


@signed_in
async def overview(visit: Visit) -> Response:
    """Show everything that runs, and everything that should."""
    campaigns, batches = await asyncio.gather(
        visit.api.page("campaigns", query={"limit": SHOWN}),
        visit.api.page("batches", query={"status": UNFINISHED, "limit": SHOWN}),
    )
    running = [each for each in batches.items if each["status"] != "pending"]
    looks = await _look_at(visit.api, running[:LOOKED_AT])
    minutes = _minutes(looks)
    names = {each["campaign_id"]: each["name"] for each in campaigns.items}
    return visit.show(
        "overview.html",
        campaigns=campaigns,
        batches=batches,
        names=names,
        bars={each["batch_id"]: share_bar(each["counters"]) for each in batches.items},
        capacity=_capacity(campaigns.items, batches.items),
        attention=_attention(running, looks),
        minutes=minutes,
        columns=columns(minutes),
        top=top(minutes),
        unanswered=sum(1 for debug, _ in looks if debug is None),
        unlooked=max(0, len(running) - LOOKED_AT),
    )


async def _look_at(
    api: Api, batches: Sequence[JsonObject]
) -> list[tuple[JsonObject | None, JsonObject | None]]:
    """Return debug and activity of each batch."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def look(batch_id: str) -> tuple[JsonObject | None, JsonObject | None]:
        async with gate:
            debug, activity = await all_or_none(
                api.recent("batches", batch_id, "debug", seconds=FRESH_SECONDS),
                api.recent("batches", batch_id, "activity", seconds=FRESH_SECONDS),
            )
            return debug, activity

    return list(await asyncio.gather(*(look(each["batch_id"]) for each in batches)))


def _attention(
    batches: Sequence[JsonObject], looks: Sequence[tuple[JsonObject | None, JsonObject | None]]
) -> list[dict[str, Any]]:
    """Return every diagnosis and warning that is not healthy, the urgent ones first."""
    found = [
        {"batch": batch, "code": code, "tip": tip, "tone": tone(code)}
        for batch, (debug, _) in zip(batches, looks, strict=False)
        if debug is not None
        for code, tip in _troubles(debug)
    ]
    return sorted(found, key=lambda each: each["tone"] != "bad")


def _troubles(debug: JsonObject) -> list[tuple[str, str]]:
    diagnosis = debug["diagnosis"]
    own = [] if diagnosis in ("healthy", "completed") else [(diagnosis, debug["diagnostics"]["tip"])]
    return own + [(each["code"], each["tip"]) for each in debug.get("warnings") or []]


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


def _minutes(looks: Sequence[tuple[JsonObject | None, JsonObject | None]]) -> list[Minute]:
    return calls_by_minute(
        datetime.now(UTC), *(each["calls_by_minute"] for _, each in looks if each is not None)
    )
