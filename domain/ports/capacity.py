"""Who shares a campaign's slots: as the database tells, and as the workflow server does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.identity import BatchId, CampaignId
from domain.leases import SlotsNeeded


@dataclass(frozen=True, kw_only=True)
class SlotUser:
    """A batch that has live contacts, or may come to have some."""

    batch_id: BatchId
    live: int
    is_over: bool
    """It has reached a terminal status."""


@dataclass(frozen=True, kw_only=True)
class BatchRun:
    """A batch's workflow as the server knows it."""

    is_running: bool
    has_run: bool
    """False when the server knows of none, now or lately: it has granted nobody a slot."""
    dispatched: int = 0
    """Contacts it left behind that were granted a slot and do not sleep; not counted while it runs."""


class CapacityStore(Protocol):
    """Campaigns' caps and who is live under them."""

    async def concurrency_limit(self, campaign_id: CampaignId) -> int | None:
        """Return the campaign's cap as it is now; None without one, and for a campaign that is gone."""

    async def running_batches(self, campaign_id: CampaignId, limit: int) -> Sequence[BatchId]:
        """Return a campaign's batches that are under way or paused, oldest first."""

    async def slot_users(self, batch_ids: Sequence[BatchId]) -> Sequence[SlotUser]:
        """Return how each batch stands; one that is gone is over and has nobody live."""


class CapacityDirectory(Protocol):
    """The workflows that share a campaign's slots."""

    async def ask_campaign(self, campaign_id: CampaignId, organization_id: str, needed: SlotsNeeded) -> None:
        """Hand a batch's needs to its campaign's workflow, which is started when none runs.

        Raises EngineUnavailable.
        """

    async def batch_runs(self, batch_ids: Sequence[BatchId]) -> Mapping[BatchId, BatchRun]:
        """Return how the batches' workflows stand. Raises EngineUnavailable."""
