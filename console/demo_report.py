"""The demo's result as two tables."""

from rich.console import Console
from rich.table import Table

from console.ledger_check import Reckoning
from console.progress import FINAL_COUNTERS, duration_text


def show_reckoning(reckoning: Reckoning, limit: int, seconds: float, console: Console) -> None:
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
