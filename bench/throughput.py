"""Whole contacts per second beside the bare fan-out, on one server, in turn."""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from bench.fan_out import PARENT_QUEUE, WINDOW, BareFanOut, fan_out_workers
from bench.figures import Figure, Size
from bench.full_path import run_batch
from bench.server import api_of, client_of
from bench.usage import milliseconds_each, processor_seconds
from embedded.stack import RunningStack


@dataclass(frozen=True)
class Lap:
    """One measurement: contacts per second, and milliseconds of processor time per contact and part."""

    rate: float
    milliseconds: Mapping[str, float]

    @property
    def total(self) -> float:
        """Milliseconds of processor time per contact, all parts together."""
        return sum(self.milliseconds.values())


@dataclass(frozen=True)
class Round:
    """The yardstick and the full path, one right after the other."""

    bare: Lap
    full: Lap

    @property
    def ratio(self) -> float:
        """Whole contacts per bare child."""
        return self.full.rate / self.bare.rate


async def bare_rate(client: Client, children: int) -> float:
    """Return children per second of the bare fan-out."""
    began = asyncio.get_running_loop().time()
    await client.execute_workflow(
        BareFanOut.run, children, id=f"bench/{uuid.uuid4().hex}", task_queue=PARENT_QUEUE
    )
    return children / (asyncio.get_running_loop().time() - began)


async def lap(stack: RunningStack, contacts: int, run: Awaitable[float]) -> Lap:
    """Run one measurement with an eye on the processors."""
    before = processor_seconds(stack)
    rate = await run
    return Lap(rate, milliseconds_each(before, processor_seconds(stack), contacts))


async def measure_throughput(stack: RunningStack, *, contacts: int, rounds: int) -> list[Round]:
    """Return the rounds after one that warms everything up."""
    client = await client_of(stack)
    measured = []
    async with (
        api_of(stack) as api,
        fan_out_workers(client),
    ):
        for size in [contacts // 4, *[contacts] * rounds]:
            bare = await lap(stack, size, bare_rate(client, size))
            full = await lap(stack, size, run_batch(api, contacts=size, window=WINDOW))
            measured.append(Round(bare, full))
    return measured[1:]


def throughput_figures(rounds: Sequence[Round], *, sees_temporal: bool) -> Sequence[Figure]:
    """Return what a whole contact costs beside a bare child.

    Of a server that is no part of the stack the rate alone tells: most of its processor time is not seen.
    """
    used = median(each.full.total / each.bare.total for each in rounds)
    ratio = median(each.ratio for each in rounds)
    rate = Figure("whole contacts per second ÷ bare fan-out", ratio, 0.7, at_least=True)
    cost = Figure("processor time of a whole contact ÷ of a bare child", used, 1.7)
    return [rate, cost] if sees_temporal else [rate]


def show_throughput(console: Console, rounds: list[Round], contacts: int) -> None:
    """Print every round, the medians, and where the processor time went."""
    table = Table(title=f"{contacts} contacts, window {WINDOW}, {os.cpu_count()} cores")
    for column in ("round", "bare fan-out /s", "whole contacts /s", "ratio"):
        table.add_column(column, justify="right")
    for number, each in enumerate(rounds, start=1):
        table.add_row(str(number), f"{each.bare.rate:.1f}", f"{each.full.rate:.1f}", f"{each.ratio:.2f}")
    table.add_section()
    table.add_row(
        "median",
        f"{median(each.bare.rate for each in rounds):.1f}",
        f"{median(each.full.rate for each in rounds):.1f}",
        f"{median(each.ratio for each in rounds):.2f}",
    )
    console.print(table)
    console.print(_processor_table([each.bare for each in rounds], [each.full for each in rounds]))


def _processor_table(bare: list[Lap], full: list[Lap]) -> Table:
    table = Table(title="milliseconds of processor time per contact (medians)")
    for column in ("part", "bare fan-out", "full path"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for part in full[0].milliseconds:
        table.add_row(
            part, *(f"{median(lap.milliseconds[part] for lap in laps):.1f}" for laps in (bare, full))
        )
    table.add_section()
    table.add_row("all", *(f"{median(lap.total for lap in laps):.1f}" for laps in (bare, full)))
    return table


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    rounds = asyncio.run(measure_throughput(stack, contacts=size.contacts, rounds=size.rounds))
    show_throughput(console, rounds, size.contacts)
    return throughput_figures(rounds, sees_temporal=stack.plan.owns_temporal)
