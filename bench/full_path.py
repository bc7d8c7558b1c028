"""The full path: a batch over REST, calls and webhooks over HTTP, every row written."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import httpx

LOOK_EVERY_SECONDS, CONTACTS_A_SECOND = 0.5, 20_000
"""Each look counts everybody, so a large batch is looked at more seldom."""
GIVE_UP_AFTER_SECONDS = 600
"""And after another second for each contact."""
TERMINAL = frozenset({"completed", "cancelled", "expired"})


@dataclass(frozen=True)
class BatchUnderWay:
    """A batch that was uploaded a moment ago."""

    batch_id: str
    contacts: int
    created_at: datetime


async def run_batch(api: httpx.AsyncClient, *, contacts: int, window: int) -> float:
    """Call so many people to their end; return contacts per second from upload to completion.

    Raises RuntimeError when anybody was not reached, for then something else was measured.
    """
    return await rate_of(api, await start_batch(api, contacts=contacts, window=window))


async def start_batch(api: httpx.AsyncClient, *, contacts: int, window: int) -> BatchUnderWay:
    """Upload so many people who answer, and begin to call them."""
    return await upload_batch(api, await create_campaign(api), who_answer(contacts), window=window)


async def create_campaign(api: httpx.AsyncClient, **fields: object) -> str:
    """Create a campaign that calls at any hour; `fields` are more of its own. Returns its id."""
    named = {"name": "bench", "agent_id": "agent_bench", "phone_numbers": ["+14155550180"]}
    return str((await _create(api, "/campaigns/", named | fields))["campaign_id"])


async def upload_batch(
    api: httpx.AsyncClient, campaign_id: str, phone_numbers: Iterator[str], *, window: int
) -> BatchUnderWay:
    """Upload people by their numbers, and begin to call them."""
    contacts = [{"phone_number": each} for each in phone_numbers]
    body = {"campaign_id": campaign_id, "concurrency_limit": window, "contacts": contacts}
    batch = await _create(api, "/batches/", body)
    created_at = datetime.fromisoformat(str(batch["created_at"]))
    return BatchUnderWay(str(batch["batch_id"]), len(contacts), created_at)


def who_answer(people: int) -> Iterator[str]:
    """Return numbers whose last digits have no meaning for the simulator, 25 to 94."""
    return (f"+1415{5_000_000 + number // 70 * 100 + 25 + number % 70}" for number in range(people))


def who_are_busy(people: int, *, beyond: int = 0, at_first: bool = False) -> Iterator[str]:
    """Return numbers that are engaged, or are `at_first` and answer the second call, up to 50,000 of them.

    The numbers of the first `beyond` are others' already.
    """
    ending = 4 if at_first else 1
    return (f"+1415{5_000_000 + number * 100 + ending}" for number in range(beyond, beyond + people))


async def rate_of(api: httpx.AsyncClient, batch: BatchUnderWay) -> float:
    """Wait for the end; return contacts per second from upload to completion.

    Raises RuntimeError when anybody was not reached, for then something else was measured.
    """
    finished = await _wait_for_end(api, batch)
    counters = finished["counters"]
    if not isinstance(counters, dict) or counters["completed"] != batch.contacts:
        raise RuntimeError("not every contact was completed")
    took = datetime.fromisoformat(str(finished["updated_at"])) - batch.created_at
    return batch.contacts / took.total_seconds()


async def _create(api: httpx.AsyncClient, path: str, body: dict[str, object]) -> dict[str, object]:
    response = await api.post(path, json=body)
    response.raise_for_status()
    created: dict[str, object] = response.json()
    return created


async def _wait_for_end(api: httpx.AsyncClient, batch: BatchUnderWay) -> dict[str, object]:
    async with asyncio.timeout(GIVE_UP_AFTER_SECONDS + batch.contacts):
        while True:
            response = await api.get(f"/batches/{batch.batch_id}")
            response.raise_for_status()
            found: dict[str, object] = response.json()
            if found["status"] in TERMINAL:
                return found
            await asyncio.sleep(max(LOOK_EVERY_SECONDS, batch.contacts / CONTACTS_A_SECOND))
