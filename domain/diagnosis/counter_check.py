"""Whether a batch's workflow and its rows count the same contacts, checked while both change."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta

from domain.contact import TERMINAL, WAITING, ContactStatus
from domain.counters import BatchTally, CounterDifference
from domain.ports.diagnostics import StatusShare

LAG = timedelta(seconds=5)
"""The row moves first: the workflow may not have heard yet of what changed so lately."""


def unexplained_differences(
    tally: BatchTally, standings: Mapping[ContactStatus, StatusShare], now: datetime
) -> frozenset[CounterDifference]:
    """Return where the two differ and no late change of a row explains it.

    A contact holds its slot before its row is live, so the workflow may see fewer who wait, but not more.
    """
    batch_is_quiet = all(_is_old(share, now) for share in standings.values())
    found = set()
    for status in TERMINAL | WAITING:
        share = standings.get(status)
        in_workflow, in_rows = getattr(tally, status.value), 0 if share is None else share.count
        is_lost = status in TERMINAL and in_workflow < in_rows and share is not None and _is_old(share, now)
        if is_lost or (in_workflow > in_rows and batch_is_quiet):
            found.add(CounterDifference(status, in_workflow, in_rows))
    return frozenset(found)


def has_counted(tally: BatchTally) -> bool:
    """Tell whether the workflow has read its batch; before that it counts no contact."""
    return any(asdict(tally).values())


def _is_old(share: StatusShare, now: datetime) -> bool:
    age: timedelta = now - share.newest_updated_at
    return age > LAG
