"""The demo: one campaign, one batch of invented people, and a reckoning at the end."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table
from rich.text import Text

from console.api_client import ApiClient, JsonObject
from console.failures import ApiUnreachable, CommandFailed
from console.ledger_check import Ledger, Reckoning, faults, read_ledger, reckon
from console.progress import FINAL_COUNTERS, duration_text, read_progress
from console.watch import Watcher

CONCURRENCY = 20
LIMIT_SECONDS = 110.0
"""The demo gives up when its batch is not over by then."""

_CAMPAIGN: JsonObject = {
    "name": "Demo",
    "agent_id": "agent_demo",
    "phone_numbers": ["+14155550180", "+14155550181"],
    "metadata": {"concurrency_limit": CONCURRENCY},
    # Three seconds, so that the redials of the busy can be watched.
    "retry_policy": {"max_retries": 2, "cooldown_minutes": 0.05},
}


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A running stack of its own, seen from outside."""

    api: ApiClient
    ledger_url: str
    pause: Callable[[float], None]
    """Sleeps; raises when the demo has to end."""
    console: Console

    def run(self, people: Path) -> str:
        """Call every contact of a CSV file, a line each, show the result and return the batch's id.

        Raises CommandFailed naming what went wrong, also when the calls and the ledger disagree.
        """
        campaign = self.api.create_campaign(_CAMPAIGN)
        with people.open("rb") as file:
            # Counted here, so that a contact that the API loses is found missing.
            contacts = len(file.readlines()) - 1
            batch = self.api.create_batch({"campaign_id": campaign["campaign_id"]}, file)
        batch_id = str(batch["batch_id"])
        self._say(f"Calling {contacts} simulated people, at most {CONCURRENCY} at once …")
        began = time.monotonic()
        ended = Watcher(clock=time.monotonic, pause=self._limited(began)).follow(
            self.api, batch_id, self.console
        )
        reckoning = self._reckon(batch_id)
        _show_reckoning(reckoning, CONCURRENCY, time.monotonic() - began, self.console)
        found = faults(reckoning, contacts=contacts, limit=CONCURRENCY)
        if ended.status != "completed":
            found.insert(0, f"the batch ended as {ended.status}")
        if found:
            raise CommandFailed(f"The demo did not go as promised: {'; '.join(found)}")
        return batch_id

    def _reckon(self, batch_id: str) -> Reckoning:
        counters = read_progress(self.api.batch(batch_id)).counters
        return reckon(counters, self.api.contacts_with_calls(batch_id), self._ledger())

    def _ledger(self) -> Ledger:
        try:
            answer = httpx.get(self.ledger_url, timeout=10, trust_env=False)
            return read_ledger(answer.raise_for_status().json())
        except (httpx.HTTPError, ValueError) as error:
            raise ApiUnreachable("The simulator's ledger cannot be read") from error

    def _limited(self, began: float) -> Callable[[float], None]:
        def pause(seconds: float) -> None:
            if time.monotonic() - began > LIMIT_SECONDS:
                raise CommandFailed(f"The demo was not over after {LIMIT_SECONDS:.0f} s")
            self.pause(seconds)

        return pause

    def _say(self, line: str) -> None:
        self.console.print(Text(line), soft_wrap=True)


def _show_reckoning(reckoning: Reckoning, limit: int, seconds: float, console: Console) -> None:
    """Print how the contacts ended, and what the simulator's ledger says of the calls."""
    outcomes = Table("contacts", "", title="How it ended", title_justify="left")
    outcomes.columns[1].justify = "right"
    for status in FINAL_COUNTERS:
        count = reckoning.contact_statuses.get(status, 0)
        if count:
            outcomes.add_row(status, str(count))
    outcomes.add_section()
    outcomes.add_row("all", str(sum(reckoning.contact_statuses.values())), style="bold")
    console.print(outcomes)

    calls = Table("calls", "", title="What the phones saw", title_justify="left")
    calls.columns[1].justify = "right"
    for name, value in _call_rows(reckoning, limit, seconds):
        calls.add_row(name, value)
    console.print(calls)


def _call_rows(reckoning: Reckoning, limit: int, seconds: float) -> list[tuple[str, str]]:
    return [
        ("attempts recorded", str(reckoning.attempts)),
        ("calls placed", str(reckoning.rings)),
        ("answered", f"{reckoning.answer_rate:.0%} of ended calls"),
        ("most at once", f"{reckoning.peak_live} of {limit} allowed"),
        ("attempts with two rings", str(reckoning.second_rings)),
        ("rings without a recorded attempt", str(reckoning.stray_rings)),
        ("recorded calls that never rang", str(reckoning.missing_rings)),
        ("time", duration_text(seconds)),
    ]
