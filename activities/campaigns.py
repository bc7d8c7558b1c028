"""Activities about a campaign's slots: its cap, and what became of the batches that share it."""

from collections.abc import Callable

from temporalio import activity

from activities.campaign_messages import (
    AskCampaign,
    LoadCampaign,
    LoadedCampaign,
    LookAtHolders,
    SeenHolders,
)
from activities.failures import translating_failures
from domain.batch import MAX_CONCURRENCY_LIMIT
from domain.identity import BatchId, CampaignId
from domain.leases import LeaseHolder
from domain.ports import CapacityDirectory, CapacityStore

BATCHES_AT_MOST = MAX_CONCURRENCY_LIMIT
"""No cap is larger, so no more batches can hold a slot of it."""


class CampaignActivities:
    """Read campaigns in the store, and reach their workflows."""

    def __init__(self, capacity: CapacityStore, directory: CapacityDirectory) -> None:
        self._capacity = capacity
        self._directory = directory

    @activity.defn
    @translating_failures
    async def load_campaign(self, request: LoadCampaign) -> LoadedCampaign:
        """Return a campaign's cap, and who is under way when asked."""
        campaign_id = CampaignId(request.campaign_id)
        under_way = (
            await self._capacity.running_batches(campaign_id, BATCHES_AT_MOST) if request.with_batches else []
        )
        # Read last: who is counted for a cap must not be counted for an older one.
        limit = await self._capacity.concurrency_limit(campaign_id)
        return LoadedCampaign(concurrency_limit=limit, batches=list(under_way))

    @activity.defn
    @translating_failures
    async def look_at_holders(self, request: LookAtHolders) -> SeenHolders:
        """Return how batches that hold leases stand, and whether their workflows run."""
        batch_ids = [BatchId(each) for each in request.batch_ids]
        runs = await self._directory.batch_runs(batch_ids)
        # Read last: whoever was about to be called may be live by now, and must be seen here or there.
        users = await self._capacity.slot_users(batch_ids)
        return SeenHolders(
            [
                LeaseHolder(
                    batch_id=user.batch_id,
                    live=max(user.live, runs[user.batch_id].dispatched),
                    is_running=runs[user.batch_id].is_running,
                    is_over=user.is_over or not runs[user.batch_id].has_run,
                )
                for user in users
            ]
        )

    @activity.defn
    @translating_failures
    async def ask_campaign(self, request: AskCampaign) -> None:
        """Hand a batch's needs to its campaign's workflow, which is started when none runs."""
        await self._directory.ask_campaign(
            CampaignId(request.campaign_id), request.organization_id, request.needed
        )

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class, to be registered with a worker."""
        return self.load_campaign, self.look_at_holders, self.ask_campaign
