"""Times waiting contacts anew after the rules of their campaign have changed, and tells their batches.

A change is followed at once for as many contacts as a client can wait for. A loop does the rest, and looks
once more some time later: an attempt that ended under the old rules may have been settled by them meanwhile.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from api.http.dependencies import ApiDependencies
from api.http.notification import tell_batches
from domain.errors import TechnicalError
from domain.identity import BatchId, CampaignId
from domain.ports import OutdatedCampaign, RescheduledPage

_log = structlog.get_logger()

EVERY = timedelta(seconds=5)
SETTLED_AFTER = timedelta(seconds=60)
"""By then whatever was decided under the old rules is stored."""
CAMPAIGNS_AT_ONCE = 20
CONTACTS_AT_ONCE = 1000
"""Locked in one transaction, and timed anew before the client gets its answer."""
BATCHES_AT_ONCE = 20
"""Looked into before the client gets its answer."""


async def follow_change(parts: ApiDependencies, batches: Sequence[BatchId]) -> None:
    """Time the first waiting contacts anew and tell every batch; what is left or fails is done later."""
    moved_since: dict[BatchId, datetime] = {}
    try:
        for batch_id in batches[:BATCHES_AT_ONCE]:
            now = parts.clock()
            page = await _first_page(parts, batch_id, now)
            if page.changed:
                moved_since[batch_id] = now
            if page.last_position is not None:
                break  # enough for now
    except TechnicalError:
        _log.warning("change stored, waiting contacts not yet timed anew", batches=len(batches))

    async def tell(batch_id: BatchId) -> None:
        await parts.engine.policy_changed(batch_id, rescheduled_since=moved_since.get(batch_id))

    await tell_batches(tell, batches)
    for batch_id in batches:
        parts.live_numbers.forget(batch_id)


@dataclass
class Rescheduler:
    """Follows changes of rules to their end; one per process, others may do the same work twice."""

    parts: ApiDependencies
    _seen: dict[CampaignId, int] = field(default_factory=dict)
    """The version under which all waiting contacts of a campaign were timed, not yet marked as such."""

    async def keep_following(self, every: timedelta = EVERY) -> None:
        """Follow changes again and again, until cancelled."""
        while True:
            await asyncio.sleep(every.total_seconds())
            try:
                await self.follow_all()
            except Exception as failure:  # noqa: BLE001 - a loop that ends would leave people waiting for old times
                _log.warning("following changed rules failed", failure=type(failure).__qualname__)

    async def follow_all(self) -> int:
        """Follow every change that is not followed to its end; returns how many contacts were moved.

        Raises StoreUnavailable, EngineUnavailable; what was not reached is found again next time.
        """
        outdated = await self.parts.reschedules.outdated(CAMPAIGNS_AT_ONCE)
        self._seen = {
            each.campaign_id: self._seen[each.campaign_id]
            for each in outdated
            if each.campaign_id in self._seen
        }
        return sum([await self._follow(each) for each in outdated])

    async def _follow(self, campaign: OutdatedCampaign) -> int:
        is_settled = self.parts.clock() - campaign.touched_at >= SETTLED_AFTER
        is_seen = self._seen.get(campaign.campaign_id) == campaign.policy_version
        if is_seen and not is_settled:
            return 0
        moved = 0
        for batch_id in campaign.batches:
            # At the end everybody who was moved is told once more: news may have been lost on their way.
            moved += await self._time_batch(batch_id, told_anew=campaign.touched_at if is_settled else None)
        self._seen[campaign.campaign_id] = campaign.policy_version
        if is_settled:
            # Only now: a change whose batches were never told would be known to contacts too late.
            await self.parts.reschedules.mark_recomputed(campaign.campaign_id, campaign.policy_version)
            _log.info("changed rules followed", campaign_id=campaign.campaign_id, moved=moved)
        return moved

    async def _time_batch(self, batch_id: BatchId, *, told_anew: datetime | None) -> int:
        """Time a batch's waiting contacts anew and tell it, also of those moved since `told_anew`."""
        moved, position, began_at = 0, 0, self.parts.clock()
        while True:
            page = await self.parts.reschedules.reschedule(
                batch_id,
                position,
                CONTACTS_AT_ONCE,
                self.parts.clock(),
                quiet_after_unknown=self.parts.quiet_after_unknown,
            )
            moved += page.changed
            if page.last_position is None:
                break
            position = page.last_position
        since = told_anew or (began_at if moved else None)
        await self.parts.engine.policy_changed(batch_id, rescheduled_since=since)
        self.parts.live_numbers.forget(batch_id)
        return moved


async def _first_page(parts: ApiDependencies, batch_id: BatchId, now: datetime) -> RescheduledPage:
    return await parts.reschedules.reschedule(
        batch_id, 0, CONTACTS_AT_ONCE, now, quiet_after_unknown=parts.quiet_after_unknown
    )
