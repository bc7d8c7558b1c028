"""How soon somebody is dialled again after the only worker was killed: `python -m bench --only restarts`.

In the middle of a batch the worker gets -9, and its supervisor starts another one. Counted from the kill to
the first request for a call that the simulator wrote down after it, and to so many as the batch has slots.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

import httpx
from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Size
from bench.full_path import BatchUnderWay, rate_of, start_batch
from bench.server import api_of
from embedded.restarts import HEALTHY_SECONDS
from embedded.stack import RunningStack

LIMIT = 20
TALK_SECONDS = 2
_BEFORE_SECONDS = 5.0
"""Until calls end all the time."""
_SENT_BEFORE = timedelta(milliseconds=50)
"""A request that arrives so soon after the kill was sent before it."""
_GIVE_UP_AFTER_SECONDS = 60


@dataclass(frozen=True)
class Recovery:
    """Seconds from the kill of a worker."""

    first: float
    """To the next dial."""
    all_slots: float
    """To as many dials as the batch has slots."""


def measure_restart(stack: RunningStack, *, contacts: int, limit: int) -> Recovery:
    """Kill the worker in the middle of a batch; return when it dials again."""
    with httpx.Client(timeout=60, trust_env=False) as simulator:
        simulator.delete(f"{stack.plan.simulator_url}/ledger").raise_for_status()
        batch = asyncio.run(_started(stack, contacts, limit))
        stack.pause(_BEFORE_SECONDS)
        killed_at = _kill_worker(stack)
        dials = _dials_after(stack, simulator, killed_at + _SENT_BEFORE, limit)
    asyncio.run(_ended(stack, batch))
    return Recovery(*((at - killed_at).total_seconds() for at in (dials[0], dials[limit - 1])))


async def _started(stack: RunningStack, contacts: int, limit: int) -> BatchUnderWay:
    async with api_of(stack) as api:
        return await start_batch(api, contacts=contacts, window=limit)


async def _ended(stack: RunningStack, batch: BatchUnderWay) -> None:
    async with api_of(stack) as api:
        await rate_of(api, batch)


def _kill_worker(stack: RunningStack) -> datetime:
    [worker] = [each for each in stack.children if each.name == "worker"]
    os.killpg(worker.pid, signal.SIGKILL)
    return datetime.now(UTC)


def _dials_after(
    stack: RunningStack, simulator: httpx.Client, since: datetime, enough: int
) -> Sequence[datetime]:
    """Keep the stack alive until enough people were dialled; return when. Raises RuntimeError after long."""
    for _ in range(int(_GIVE_UP_AFTER_SECONDS / 0.25)):
        stack.pause(0.25)
        ledger = simulator.get(f"{stack.plan.simulator_url}/ledger").raise_for_status().json()
        dials = sorted(datetime.fromisoformat(each["at"]) for each in ledger["create_requests"])
        if len(dials := [at for at in dials if at > since]) >= enough:
            return dials
    raise RuntimeError("nobody is dialled any more")


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    found = []
    for number in range(size.rounds):
        if number:
            stack.pause(HEALTHY_SECONDS)  # the next death is a first one again, and followed as soon
        found.append(measure_restart(stack, contacts=size.contacts, limit=size.limit))
    table = Table(title=f"worker killed, {size.limit} slots: seconds until")
    for column in ("the next dial", "all slots were dialled"):
        table.add_column(column, justify="right")
    for each in found:
        table.add_row(f"{each.first:.1f}", f"{each.all_slots:.1f}")
    console.print(table)
    return [Figure("worker killed: dials again after, s", median(each.first for each in found), 3)]
