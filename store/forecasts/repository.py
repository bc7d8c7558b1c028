"""Reads what a forecast is made from."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import StoreBusy
from domain.forecast.past_calls import PastCalls
from domain.frequency import CapsAt, CountedCall
from domain.identity import BatchId, CampaignId, OrganizationId
from domain.ports import NumberFacts
from domain.slots import SlotDemand
from store.database.engine import single_statement, transaction
from store.forecasts import past_calls
from store.forecasts.numbers import attempts, marked
from store.slots.demands import demands_in

NUMBERS_AT_ONCE = 5_000
PAST_CALLS_SECONDS = 2
"""How long the database may count; a forecast does without rather than wait."""

_IN_TIME = text(f"SET LOCAL statement_timeout = '{PAST_CALLS_SECONDS}s'")


class PostgresForecastStore:
    """Implements `ForecastStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def facts_of_numbers(
        self, organization_id: OrganizationId, numbers: Sequence[str], caps: CapsAt, now: datetime
    ) -> NumberFacts:
        """Look the numbers up page by page, so that no statement is long."""
        suppressed, busy = set(), set()
        calls: dict[str, list[CountedCall]] = defaultdict(list)
        for page in _pages(numbers):
            async with single_statement(self._engine) as connection:
                for number, is_suppressed, is_busy in await connection.execute(
                    marked(organization_id, page, now)
                ):
                    suppressed |= {number} if is_suppressed else set()
                    busy |= {number} if is_busy else set()
                if caps.caps:
                    rows = await connection.execute(attempts(organization_id, page, caps))
                    for number, began_at, was_conversation in rows:
                        calls[number].append(CountedCall(began_at, was_conversation))
        return NumberFacts(
            suppressed=suppressed,
            on_own_call=busy,
            calls={number: tuple(each) for number, each in calls.items()},
        )

    async def past_calls(
        self, organization_id: OrganizationId, since: datetime, dispositions: Collection[str]
    ) -> PastCalls | None:
        """Count the newest calls of the newest batches, in one statement that is given little time."""
        try:
            async with transaction(self._engine) as connection:
                await connection.execute(_IN_TIME)
                counted = past_calls.counted(organization_id, since, dispositions)
                return past_calls.read((await connection.execute(counted)).all())
        except StoreBusy:
            return None

    async def demands(self, campaign_id: CampaignId, now: datetime) -> Mapping[BatchId, SlotDemand]:
        """Read the slots and what was reported of them lately."""
        async with single_statement(self._engine) as connection:
            return await demands_in(connection, campaign_id, now)


def _pages(numbers: Sequence[str]) -> Iterator[Sequence[str]]:
    return (numbers[first : first + NUMBERS_AT_ONCE] for first in range(0, len(numbers), NUMBERS_AT_ONCE))
