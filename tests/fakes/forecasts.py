"""What forecasts are made from, in memory."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from domain.call import OUTCOME_OF, CallRecord, was_conversation
from domain.forecast.past_calls import CallsAlike, PastCalls
from domain.frequency import CapsAt, CountedCall
from domain.identity import BatchId, CampaignId, OrganizationId
from domain.ports import NumberFacts
from domain.slots import SlotDemand
from tests.fakes.tables import Tables, is_open


class FakeForecastStore:
    """Implements ForecastStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def facts_of_numbers(
        self, organization_id: OrganizationId, numbers: Sequence[str], caps: CapsAt, now: datetime
    ) -> NumberFacts:
        """Return what stands now."""
        self._tables.require_up()
        called = self._tables.called_number
        mine = [each for each in self._calls_of(organization_id) if called(each) in numbers]
        return NumberFacts(
            suppressed={each for each in numbers if self._tables.is_suppressed(organization_id, each, now)},
            on_own_call={each.to_number for each in mine if is_open(each)},
            calls={
                number: tuple(
                    sorted(
                        (
                            CountedCall(each.started_at, was_conversation(each))
                            for each in mine
                            if called(each) == number and each.started_at
                        ),
                        key=lambda each: each.began_at,
                        reverse=True,
                    )
                )
                for number in set(map(called, mine))
                if caps.caps
            },
        )

    async def past_calls(
        self, organization_id: OrganizationId, since: datetime, dispositions: Collection[str]
    ) -> PastCalls | None:
        """Return each call for itself, those that are equal together."""
        self._tables.require_up()
        ended = [
            self._alike(each, dispositions)
            for each in self._calls_of(organization_id)
            if each.call_status in OUTCOME_OF and each.ended_at is not None and each.ended_at > since
        ]
        counted = Counter(ended)
        return PastCalls(tuple(_times(each, calls) for each, calls in counted.items())) if ended else None

    async def demands(self, campaign_id: CampaignId, now: datetime) -> Mapping[BatchId, SlotDemand]:
        """Return what each batch holds and wants."""
        self._tables.require_up()
        mine = [
            each for each in self._tables.batches if self._tables.batches[each].campaign_id == campaign_id
        ]
        held = {each: len(self._tables.slots_of(each)) for each in mine}
        wants = {each: max(held[each], self._tables.slot_demands.get(each, 0)) for each in mine}
        return {each: SlotDemand(held=held[each], wants=wants[each]) for each in mine if wants[each]}

    def _calls_of(self, organization_id: OrganizationId) -> list[CallRecord]:
        campaigns = self._tables.campaigns
        return [
            each
            for each in self._tables.calls.values()
            if campaigns[each.campaign_id].organization_id == organization_id
        ]

    def _alike(self, record: CallRecord, dispositions: Collection[str]) -> CallsAlike:
        assert record.ended_at is not None
        answered_at, started_at = record.answered_at, record.started_at or record.ended_at
        return CallsAlike(
            kind=record.kind,
            call_status=record.call_status,
            answered_by=record.answered_by,
            disposition=record.disposition if record.disposition in dispositions else None,
            calls=1,
            ring=(answered_at or record.ended_at) - started_at,
            talks=(record.ended_at - answered_at if answered_at else timedelta(),),
            follow_up_after=record.follow_up_at - record.ended_at if record.follow_up_at else None,
            cost=record.total_cost,
        )


def _times(alike: CallsAlike, calls: int) -> CallsAlike:
    return CallsAlike(**{**vars(alike), "calls": calls})
