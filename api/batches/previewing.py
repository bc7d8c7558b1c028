"""Previewing a batch: the checks of a create, and a forecast instead of what it stores."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from api.batches.planning import BatchPlan, plan_batch
from api.batches.preview import BatchPreview, shown
from api.batches.upload import BatchUpload
from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.uploads import Places
from domain.batch import disposition_rules_in_force
from domain.contact import NewContact
from domain.forecast.past_calls import DEFAULT_CALLS, FEWEST_CALLS, LOOKED_BACK, PastCalls
from domain.forecast.question import ForecastQuestion, PlannedContact
from domain.frequency import CapsAt
from domain.ports import NumberFacts
from domain.zones import zone_key


def forecast_places() -> Places:
    """Return the places for which forecasts of one process wait: each takes a processor for seconds."""
    return Places(1, per_token=1, wait_seconds=30)


@dataclass(frozen=True)
class BatchPreviewing:
    """One upload of one client."""

    dependencies: ApiDependencies
    client: Client
    upload: BatchUpload
    places: Places

    async def run(self, now: datetime, held: ExitStack) -> BatchPreview:
        """Forecast what a create would do now; nothing is stored, and Temporal is not asked.

        Raises InvalidRequest, ForeignOrganization, CampaignNotFound, CampaignClosed, StoreUnavailable,
        RateLimited.
        """
        plan = await plan_batch(self.dependencies, self.client, self.upload, now)
        await self.places.take(self.client.token_id, held)
        accepted = [each for each in await plan.contacts() if each.skip_detail is None]
        starts_at = max(now, plan.new.scheduled_start or now)
        facts = await self.dependencies.forecasts.facts_of_numbers(
            self.client.organization_id,
            [each.phone_number for each in accepted],
            CapsAt(plan.campaign.rules.caps_in_force, starts_at),
            now,
        )
        past = await self._past_calls(plan, now)
        question = await self._question(plan, _planned(accepted, facts), past, now)
        return shown(plan, accepted, question, await self.dependencies.forecast(question))

    async def _past_calls(self, plan: BatchPlan, now: datetime) -> PastCalls:
        """Return the calls of the last days, the defaults where they are too few to tell anything."""
        rules = disposition_rules_in_force(plan.new.overrides, plan.campaign.rules)
        past = await self.dependencies.forecasts.past_calls(
            self.client.organization_id, now - LOOKED_BACK, {each.disposition for each in rules}
        )
        return DEFAULT_CALLS if past is None or past.total < FEWEST_CALLS else past

    async def _question(
        self, plan: BatchPlan, contacts: Sequence[PlannedContact], past: PastCalls, now: datetime
    ) -> ForecastQuestion:
        campaign = plan.campaign
        has_cap = campaign.rules.concurrency_limit is not None
        store = self.dependencies.forecasts
        return ForecastQuestion(
            new=plan.new,
            rules=campaign.rules,
            contacts=contacts,
            past=past,
            other_batches=await store.demands(campaign.campaign_id, now) if has_cap else {},
            now=now,
            quiet_after_unknown=self.dependencies.quiet_after_unknown,
        )


def _planned(accepted: Sequence[NewContact], facts: NumberFacts) -> Sequence[PlannedContact]:
    return [
        PlannedContact(
            zone=zone_key(each.timezone, each.number_timezones),
            calls=facts.calls.get(each.phone_number, ()),
            is_on_the_phone=each.phone_number in facts.on_own_call,
            not_before=each.not_before,
            priority=each.priority,
        )
        for each in accepted
        if each.phone_number not in facts.suppressed
    ]
