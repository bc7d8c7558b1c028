"""What a contact of a large batch costs beside one of a small batch, and what memory grows to.

The small batch goes first, on the same stack. Memory is looked at while the large batch runs: its mean in the
last tenth of the time beside its mean in the second.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean

import httpx
from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Size
from bench.full_path import BatchUnderWay, rate_of, run_batch, start_batch
from bench.server import client_of, run_lengths
from bench.usage import memory_bytes, milliseconds_each, processor_seconds
from embedded.stack import RunningStack

SMALL = 1000
LIMIT = 100
_HELD_FLAT = ("worker", "api")
_LOOK_EVERY_SECONDS = 2
_TENTHS = 10


@dataclass
class Scaled:
    """A small and a large batch, one after the other."""

    rates: tuple[float, float] = (0, 0)
    """Contacts per second."""
    small: Mapping[str, float] = field(default_factory=dict)
    """Processor time per contact and part, in milliseconds."""
    large: Mapping[str, float] = field(default_factory=dict)
    memory: list[Mapping[str, int]] = field(default_factory=list)
    """Bytes by part, look after look."""
    runs: Sequence[int] = ()
    """Events of each run of the large batch's workflow."""

    def growth(self, part: str) -> float:
        """Return the memory in the last tenth of the time beside that in the second."""
        tenths = self.tenths(part)
        return tenths[-1] / tenths[min(1, len(tenths) - 1)]

    def tenths(self, part: str) -> Sequence[float]:
        """Return the mean memory in each tenth of the time, in bytes."""
        looks = [look[part] for look in self.memory]
        bounds = [len(looks) * tenth // _TENTHS for tenth in range(_TENTHS + 1)]
        return [fmean(looks[start:end]) for start, end in pairwise(bounds) if start < end]


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
        batch = await start_batch(api, contacts=contacts, window=limit)
        large = await _watched(stack, api, scaled, batch)
        scaled.large = milliseconds_each(between, processor_seconds(stack), contacts)
    scaled.rates = (small, large)
    scaled.runs = await run_lengths(await client_of(stack), batch.batch_id)
    return scaled


async def _watched(
    stack: RunningStack, api: httpx.AsyncClient, scaled: Scaled, batch: BatchUnderWay
) -> float:
    async def look() -> None:
        while True:
            scaled.memory.append(await asyncio.to_thread(memory_bytes, stack))
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    looking = asyncio.create_task(look())
    try:
        return await rate_of(api, batch)
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
            for part in _HELD_FLAT
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
    events = f"{sum(scaled.runs):,} events, at most {max(scaled.runs):,} in one"
    console.print(f"the batch's workflow: {len(scaled.runs)} runs, {events}")
    for part in scaled.memory[0]:
        shown = ", ".join(f"{tenth / 2**20:.0f}" for tenth in scaled.tenths(part))
        console.print(f"memory of {part}, tenth by tenth: {shown} MiB")


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    scaled = asyncio.run(measure_scale(stack, contacts=size.contacts, limit=size.limit))
    show_scale(console, scaled, size.contacts)
    return scale_figures(scaled, size.contacts)
