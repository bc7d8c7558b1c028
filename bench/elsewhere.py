"""A batch on a stack that runs elsewhere: `python -m bench.elsewhere URL --contacts 2000 --limit 200`.

The token is that of `APOLLO_API_TOKEN`. Everybody is to answer, and talks for as long as the provider has it.
"""

import argparse
import asyncio
import os
from collections.abc import Mapping
from statistics import fmean

import httpx
from rich.console import Console

from bench.full_path import BatchUnderWay, rate_of, start_batch

_LOOK_EVERY_SECONDS = 1


async def measure(api: httpx.AsyncClient, *, contacts: int, limit: int) -> tuple[float, float]:
    """Return contacts per second, and the share of the slots on the phone while contacts were pending."""
    in_flight: list[int] = []
    batch = await start_batch(api, contacts=contacts, window=limit)
    looking = asyncio.create_task(_look(api, batch, in_flight))
    try:
        rate = await rate_of(api, batch)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    return rate, fmean(in_flight or [0]) / limit


async def _look(api: httpx.AsyncClient, batch: BatchUnderWay, in_flight: list[int]) -> None:
    """Note who is on the phone once all slots were filled, until nobody is left to be called."""
    filled = False
    while True:
        answer = await api.get(f"/batches/{batch.batch_id}")
        counters: Mapping[str, int] = answer.raise_for_status().json()["counters"]
        if not counters["pending"]:
            return
        filled = filled or counters["completed"] > 0
        if filled:
            in_flight.append(counters["in_flight"])
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


async def _measure_at(url: str, contacts: int, limit: int) -> tuple[float, float]:
    headers = {"Authorization": f"Bearer {os.environ['APOLLO_API_TOKEN']}"}
    async with httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, timeout=60) as api:
        return await measure(api, contacts=contacts, limit=limit)


def main() -> None:
    """Call everybody, and print what it came to."""
    parser = argparse.ArgumentParser(prog="python -m bench.elsewhere", description=__doc__)
    parser.add_argument("url", help="of the API, without /api/v1")
    parser.add_argument("--contacts", type=int, default=2000)
    parser.add_argument("--limit", type=int, default=200)
    given = parser.parse_args()
    rate, in_use = asyncio.run(_measure_at(given.url, given.contacts, given.limit))
    share = f"{in_use:.3f} of {given.limit} slots on the phone"
    Console().print(f"{given.contacts:,} contacts: {rate:.2f} per second, {share}")


if __name__ == "__main__":
    main()
