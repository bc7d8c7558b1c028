"""Campaigns in memory."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.batch import TERMINAL_BATCH, Batch, BatchStatus, PausedBy, redial_policy_in_force
from domain.call import AttemptKind, CallStatus, DialState
from domain.campaign import CallCounters, Campaign, CampaignRules, CampaignStatus
from domain.campaign_stats import CampaignStats
from domain.contact import ContactStatus, SkipReason
from domain.errors import CampaignNotFound, CampaignUnfinished
from domain.identity import CAMPAIGN_PREFIX, BatchId, CampaignId, OrganizationId
from domain.lifecycle import Action, Effect, status_of_resumed_batch, step_of_campaign
from domain.ports import Amendment, KeyedRequest, Page, Window
from domain.settlement import is_to_be_followed
from tests.fakes.idempotency import effect_once
from tests.fakes.tables import CANCELLABLE, Tables, newest_first, page_of

_ASKED = (DialState.DIALLING, DialState.ACCEPTED, DialState.AMBIGUOUS)


class FakeCampaignStore:
    """Implements CampaignStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def create(
        self,
        organization_id: OrganizationId,
        rules: CampaignRules,
        now: datetime,
        keyed: KeyedRequest[Campaign] | None = None,
    ) -> Campaign:
        """Keep a campaign as `draft`. Raises IdempotencyKeyBusy, IdempotencyKeyUsed."""
        return effect_once(self._tables, keyed, lambda: self._create(organization_id, rules, now))

    def _create(self, organization_id: OrganizationId, rules: CampaignRules, now: datetime) -> Campaign:
        campaign = Campaign(
            campaign_id=CampaignId(self._tables.mint(CAMPAIGN_PREFIX)),
            organization_id=organization_id,
            status=CampaignStatus.DRAFT,
            rules=rules,
            created_at=now,
            updated_at=now,
        )
        self._tables.campaigns[campaign.campaign_id] = campaign
        return campaign

    async def get(self, organization_id: OrganizationId, campaign_id: CampaignId) -> Campaign:
        """Raises CampaignNotFound."""
        self._tables.require_up()
        campaign = self._tables.campaigns.get(campaign_id)
        if campaign is None or campaign.organization_id != organization_id:
            raise CampaignNotFound
        if campaign_id in self._tables.deleted:
            raise CampaignNotFound
        return self._counted(campaign)

    async def list_campaigns(
        self, organization_id: OrganizationId, statuses: Sequence[CampaignStatus], window: Window
    ) -> Page[Campaign]:
        """Return campaigns, newest first; empty `statuses` matches any."""
        self._tables.require_up()
        matching = [
            self._counted(each)
            for each in self._tables.campaigns.values()
            if each.organization_id == organization_id
            and self._tables.sees(each.campaign_id)
            and (not statuses or each.status in statuses)
        ]
        return page_of(newest_first(matching, lambda each: (each.created_at, each.campaign_id)), window)

    async def act(
        self,
        organization_id: OrganizationId,
        campaign_id: CampaignId,
        action: Action,
        now: datetime,
        *,
        all_batches: bool = False,
    ) -> tuple[Campaign, Sequence[BatchId]]:
        """Raises CampaignNotFound, IllegalTransition."""
        campaign = await self.get(organization_id, campaign_id)
        step = step_of_campaign(campaign.status, action)
        if step.effect is Effect.NOTHING:
            return campaign, []
        moved = replace(campaign, status=CampaignStatus(step.status), updated_at=now)
        self._tables.campaigns[campaign_id] = moved
        mine = [each for each in self._tables.batches.values() if each.campaign_id == campaign_id]
        affected = [each for each in mine if _is_affected(each, action, all_batches=all_batches)]
        for batch in affected:
            self._tables.batches[batch.batch_id] = _after(batch, action, now)
            if action is Action.CANCEL:
                reason = SkipReason.CAMPAIGN_CANCELLED
                self._tables.skip_everybody(batch.batch_id, CANCELLABLE, reason, now)
        return self._counted(moved), sorted(each.batch_id for each in affected)

    async def change(
        self, organization_id: OrganizationId, campaign_id: CampaignId, amend: Amendment, now: datetime
    ) -> tuple[Campaign, Sequence[BatchId]]:
        """Raises CampaignNotFound, and what `amend` raises."""
        campaign = await self.get(organization_id, campaign_id)
        rules = amend(campaign.rules)
        if rules is campaign.rules:
            return campaign, []
        is_paced_anew = rules.calls_per_second != campaign.rules.calls_per_second
        version_of_pace = campaign.pace_version + is_paced_anew
        changed = replace(campaign, rules=rules, pace_version=version_of_pace, updated_at=now)
        self._tables.campaigns[campaign_id] = changed
        versions, recomputed = self._tables.policy_versions, self._tables.recomputed_versions
        version = versions.get(campaign_id, 1)
        versions[campaign_id] = version + 1
        if not is_to_be_followed(campaign.rules, rules) and recomputed.get(campaign_id, 1) == version:
            recomputed[campaign_id] = version + 1
        return self._counted(changed), self._tables.unfinished(campaign_id)

    async def delete(self, organization_id: OrganizationId, campaign_id: CampaignId, now: datetime) -> None:
        """Raises CampaignNotFound, CampaignUnfinished."""
        await self.get(organization_id, campaign_id)
        unfinished = len(self._tables.unfinished(campaign_id))
        if unfinished:
            raise CampaignUnfinished.of(unfinished)
        self._tables.deleted.add(campaign_id)

    async def stats(self, organization_id: OrganizationId, campaign_id: CampaignId) -> CampaignStats:
        """Raises CampaignNotFound."""
        campaign = await self.get(organization_id, campaign_id)
        gone = self._tables.deleted_batches
        batches = [each for each in self._tables.batches.values() if each.campaign_id == campaign_id]
        mine = [each for each in batches if each.batch_id not in gone]
        shown = {each.batch_id for each in mine}
        people = [each for each in self._tables.contacts.values() if each.batch_id in shown]
        waiting = [each for each in people if each.status is ContactStatus.RETRYING]
        calls = [each for each in self._tables.calls.values() if each.batch_id in shown]
        in_force = [redial_policy_in_force(each.overrides, campaign.rules)[1] for each in mine]
        return CampaignStats(
            contacts=Counter(each.status for each in people),
            batches=Counter(each.status for each in mine),
            calls=campaign.call_counters,
            waiting_for_retry=Counter(each.retry_count + 1 for each in waiting),
            most_retries=max([campaign.rules.retry_policy.max_retries, *in_force]),
            attempts=len(calls),
            follow_ups=sum(each.kind is AttemptKind.FOLLOW_UP for each in calls),
            reported=self._tables.reported_counts(calls),
        )

    def _counted(self, campaign: Campaign) -> Campaign:
        gone = self._tables.deleted_batches
        calls = [each for each in self._tables.calls.values() if each.batch_id not in gone]
        mine = [each for each in calls if each.campaign_id == campaign.campaign_id]
        ended = Counter(each.call_status for each in mine)
        return replace(
            campaign,
            call_counters=CallCounters(
                completed_calls=ended[CallStatus.COMPLETED],
                failed_calls=ended[CallStatus.FAILED] + ended[CallStatus.UNKNOWN],
                busy_calls=ended[CallStatus.BUSY],
                no_answer_calls=ended[CallStatus.NO_ANSWER],
                follow_up_calls=sum(
                    each.kind is AttemptKind.FOLLOW_UP and each.dial_state in _ASKED for each in mine
                ),
            ),
        )


def _is_affected(batch: Batch, action: Action, *, all_batches: bool) -> bool:
    match action:
        case Action.PAUSE:
            return batch.status in (BatchStatus.PENDING, BatchStatus.IN_PROGRESS)
        case Action.RESUME:
            by_campaign = batch.paused_by is PausedBy.CAMPAIGN
            return batch.status is BatchStatus.PAUSED and (all_batches or by_campaign)
        case _:
            return batch.status not in TERMINAL_BATCH


def _after(batch: Batch, action: Action, now: datetime) -> Batch:
    match action:
        case Action.PAUSE:
            status, paused_by = BatchStatus.PAUSED, PausedBy.CAMPAIGN
            return replace(batch, status=status, paused_by=paused_by, updated_at=now)
        case Action.RESUME:
            status = status_of_resumed_batch(batch.scheduled_start, now)
            return replace(batch, status=status, paused_by=None, updated_at=now)
        case _:
            return replace(batch, status=BatchStatus.CANCELLED, paused_by=None, updated_at=now)
