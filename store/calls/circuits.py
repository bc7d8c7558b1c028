"""The newest report of the way to each telephony provider."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.breaker import BreakerState
from domain.ports import CircuitReport
from store.database.engine import single_statement
from store.database.text import storable_text
from store.schema.tables import provider_routes


class PostgresCircuitStore:
    """The circuits of all workers; implements `CircuitStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def report(self, report: CircuitReport) -> None:
        """Replace the circuit's former report, unless that one is of a later instant."""
        reported = insert(provider_routes).values(
            provider=report.provider,
            state=report.state,
            since=report.since,
            errors=report.errors,
            reason=None if report.reason is None else storable_text(report.reason),
            probe_at=report.probe_at,
        )
        values = {
            each.name: reported.excluded[each.name] for each in provider_routes.c if not each.primary_key
        }
        kept = reported.on_conflict_do_update(
            index_elements=[provider_routes.c.provider],
            set_=values,
            where=provider_routes.c.since <= reported.excluded.since,
        )
        async with single_statement(self._engine) as connection:
            await connection.execute(kept)

    async def reports(self) -> Sequence[CircuitReport]:
        """Return the newest report of every circuit, by the provider's name."""
        c = provider_routes.c
        async with single_statement(self._engine) as connection:
            found = await connection.execute(select(provider_routes).order_by(c.provider))
        return [
            CircuitReport(
                provider=row[c.provider],
                state=BreakerState(row[c.state]),
                since=row[c.since],
                errors=row[c.errors],
                reason=row[c.reason],
                probe_at=row[c.probe_at],
            )
            for row in found.mappings()
        ]
