"""What a forecast is made from: facts about numbers, earlier calls, and who shares the slots."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.forecast.past_calls import PastCalls
from domain.frequency import CapsAt, CountedCall
from domain.identity import BatchId, CampaignId, OrganizationId
from domain.slots import SlotDemand


@dataclass(frozen=True, kw_only=True)
class NumberFacts:
    """What an organization knows of some numbers."""

    suppressed: Collection[str] = ()
    on_own_call: Collection[str] = ()
    """Those it has on the phone; what other organizations have there is not told."""
    calls: Mapping[str, tuple[CountedCall, ...]] = field(default_factory=dict)
    """Attempts at them, newest first: as many as the caps may count."""


class ForecastStore(Protocol):
    """Reads only."""

    async def facts_of_numbers(
        self, organization_id: OrganizationId, numbers: Sequence[str], caps: CapsAt, now: datetime
    ) -> NumberFacts:
        """Return what stands now; the caps are looked at as of their own instant."""

    async def past_calls(
        self, organization_id: OrganizationId, since: datetime, dispositions: Collection[str]
    ) -> PastCalls | None:
        """Return how the newest ended calls went; None without any, or where it takes too long to know.

        Other dispositions than these are left out.
        """

    async def demands(self, campaign_id: CampaignId, now: datetime) -> Mapping[BatchId, SlotDemand]:
        """Return what the batches of a campaign with a limit hold and could use."""
