"""What it takes that people wait: asleep until they are tried again, and on the phone.

Sleepers are spread over fifty batches which are called at once; everybody is engaged at first.
Live calls are those of one batch with as many slots as people.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import httpx
from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Size
from bench.full_path import (
    GIVE_UP_AFTER_SECONDS,
    TERMINAL,
    create_campaign,
    run_batch,
    upload_batch,
    who_answer,
    who_are_busy,
)
from bench.server import api_of, client_of
from bench.usage import memory_bytes, milliseconds_each, processor_seconds
from embedded.stack import RunningStack
from workflows.contact.workflow import ContactWorkflow

BATCHES = 50
SLOTS_EACH = 2
TALK_SECONDS = 420
"""Longer than it takes to dial two thousand people and to look at them."""
STANDING_SECONDS = 60
_A_DAY_IN_MINUTES = 1440
_WARM_UP, _WARM_UP_SLOTS = 200, 50
_LOOK_EVERY_SECONDS = 1


@dataclass
class Waiting:
    """People who wait all at once."""

    people: int
    empty: Mapping[str, int] = field(default_factory=dict)
    """Bytes by part, before anybody was called."""
    full: Mapping[str, int] = field(default_factory=dict)
    """The same while all wait."""
    busy: Mapping[str, float] = field(default_factory=dict)
    """Milliseconds of processor time by part in each second in which all wait."""
    gathered: float = 0
    """People per second until all waited."""
    dismissed: float = 0
    """People per second from then on until nobody waited."""


async def measure_sleepers(stack: RunningStack, *, people: int) -> Waiting:
    """Call people who are engaged, look at all asleep, and cancel their batches."""
    waiting = Waiting(people // BATCHES * BATCHES)
    async with api_of(stack) as api:
        await run_batch(api, contacts=_WARM_UP, window=_WARM_UP_SLOTS)
        waiting.empty, began = memory_bytes(stack), perf_counter()
        policy = {"cooldown_minutes": _A_DAY_IN_MINUTES}
        campaign_id = await create_campaign(api, retry_policy=policy)
        each = people // BATCHES
        for number in range(BATCHES):
            engaged = who_are_busy(each, beyond=number * each)
            await upload_batch(api, campaign_id, engaged, window=SLOTS_EACH)
        await _until_all(api, campaign_id, waiting.people, "retrying")
        waiting.gathered = waiting.people / (perf_counter() - began)
        await _stand(stack, waiting)
        began = perf_counter()
        (await api.post(f"/campaigns/{campaign_id}/cancel")).raise_for_status()
        await _until_nobody_waits(stack, waiting.people)
        waiting.dismissed = waiting.people / (perf_counter() - began)
    return waiting


async def measure_live_calls(stack: RunningStack, *, people: int) -> Waiting:
    """Call people who talk for long, look at all of them on the phone, and wait for their ends."""
    waiting = Waiting(people)
    async with api_of(stack) as api:
        waiting.empty, began = memory_bytes(stack), perf_counter()
        campaign_id = await create_campaign(api)
        await upload_batch(api, campaign_id, who_answer(people), window=people)
        await _until_all(api, campaign_id, people, "in_flight")
        waiting.gathered = people / (perf_counter() - began)
        await _stand(stack, waiting)
        began = perf_counter()
        await _until_nobody_waits(stack, people)
        waiting.dismissed = people / (perf_counter() - began)
    return waiting


async def _until_all(api: httpx.AsyncClient, campaign_id: str, people: int, status: str) -> None:
    """Wait until so many people of a campaign's batches have a status, or their batches are over."""
    path = f"/campaigns/{campaign_id}/batches"
    async with asyncio.timeout(GIVE_UP_AFTER_SECONDS + people):
        while True:
            listed = (await api.get(path, params={"limit": BATCHES})).raise_for_status().json()
            if sum(each["counters"][status] for each in listed) >= people:
                return
            if all(each["status"] in TERMINAL for each in listed):
                raise RuntimeError(f"not everybody is {status}")
            await asyncio.sleep(_LOOK_EVERY_SECONDS)


async def _until_nobody_waits(stack: RunningStack, people: int) -> None:
    """Wait until no contact's workflow runs."""
    client = await client_of(stack)
    running = f"ExecutionStatus = 'Running' AND WorkflowType = '{ContactWorkflow.__name__}'"
    async with asyncio.timeout(GIVE_UP_AFTER_SECONDS + people):
        while (await client.count_workflows(running)).count:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(_LOOK_EVERY_SECONDS)


async def _stand(stack: RunningStack, waiting: Waiting) -> None:
    """Look at what the parts do and keep while nothing but time passes."""
    before = processor_seconds(stack)
    await asyncio.sleep(STANDING_SECONDS)
    waiting.busy = milliseconds_each(before, processor_seconds(stack), STANDING_SECONDS)
    waiting.full = memory_bytes(stack)


def show_waiting(console: Console, waiting: Waiting, title: str) -> None:
    """Print what each part keeps and does."""
    table = Table(title=f"{waiting.people:,} {title}")
    for column in ("part", "MiB before", "MiB", "KiB each", "% of a processor"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for part, full in waiting.full.items():
        empty = waiting.empty[part]
        each = (full - empty) / waiting.people / 2**10
        cells = (
            f"{empty / 2**20:.0f}",
            f"{full / 2**20:.0f}",
            f"{each:.1f}",
            f"{waiting.busy[part] / 10:.1f}",
        )
        table.add_row(part, *cells)
    console.print(table)
    console.print(f"{waiting.gathered:.1f} people/s until all waited, {waiting.dismissed:.1f} until none did")


def run_sleepers(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    waiting = asyncio.run(measure_sleepers(stack, people=size.contacts))
    show_waiting(console, waiting, f"sleepers of {BATCHES} batches")
    return []


def run_live_calls(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    show_waiting(console, asyncio.run(measure_live_calls(stack, people=size.contacts)), "live calls")
    return []
