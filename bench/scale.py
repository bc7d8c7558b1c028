"""What a contact of a large batch costs beside one of a small batch, and what memory grows to.

The small batch goes first, on the same stack. A machine changes its speed within a long run, so processor
time is divided by that of a fixed piece of work, done again and again meanwhile. Memory is its mean in the
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
from bench.full_path import rate_of, run_batch, start_batch
from bench.server import api_of, client_of, run_lengths
from bench.usage import memory_bytes, milliseconds_each, processor_seconds, yardstick_seconds
from embedded.stack import RunningStack

SMALL = 1000
LIMIT = 100
_HELD_FLAT = ("worker", "api")
_LOOK_EVERY_SECONDS = 2
_TENTHS = 10


@dataclass
class Course:
    """One batch from its upload to its end."""

    contacts: int
    rate: float = 0
    """Contacts per second."""
    cost: Mapping[str, float] = field(default_factory=dict)
    """Processor time per contact and part, in milliseconds."""
    memory: list[Mapping[str, int]] = field(default_factory=list)
    """Bytes by part, look after look."""
    yardsticks: list[float] = field(default_factory=list)
    """Processor seconds of the fixed work, look after look."""
    runs: Sequence[int] = ()
    """Events of each run of the batch's workflow."""

    @property
    def relative_cost(self) -> float:
        """What a contact costs, all parts together, in pieces of the fixed work."""
        return sum(self.cost.values()) / 1000 / fmean(self.yardsticks)

    def tenths(self, part: str) -> Sequence[float]:
        """Return the mean memory of a part in each tenth of the time, in bytes."""
        looks = [look[part] for look in self.memory]
        bounds = [len(looks) * tenth // _TENTHS for tenth in range(_TENTHS + 1)]
        return [fmean(looks[start:end]) for start, end in pairwise(bounds) if start < end]

    def growth(self, part: str) -> float:
        """Return the memory in the last tenth of the time beside that in the second."""
        tenths = self.tenths(part)
        return tenths[-1] / tenths[min(1, len(tenths) - 1)]


async def measure_scale(stack: RunningStack, *, contacts: int, limit: int) -> tuple[Course, Course]:
    """Call the small batch and the large one to their ends."""
    async with api_of(stack) as api:
        await run_batch(api, contacts=SMALL // 10, window=limit)
        small = await _watched(stack, api, Course(SMALL), limit)
        large = await _watched(stack, api, Course(contacts), limit)
    return small, large


async def _watched(stack: RunningStack, api: httpx.AsyncClient, course: Course, limit: int) -> Course:
    def look() -> None:
        course.memory.append(memory_bytes(stack))
        course.yardsticks.append(yardstick_seconds())

    async def keep_looking() -> None:
        while True:
            await asyncio.to_thread(look)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    before, looking = processor_seconds(stack), asyncio.create_task(keep_looking())
    try:
        batch = await start_batch(api, contacts=course.contacts, window=limit)
        course.rate = await rate_of(api, batch)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    course.cost = milliseconds_each(before, processor_seconds(stack), course.contacts)
    course.runs = await run_lengths(await client_of(stack), batch.batch_id)
    return course


def scale_figures(small: Course, large: Course) -> Sequence[Figure]:
    """Return how the cost grows with the batch, and memory with its contacts."""
    size, cost = f"{large.contacts:,}", large.relative_cost / small.relative_cost
    return [
        Figure(f"cost of a contact at {size} ÷ at {small.contacts:,}", cost, 1.1),
        *(
            Figure(f"memory of the {part} over {size} contacts, end ÷ begin", large.growth(part), 1.1)
            for part in _HELD_FLAT
        ),
    ]


def show_scale(console: Console, small: Course, large: Course) -> None:
    """Print the cost by part, and memory tenth by tenth."""
    table = Table(title="milliseconds of processor time per contact")
    table.add_column("part")
    for course in (small, large):
        table.add_column(f"{course.contacts:,} contacts", justify="right")
    for part in small.cost:
        table.add_row(part, *(f"{course.cost[part]:.1f}" for course in (small, large)))
    table.add_section()
    table.add_row("the fixed work", *(f"{fmean(each.yardsticks) * 1000:.2f}" for each in (small, large)))
    table.add_row("contacts per second", *(f"{each.rate:.1f}" for each in (small, large)))
    console.print(table)
    events = f"{sum(large.runs):,} events, at most {max(large.runs):,} in one"
    console.print(f"the large batch's workflow: {len(large.runs)} runs, {events}")
    for part in large.memory[0]:
        shown = ", ".join(f"{tenth / 2**20:.0f}" for tenth in large.tenths(part))
        console.print(f"memory of {part}, tenth by tenth: {shown} MiB")


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    small, large = asyncio.run(measure_scale(stack, contacts=size.contacts, limit=size.limit))
    show_scale(console, small, large)
    return scale_figures(small, large)
