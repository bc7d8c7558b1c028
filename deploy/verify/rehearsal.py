"""A batch of 200 simulated people on the composed stack, with parts killed in the middle of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from console.api_client import ApiClient, JsonObject
from console.ledger_check import faults, read_ledger, reckon
from console.progress import BatchProgress, read_progress
from deploy.verify.addresses import SIMULATOR
from deploy.verify.stack import ROOT, Stack, StackFailed

PEOPLE = ROOT / "console" / "demo.csv"
LIMIT = 20
LONGEST_SECONDS = 300.0
_MIDDLE = 40
"""So many contacts have ended when the blows fall."""
_CAMPAIGN: JsonObject = {
    "name": "Verify",
    "agent_id": "agent_verify",
    "phone_numbers": ["+14155550180", "+14155550181"],
    "metadata": {"concurrency_limit": LIMIT},
    "retry_policy": {"max_retries": 2, "cooldown_minutes": 0.05},
}


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """A batch that went well, and its figures as people read them."""

    batch_id: str
    figures: str

    def __str__(self) -> str:
        return self.figures


def rehearse(stack: Stack, first: ApiClient, second: ApiClient) -> Rehearsed:
    """Call everybody, with an API process and workers struck meanwhile; returns how it went.

    Everything is asked for at the first API process and read at the second, which is not struck.
    Raises StackFailed where the records and the simulator's ledger disagree or the batch does not end.
    """
    contacts = len(PEOPLE.read_text().splitlines()) - 1
    campaign = first.create_campaign(_CAMPAIGN)
    with PEOPLE.open("rb") as file:
        batch = first.create_batch({"campaign_id": campaign["campaign_id"]}, file)
    batch_id, began = str(batch["batch_id"]), time.monotonic()

    _wait(second, batch_id, lambda seen: seen.done >= _MIDDLE)
    stack.restart("api")
    stack.kill("worker-dial")
    stack.restart("worker-contact")
    ended = _wait(second, batch_id, lambda seen: seen.is_over)

    answer = httpx.get(f"{SIMULATOR}/ledger", timeout=10, trust_env=False).raise_for_status()
    found = reckon(ended.counters, second.contacts_with_calls(batch_id), read_ledger(answer.json()))
    wrong = faults(found, contacts=contacts, limit=LIMIT)
    if ended.status != "completed":
        wrong.insert(0, f"the batch ended as {ended.status}")
    if wrong:
        raise StackFailed("; ".join(wrong))
    return Rehearsed(
        batch_id=batch_id,
        figures=(
            f"{contacts} contacts, {found.rings} calls, {found.second_rings} second rings, at most "
            f"{found.peak_live} of {LIMIT} at once, {time.monotonic() - began:.0f} s"
        ),
    )


def _wait(api: ApiClient, batch_id: str, holds: Callable[[BatchProgress], bool]) -> BatchProgress:
    end = time.monotonic() + LONGEST_SECONDS
    while not holds(seen := read_progress(api.batch(batch_id))):
        if time.monotonic() > end:
            raise StackFailed(f"after {LONGEST_SECONDS:.0f} s the batch has {seen.done} contacts done")
        time.sleep(0.5)
    return seen
