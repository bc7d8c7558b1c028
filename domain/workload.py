"""How much there is to call in the whole database, and how many at once."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from domain.batch import DEFAULT_CONCURRENCY_LIMIT
from domain.identity import CampaignId


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What all batches that run have to call."""

    slots_in_use: int
    slots_limit: int
    """Contacts they may have called at once."""
    contacts_due: int
    """Retries and follow-ups whose time has come and that hold no slot, as far as they were counted."""
    oldest_due_at: datetime | None
    """When the first of them was due, None without one."""


@dataclass(frozen=True, kw_only=True)
class BatchLimit:
    """What holds for one batch; None is not set."""

    campaign_id: CampaignId
    own: int | None
    of_campaign: int | None
    """Shared by all batches of the campaign."""


def slots_limit(batches: Iterable[BatchLimit]) -> int:
    """Return how many contacts batches may have called at once, each campaign no more than its cap."""
    wanted: dict[CampaignId, int] = defaultdict(int)
    caps: dict[CampaignId, int | None] = {}
    for each in batches:
        wanted[each.campaign_id] += each.own or each.of_campaign or DEFAULT_CONCURRENCY_LIMIT
        caps[each.campaign_id] = each.of_campaign
    return sum(min(limit, caps[campaign] or limit) for campaign, limit in wanted.items())
