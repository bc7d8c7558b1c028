"""A campaign's leases as its page in the Web UI shows them."""

from datetime import datetime

from domain.leases import LeaseBook
from workflows.markdown import table
from workflows.words import instant

SHOWN = 50
"""Batches on the page, those that hold most first."""


def details(book: LeaseBook, now: datetime) -> str:
    """Return the page: the limit, and who may use how much of it."""
    limit = "no limit" if book.limit is None else f"{book.held} of {book.limit} slots are leased"
    leases = sorted(book.leases.items(), key=lambda item: (-item[1].holds, item[0]))
    rows = [
        (batch_id, str(each.wants), str(each.slots), str(each.holds)) for batch_id, each in leases[:SHOWN]
    ]
    if len(leases) > SHOWN:
        rows.append((f"and {len(leases) - SHOWN} more", "", "", ""))
    head = ("batch", "could use", "may use", "may hold still")
    return f"**{limit}** at {instant(now)}\n\n{table(head, rows)}"
