"""What a contact of a large batch costs beside one of a small batch, and what memory grows to.

The small batch goes first, on the same stack. Memory is that of worker and API, looked at while the large
batch runs: its mean in the last tenth of the contacts beside its mean in the second.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Size
from bench.full_path import rate_of, run_batch, start_batch
from bench.usage import milliseconds_each, processor_seconds
from embedded.stack import RunningStack

SMALL = 1000
LIMIT = 100
_WATCHED = ("worker", "api")
_LOOK_EVERY_SECONDS = 1
_TENTHS = 10


@dataclass
class Scaled:
    """A small and a large batch, one after the other."""

    rates: tuple[float, float] = (0, 0)
    """Contacts per second."""
    small: Mapping[str, float] = field(default_factory=dict)
    """Processor time per contact and part, in milliseconds."""
    large: Mapping[str, float] = field(default_factory=dict)
    memory: dict[str, list[int]] = field(default_factory=lambda: {part: [] for part in _WATCHED})
    """Bytes of each process over time, by part."""

    def growth(self, part: str) -> float:
        """Return the memory in the last tenth of the time beside that in the second."""
        looks = self.memory[part]
        tenth = max(1, len(looks) // _TENTHS)
        return fmean(looks[-tenth:]) / fmean(looks[tenth : 2 * tenth] or looks)


async def measure_scale(stack: RunningStack, *, contacts: int, limit: int) -> Scaled:
    """Call the small batch and the large one to their ends."""
    headers = {"Authorization": f"Bearer {stack.token}"}
    scaled = Scaled()
    async with httpx.AsyncClient(base_url=f"{stack.plan.api_url}/api/v1", headers=headers, timeout=60) as api:
        await run_batch(api, contacts=SMALL // 10, window=limit)
        before = processor_seconds(stack)
        small = await run_batch(api, contacts=SMALL, window=limit)
        between = processor_seconds(stack)
        scaled.small = milliseconds_each(before, between, SMALL)
        large = await _watched(stack, api, scaled, contacts, limit)
        scaled.large = milliseconds_each(between, processor_seconds(stack), contacts)
    scaled.rates = (small, large)
    return scaled


async def _watched(
    stack: RunningStack, api: httpx.AsyncClient, scaled: Scaled, contacts: int, limit: int
) -> float:
    processes = {child.name: psutil.Process(child.pid) for child in stack.children if child.name in _WATCHED}

    async def look() -> None:
        while True:
            for part, process in processes.items():
                scaled.memory[part].append(process.memory_info().rss)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    looking = asyncio.create_task(look())
    try:
        return await rate_of(api, await start_batch(api, contacts=contacts, window=limit))
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def scale_figures(scaled: Scaled, contacts: int) -> Sequence[Figure]:
    """Return how the cost grows with the batch, and memory with its contacts."""
    cost = sum(scaled.large.values()) / sum(scaled.small.values())
    return [
        Figure(f"cost of a contact at {contacts:,} ÷ at {SMALL:,}", cost, 1.1),
        *(
            Figure(f"memory of the {part} over {contacts:,} contacts, end ÷ begin", scaled.growth(part), 1.1)
            for part in _WATCHED
        ),
    ]


def show_scale(console: Console, scaled: Scaled, contacts: int) -> None:
    """Print the cost by part, and memory tenth by tenth."""
    table = Table(title="milliseconds of processor time per contact")
    for column in ("part", f"{SMALL:,} contacts", f"{contacts:,} contacts"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for part, spent in scaled.small.items():
        table.add_row(part, f"{spent:.1f}", f"{scaled.large[part]:.1f}")
    table.add_row("contacts per second", *(f"{rate:.1f}" for rate in scaled.rates))
    console.print(table)
    for part, looks in scaled.memory.items():
        step = max(1, len(looks) // _TENTHS)
        shown = ", ".join(f"{fmean(looks[at : at + step]) / 2**20:.0f}" for at in range(0, len(looks), step))
        console.print(f"{part}: {shown} MiB")


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    scaled = asyncio.run(measure_scale(stack, contacts=size.contacts, limit=size.limit))
    show_scale(console, scaled, size.contacts)
    return scale_figures(scaled, size.contacts)
