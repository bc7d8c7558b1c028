"""Calling contacts of a batch again, in a batch of their own."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from api.batches.creation import start_batch
from api.batches.number_zones import NumberZones
from api.batches.planning import require_some_open_day
from api.batches.schedule import read_schedule
from api.batches.schemas import BatchOut, BatchTerms, OnDuplicate, OnInvalid
from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.idempotency import OnceOnly, keyed
from api.http.ids import batch_id_of
from api.policy.disposition_rules import Disposition
from domain.batch import Batch, NewBatch, clock_zone
from domain.campaign import Campaign, CampaignStatus
from domain.contact import TERMINAL, ContactStatus
from domain.errors import CampaignClosed, FieldError, InvalidRequest, NobodyLeft
from domain.ports import CalledAgain

_NOBODY = FieldError(
    ("body", "statuses"), "No contact of the batch is left to be called again", "nobody_left"
)
_NO_EFFECT = "Without effect: rows of the parent were checked when it was made."


def _over(status: ContactStatus) -> ContactStatus:
    if status not in TERMINAL:
        raise PydanticCustomError(
            "not_terminal", "Contacts that are {status} are not over", {"status": status}
        )
    return status


class BatchRequeue(BatchTerms):
    """Which contacts are called again, and how; what is left out is as in the parent.

    Name, metadata, schedule and `keep_open` are the new batch's own.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"statuses": ["no_answer", "busy"], "max_retries_override": 1}]}
    )

    statuses: Annotated[
        list[Annotated[ContactStatus, Field(strict=False), AfterValidator(_over)]],
        Field(min_length=1, max_length=len(TERMINAL), description="Terminal ones; any of them matches."),
    ]
    dispositions: Annotated[list[Disposition], Field(min_length=1, max_length=50)] | None = Field(
        default=None, description="Of the newest call; any of them matches. Absent: with and without one."
    )
    organization_id: str | None = Field(default=None, description="Absent means the token's.")
    on_invalid: Annotated[OnInvalid, Field(strict=False)] | None = Field(default=None, description=_NO_EFFECT)
    on_duplicate: Annotated[OnDuplicate, Field(strict=False)] | None = Field(
        default=None, description=_NO_EFFECT
    )

    @property
    def which(self) -> CalledAgain:
        """Return which contacts are called again."""
        return CalledAgain(statuses=frozenset(self.statuses), dispositions=frozenset(self.dispositions or ()))


@dataclass(frozen=True)
class BatchRequeueing:
    """One request of one client."""

    dependencies: ApiDependencies
    client: Client
    parent: str
    wanted: BatchRequeue
    once: OnceOnly | None
    """Set when the request may be repeated."""

    async def run(self, now: datetime) -> str:
        """Store the batch and start its workflow; returns the JSON text of the answer.

        Raises InvalidRequest, ForeignOrganization, BatchNotFound, CampaignClosed, EngineUnavailable,
        StoreUnavailable, IdempotencyKeyBusy, IdempotencyKeyUsed; nothing is left behind then.
        """
        wanted = self.wanted
        read_schedule(wanted.scheduled_start, wanted.scheduled_end, wanted.timezone, now)
        self.client.require_own(wanted.organization_id)
        parent, campaign = await self.dependencies.batches.get_uncounted(
            self.client.organization_id, batch_id_of(self.parent)
        )
        if campaign.status is CampaignStatus.CANCELLED:
            raise CampaignClosed
        new = self._new_batch(parent, campaign, now)
        require_some_open_day(new.overrides, campaign)
        await self.dependencies.engine.ping()
        answer = partial(_answer, campaign)
        try:
            batch = await self.dependencies.batches.requeue(new, wanted.which, now, keyed(self.once, answer))
        except NobodyLeft:
            raise InvalidRequest([_NOBODY]) from None
        await start_batch(self.dependencies, batch, now)
        return answer(batch)

    def _new_batch(self, parent: Batch, campaign: Campaign, now: datetime) -> NewBatch:
        wanted, given = self.wanted, self.wanted.model_fields_set
        overrides = wanted.overrides_over(parent.overrides)
        NumberZones(overrides.timezone, campaign.rules).require_fallback()
        timezone = clock_zone(overrides, campaign.rules)
        schedule = read_schedule(wanted.scheduled_start, wanted.scheduled_end, timezone, now)
        has_limit, has_context = "concurrency_limit" in given, "call_context" in given
        return NewBatch(
            campaign_id=parent.campaign_id,
            organization_id=parent.organization_id,
            parent_batch_id=parent.batch_id,
            name=wanted.name,
            scheduled_start=schedule.start,
            scheduled_end=schedule.end,
            concurrency_limit=wanted.concurrency_limit if has_limit else parent.concurrency_limit,
            keep_open=wanted.keep_open or False,
            overrides=overrides,
            call_context=(wanted.call_context or {}) if has_context else parent.call_context,
            metadata=wanted.metadata or {},
        )


def _answer(campaign: Campaign, batch: Batch) -> str:
    return BatchOut.of(batch, campaign).model_dump_json()
