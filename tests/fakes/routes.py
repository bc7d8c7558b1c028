"""Routes in memory."""

from collections.abc import Sequence

from domain.ports import CircuitReport
from tests.fakes.tables import Tables


class FakeCircuitStore:
    """Implements CircuitStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def report(self, report: CircuitReport) -> None:
        """Keep a report in place of the route's former one, unless that one tells of a later instant."""
        self._tables.require_up()
        former = self._tables.routes.get(report.provider)
        if former is None or former.since <= report.since:
            self._tables.routes[report.provider] = report

    async def reports(self) -> Sequence[CircuitReport]:
        """Return the newest report of every route, by the provider's name."""
        self._tables.require_up()
        return sorted(self._tables.routes.values(), key=lambda each: each.provider)
