"""How long an upload takes until it is answered, of contacts that are called in a distant future."""

import asyncio
from collections.abc import Sequence
from statistics import median
from time import perf_counter

from rich.console import Console

from bench.figures import Figure, Size
from bench.server import api_of
from embedded.stack import RunningStack

_CAMPAIGN = {"name": "bench", "agent_id": "agent_bench", "phone_numbers": ["+14155550180"]}


async def measure_upload(stack: RunningStack, *, contacts: int, rounds: int) -> Sequence[float]:
    """Return the seconds of each upload after a small one."""
    async with api_of(stack) as api:
        campaign = (await api.post("/campaigns/", json=_CAMPAIGN)).raise_for_status().json()
        seconds = []
        for size in [contacts // 10, *[contacts] * rounds]:
            people = [{"phone_number": f"+1415{2_000_000 + number}"} for number in range(size)]
            body = {
                "campaign_id": campaign["campaign_id"],
                "scheduled_start": "2099-01-01T00:00:00Z",
                "contacts": people,
            }
            began = perf_counter()
            (await api.post("/batches/", json=body)).raise_for_status()
            seconds.append(perf_counter() - began)
        return seconds[1:]


def upload_figures(seconds: Sequence[float], contacts: int) -> Sequence[Figure]:
    """Return the median."""
    return [Figure(f"POST of a batch with {contacts:,} contacts, s", median(seconds), 0.5)]


def show_upload(console: Console, seconds: Sequence[float], contacts: int) -> None:
    """Print every upload."""
    shown = ", ".join(f"{each:.2f}" for each in seconds)
    console.print(f"{contacts:,} contacts uploaded in {shown} s")


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    seconds = asyncio.run(measure_upload(stack, contacts=size.contacts, rounds=size.rounds))
    show_upload(console, seconds, size.contacts)
    return upload_figures(seconds, size.contacts)
