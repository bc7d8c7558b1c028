"""Changing a batch that is there: what may be said, and what comes of it."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial

from pydantic import ConfigDict

from api.batches.number_zones import NumberZones
from api.batches.planning import require_some_open_day
from api.batches.schedule import Schedule, read_schedule, require_order
from api.batches.schemas import BatchTerms
from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.ids import batch_id_of
from api.http.notification import signal_workflow
from domain.batch import Batch, clock_zone
from domain.campaign import Campaign
from domain.errors import TechnicalError
from domain.lifecycle import TAKEN_AT_ANY_TIME, require_changeable


class BatchChange(BatchTerms):
    """A change of a batch: what is left out stays, what is given replaces the whole old value.

    `null` is back to what an upload without the field has.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"concurrency_limit": 5, "scheduled_end": "2026-09-08T00:00:00Z"}]}
    )

    def amend(self, now: datetime, batch: Batch, campaign: Campaign) -> Batch:
        """Return the batch after the change.

        Raises IllegalTransition for what it does not take where it stands, InvalidRequest for what cannot
        hold together.
        """
        given = self.model_fields_set
        if not given:
            return batch
        require_changeable(batch, given, now)
        overrides = self.overrides_over(batch.overrides)
        NumberZones(overrides.timezone, campaign.rules).require_fallback()
        schedule = self._schedule(batch, clock_zone(overrides, campaign.rules), now)
        if given & {"working_hours", "working_hours_enforced"}:
            require_some_open_day(overrides, campaign)
        return replace(
            batch,
            name=self.name if "name" in given else batch.name,
            concurrency_limit=self.concurrency_limit
            if "concurrency_limit" in given
            else batch.concurrency_limit,
            scheduled_start=schedule.start,
            scheduled_end=schedule.end,
            keep_open=(self.keep_open or False) if "keep_open" in given else batch.keep_open,
            overrides=overrides,
            call_context=(self.call_context or {}) if "call_context" in given else batch.call_context,
            metadata=(self.metadata or {}) if "metadata" in given else batch.metadata,
        )

    def _schedule(self, batch: Batch, timezone: str, now: datetime) -> Schedule:
        """Return the schedule after the change, its fields that are not given as they stand."""
        given = self.model_fields_set & {"scheduled_start", "scheduled_end"}
        said = read_schedule(self.scheduled_start, self.scheduled_end, timezone, now)
        schedule = Schedule(
            said.start if "scheduled_start" in given else batch.scheduled_start,
            said.end if "scheduled_end" in given else batch.scheduled_end,
        )
        if given:
            require_order(schedule, "scheduled_end" if "scheduled_end" in given else "scheduled_start")
        return schedule


async def change_batch(
    dependencies: ApiDependencies, client: Client, batch: str, change: BatchChange
) -> tuple[Batch, Campaign]:
    """Change a batch, for every later dial and for contacts that wait; returns it as it stands.

    Its workflow times its waiting contacts by it. Temporal need not answer: nobody is called meanwhile,
    and the housekeeping signals the batch later.
    Raises BatchNotFound, IllegalTransition, InvalidRequest.
    """
    batch_id, now = batch_id_of(batch), dependencies.clock()
    changed = await dependencies.batches.change(
        client.organization_id,
        batch_id,
        partial(change.amend, now),
        now,
        bears_on_calls=not TAKEN_AT_ANY_TIME.issuperset(change.model_fields_set),
    )
    if changed.is_to_be_signalled:
        took_it = await signal_workflow(dependencies.engine.policy_changed(batch_id), batch_id=batch_id)
        dependencies.live_numbers.forget(batch_id)
        if took_it and changed.others_know:
            with suppress(TechnicalError):  # it is signalled once more, which changes nothing
                await dependencies.reschedules.mark_announced(changed.campaign.campaign_id, now)
    return changed.batch, changed.campaign
