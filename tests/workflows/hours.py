"""Windows that open soon, for batches that run in real time."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from domain.identity import BatchId
from tests.domain.calling_hours import a_week
from tests.workflows.world import World


def close_until_soon(world: World, batch_id: BatchId, now: datetime) -> datetime:
    """Let the window of a batch's campaign open in ten seconds, around noon in some zone."""
    opens_at = now.replace(microsecond=0) + timedelta(seconds=10)
    zone = f"Etc/GMT{opens_at.hour - 12:+d}"  # the sign is what must be added to reach UTC
    local = opens_at.astimezone(ZoneInfo(zone)).time()
    campaign = world.tables.campaigns[world.tables.batches[batch_id].campaign_id]
    hours = a_week(f"{local:%H:%M:%S}-18:00")
    closed = replace(campaign.rules, working_hours_enforced=True, timezone=zone, working_hours=hours)
    world.tables.campaigns[campaign.campaign_id] = replace(campaign, rules=closed)
    return opens_at
