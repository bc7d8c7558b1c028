"""How long the forecast of a large batch takes, and who waits meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import httpx
from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Size, percentile
from bench.usage import processor_seconds
from embedded.stack import RunningStack

_BETWEEN_POLLS_SECONDS = 0.02
_COLUMNS = (
    *("seconds", "processor seconds", "calls", "courses", "contacts simulated"),
    "p99 of /healthz ms",
)
_RULES = {
    "name": "bench",
    "agent_id": "agent",
    "phone_numbers": ["+14155550180"],
    "working_hours_enforced": True,
    "timezone": "from_number",
    "fallback_timezone": "UTC",
    "holidays": "US",
    "frequency_caps": [{"max_calls": 3, "hours": 24}],
}


@dataclass(frozen=True)
class Previewed:
    """One forecast; times in seconds."""

    seconds: float
    processor: float
    """Of the API and the process beside it, whatever else the machine does."""
    waits: Sequence[float]
    """Of another client, for `/healthz`."""
    calls: int
    courses: int
    simulated: int


async def measure_preview(stack: RunningStack, *, contacts: int, rounds: int) -> Sequence[Previewed]:
    """Preview the same file again and again; the first one starts the process that works them out."""
    headers = {"Authorization": f"Bearer {stack.token}"}
    async with httpx.AsyncClient(base_url=stack.plan.api_url, headers=headers, timeout=120) as api:
        campaign = (await api.post("/api/v1/campaigns/", json=_RULES)).raise_for_status().json()
        fields = {"campaign_id": campaign["campaign_id"], "concurrency_limit": "50"}
        return [await _previewed(stack, api, fields, _people(contacts)) for _ in range(rounds)]


def _people(contacts: int) -> bytes:
    numbers = (f"+1{212 + each % 700}{5_000_000 + each}" for each in range(contacts))
    return "\n".join(["phone_number", *numbers]).encode()


async def _previewed(
    stack: RunningStack, api: httpx.AsyncClient, fields: dict[str, str], people: bytes
) -> Previewed:
    waits: list[float] = []
    used_before = processor_seconds(stack)["api"]
    async with _polled(api, waits):
        began = perf_counter()
        answer = await api.post(
            "/api/v1/batches/preview",
            data={**fields, "on_invalid": "skip"},
            files={"file": ("people.csv", people, "text/csv")},
        )
        seconds = perf_counter() - began
    expected = answer.raise_for_status().json()
    assumed = expected["assumptions"]
    return Previewed(
        seconds=seconds,
        processor=processor_seconds(stack)["api"] - used_before,
        waits=waits,
        calls=expected["calls_expected"],
        courses=assumed["courses"],
        simulated=assumed["contacts_simulated"],
    )


@asynccontextmanager
async def _polled(api: httpx.AsyncClient, waits: list[float]) -> AsyncIterator[None]:
    async def poll() -> None:
        while True:
            began = perf_counter()
            (await api.get("/healthz")).raise_for_status()
            waits.append(perf_counter() - began)
            await asyncio.sleep(_BETWEEN_POLLS_SECONDS)

    polling = asyncio.create_task(poll())
    try:
        yield
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)


def preview_figures(measured: Sequence[Previewed], contacts: int) -> Sequence[Figure]:
    """Return how long a forecast takes."""
    seconds = median(each.seconds for each in measured)
    return [Figure(f"preview of {contacts:,} contacts, s", seconds, 5)]


def show_preview(console: Console, measured: Sequence[Previewed], contacts: int) -> None:
    """Print one line per forecast."""
    table = Table(title=f"Forecast of {contacts:,} contacts")
    for column in (
        "seconds",
        "processor seconds",
        "calls",
        "courses",
        "contacts simulated",
        "p99 of /healthz ms",
    ):
        table.add_column(column, justify="right")
    for each in measured:
        slowest = percentile(each.waits, 0.99)
        figures = (each.calls, each.courses, each.simulated)
        table.add_row(
            f"{each.seconds:.1f}",
            f"{each.processor:.1f}",
            *(f"{figure:,}" for figure in figures),
            f"{slowest * 1000:.0f}",
        )
    console.print(table)


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    rounds = asyncio.run(measure_preview(stack, contacts=size.contacts, rounds=size.rounds))
    show_preview(console, rounds, size.contacts)
    return preview_figures(rounds, size.contacts)
