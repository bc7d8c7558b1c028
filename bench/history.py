"""What lists, numbers and a diagnosis cost with a million stored contacts: `python -m bench --only history`.

The stores are asked on a database of their own, as the API asks them; nothing else runs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.figures import Figure
from bench.stored_history import ORGANIZATION, StoredHistory, a_database, keep_history
from domain.contact import ContactStatus
from domain.diagnosis.decision import RECENT_ATTEMPTS, RECENT_ENDINGS, WEBHOOK_SILENCE
from domain.frequency import CapsAt
from domain.identity import BatchId, TokenId
from domain.ports import Window
from domain.suppression import NewSuppression
from store.batches.repository import PostgresBatchStore
from store.campaigns.repository import PostgresCampaignStore
from store.contacts.repository import PostgresContactStore
from store.database.engine import create_store_engine
from store.database.ids import mint
from store.diagnostics.repository import PostgresDiagnosticsStore
from store.suppressions.repository import PostgresSuppressionStore

ROUNDS = 10
PENDING_SAMPLE, LOOKED_AT = 3, 20_000
"""As the API asks for them."""
BATCHES = 40
"""The newest is under way, all others are over."""
PAGE = Window(limit=50)
Question = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Asked:
    """One question, the first time and later, in milliseconds."""

    first: float
    later: Sequence[float]


class Questions:
    """What a client may ask of the history."""

    def __init__(self, engine: AsyncEngine, stored: StoredHistory, contacts: int) -> None:
        self._campaigns = PostgresCampaignStore(engine, mint)
        self._batches = PostgresBatchStore(engine, mint)
        self._contacts = PostgresContactStore(engine)
        self._numbers = PostgresDiagnosticsStore(engine)
        self._suppressions = PostgresSuppressionStore(engine, mint)
        self._stored = stored
        self._contacts_each = contacts

    def all(self) -> Mapping[str, Question]:
        """Return every question by its name."""
        stored = self._stored
        questions: dict[str, Question] = {
            "campaigns": lambda: self._campaigns.list_campaigns(ORGANIZATION, [], PAGE),
            "batches": lambda: self._batches.list_batches(
                ORGANIZATION, campaign_id=None, statuses=[], window=PAGE
            ),
            "stats of the campaign": lambda: self._campaigns.stats(ORGANIZATION, stored.campaign_id),
            "batch under way": lambda: self._batches.get(ORGANIZATION, stored.running),
            "debug of it": lambda: self._debug(stored.running),
            "contacts, first page": lambda: self._page([], 0),
            "contacts, far offset": lambda: self._page([], self._contacts_each * 9 // 10),
            "skipped, far offset": lambda: self._page([ContactStatus.SKIPPED], self._contacts_each // 11),
            "a number suppressed": self._suppress,
        }
        if (over := stored.over) is not None:
            questions["batch that is over"] = lambda: self._batches.get(ORGANIZATION, over)
            questions["debug of that"] = lambda: self._debug(over)
        return questions

    async def _page(self, statuses: Sequence[ContactStatus], skip: int) -> None:
        window = Window(skip=skip, limit=100)
        page = await self._contacts.list_contacts(self._stored.running, statuses, window)
        await self._contacts.latest_calls_of([each.contact_id for each in page.items])

    async def _suppress(self) -> None:
        new = NewSuppression(phone_number="+14150000017", reason="bench")
        await self._suppressions.add(ORGANIZATION, new, datetime.now(UTC), added_by=TokenId("tok_bench"))

    async def _debug(self, batch_id: BatchId) -> None:
        """Ask what `GET /batches/{id}/debug` asks of the database, in its order."""
        _, campaign = await self._batches.get(ORGANIZATION, batch_id)
        await asyncio.gather(
            self._facts(batch_id), self._numbers.ended_calls(batch_id, campaign.rules.timezone)
        )

    async def _facts(self, batch_id: BatchId) -> None:
        now = datetime.now(UTC)
        await self._numbers.standings(batch_id)
        await self._numbers.longest_pending(batch_id, PENDING_SAMPLE)
        await self._contacts.pending_zones(batch_id)
        await self._numbers.live_in_campaign(self._stored.campaign_id)
        await self._numbers.webhook_silence(batch_id, now - WEBHOOK_SILENCE, RECENT_ENDINGS)
        await self._numbers.recent_attempts(batch_id, RECENT_ATTEMPTS)
        await self._numbers.withheld(batch_id, CapsAt((), now), LOOKED_AT)


async def measure(engine: AsyncEngine, contacts: int, batches: int) -> Mapping[str, Asked]:
    """Put the history in, and ask every question several times."""
    stored = await keep_history(engine, contacts, batches, datetime.now(UTC))
    return {
        name: await _asked(question)
        for name, question in Questions(engine, stored, contacts // batches).all().items()
    }


async def _asked(question: Question) -> Asked:
    milliseconds = []
    for _ in range(1 + ROUNDS):
        began = perf_counter()
        await question()
        milliseconds.append((perf_counter() - began) * 1000)
    return Asked(milliseconds[0], milliseconds[1:])


def history_figures(asked: Mapping[str, Asked]) -> Sequence[Figure]:
    """Return the slowest of the lists, of the statistics and of the reports, by their medians."""
    of = {name: median(each.later) for name, each in asked.items()}
    lists = max(of["campaigns"], of["batches"])
    pages = max(of["contacts, first page"], of["contacts, far offset"])
    return [
        Figure("lists of a long history, ms", lists, 100),
        Figure("stats of a long history, ms", of["stats of the campaign"], 100),
        Figure("debug of a long history, ms", of["debug of it"], 1000),
        Figure("contacts page of a long history, ms", pages, 30),
    ]


def show_history(console: Console, asked: Mapping[str, Asked], contacts: int, batches: int) -> None:
    """Print a line for each question."""
    table = Table(title=f"{contacts:,} contacts in {batches} batches, milliseconds")
    for column in ("asked", "first", "best", "median", "worst"):
        table.add_column(column, justify="left" if column == "asked" else "right")
    for name, each in asked.items():
        later = (min(each.later), median(each.later), max(each.later))
        table.add_row(name, *(f"{number:.1f}" for number in (each.first, *later)))
    console.print(table)


def run(console: Console, *, contacts: int, batches: int) -> Sequence[Figure]:
    """Measure on a database of our own, and print what was found."""
    with a_database() as database_url:
        asked = asyncio.run(_measured(database_url, contacts, batches))
    show_history(console, asked, contacts, batches)
    return history_figures(asked)


async def _measured(database_url: str, contacts: int, batches: int) -> Mapping[str, Asked]:
    engine = create_store_engine(database_url)
    try:
        return await measure(engine, contacts, batches)
    finally:
        await engine.dispose()
