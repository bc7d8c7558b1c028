"""`python -m bench.csv_files`: a large batch imported from CSV and exported, and who waits meanwhile."""

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from bench.__main__ import bench_plan
from bench.server import api_of
from embedded.stack import RunningStack, running
from embedded.stop_request import StopRequest
from temporal.process_exit import leave

MEGABYTE = 1024 * 1024
_BETWEEN_POLLS_SECONDS = 0.02
_FAR_AHEAD = "2099-01-01T00:00:00Z"
"""Nobody is called, so that nothing but the file is measured."""


@dataclass
class Lap:
    """One measurement; times in seconds, memory in bytes."""

    seconds: float = 0
    size: int = 0
    memory_before: int = 0
    memory_peak: int = 0
    polls: dict[str, list[float]] = field(default_factory=dict)

    def slowest_of_a_hundred(self, path: str) -> float:
        """Return the 99th percentile of what another client waited."""
        waited = sorted(self.polls[path])
        return waited[int(len(waited) * 0.99)]


def a_file(contacts: int) -> bytes:
    """Return people with a name and three variables."""
    lines = ["callee_name,phone_number,external_id,due,amount,note"]
    for number in range(contacts):
        who = f'"Person, {number}",+1415{5000000 + number},P-{number}'
        lines.append(f'{who},2026-09-18,{number / 100:.2f},"said ""call me"", then left"')
    return "\r\n".join(lines).encode()


@asynccontextmanager
async def watched(stack: RunningStack, lap: Lap, paths: tuple[str, ...]) -> AsyncIterator[None]:
    """Poll the API as another client and look at its memory, until the end of the block."""
    headers = {"Authorization": f"Bearer {stack.token}"}
    process = _api_process(stack)
    lap.memory_before = lap.memory_peak = process.memory_info().rss
    async with httpx.AsyncClient(base_url=stack.plan.api_url, headers=headers, timeout=60) as client:

        async def poll(path: str) -> None:
            waited = lap.polls.setdefault(path, [])
            while True:
                began = perf_counter()
                (await client.get(path)).raise_for_status()
                waited.append(perf_counter() - began)
                lap.memory_peak = max(lap.memory_peak, process.memory_info().rss)
                await asyncio.sleep(_BETWEEN_POLLS_SECONDS)

        tasks = [asyncio.create_task(poll(path)) for path in paths]
        began = perf_counter()
        try:
            yield
        finally:
            lap.seconds = perf_counter() - began
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _api_process(stack: RunningStack) -> psutil.Process:
    """Return the server itself, the largest of the processes that were started for it."""
    started = psutil.Process(next(child.pid for child in stack.children if child.name == "api"))
    family: list[psutil.Process] = [started, *started.children(recursive=True)]
    return max(family, key=lambda each: each.memory_info().rss)


async def measure(stack: RunningStack, contacts: int) -> dict[str, Lap]:
    """Import and export the same people, once small to warm up and once large."""
    laps: dict[str, Lap] = {}
    async with api_of(stack, timeout=120) as api:
        campaign = await api.post(
            "/campaigns/", json={"name": "b", "agent_id": "a", "phone_numbers": ["+14155550180"]}
        )
        fields = {"campaign_id": campaign.json()["campaign_id"], "scheduled_start": _FAR_AHEAD}
        small = await _import(api, fields, a_file(100))
        polled = ("/healthz", f"/api/v1/batches/{small}")
        for rows in ("contacts", "calls"):
            await _export(api, small, rows)
        lap = laps["import"] = Lap()
        file = a_file(contacts)
        async with watched(stack, lap, polled):
            batch_id = await _import(api, fields, file)
        lap.size = len(file)
        for title in ("export", "export again"):
            lap = laps[title] = Lap()
            async with watched(stack, lap, polled):
                lap.size = await _export(api, batch_id, "contacts")
    return laps


async def _import(api: httpx.AsyncClient, fields: dict[str, str], file: bytes) -> str:
    answer = await api.post("/batches/upload", data=fields, files={"file": ("people.csv", file, "text/csv")})
    answer.raise_for_status()
    return str(answer.json()["batch_id"])


async def _export(api: httpx.AsyncClient, batch_id: str, rows: str) -> int:
    size = 0
    async with api.stream("GET", f"/batches/{batch_id}/export.csv", params={"rows": rows}) as answer:
        answer.raise_for_status()
        async for chunk in answer.aiter_bytes():
            size += len(chunk)
    return size


def show(console: Console, laps: dict[str, Lap], contacts: int) -> None:
    """Print one line per measurement."""
    table = Table(title=f"{contacts:,} contacts")
    for column in ("", "seconds", "MB", "API grew by MB", "p99 of /healthz ms", "p99 of a batch ms"):
        table.add_column(column, justify="right")
    for title, lap in laps.items():
        waits = [f"{lap.slowest_of_a_hundred(path) * 1000:.0f}" for path in lap.polls]
        grown = (lap.memory_peak - lap.memory_before) / MEGABYTE
        table.add_row(title, f"{lap.seconds:.1f}", f"{lap.size / MEGABYTE:.1f}", f"{grown:.1f}", *waits)
    console.print(table)


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    arguments = parser.parse_args()
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="apollo-bench-") as folder,
        StopRequest() as stop,
        running(bench_plan(Path(folder).resolve()), stop, console.print) as stack,
    ):
        show(console, asyncio.run(measure(stack, arguments.contacts)), arguments.contacts)
    leave(0)


if __name__ == "__main__":
    main()
