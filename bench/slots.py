"""How many of a batch's slots carry a call while contacts are pending, and what free ones wait for.

Counted in the simulator's ledger, which writes down when each call began and ended.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Size, percentile
from bench.full_path import BatchUnderWay, rate_of, start_batch
from bench.server import api_of, client_of
from bench.slot_story import SlotStory, Span, read_story
from embedded.stack import RunningStack

LIMIT, TALK_SECONDS = 50, 5.0


@dataclass(frozen=True)
class SlotUse:
    """One batch, from its upload until the last contact was dialled."""

    contacts: int
    limit: int
    rate: float
    """Contacts per second."""
    in_use: float
    """Mean share of the limit that carried a call, from the first call on."""
    lost: Mapping[str, tuple[int, float]]
    """By what free slots waited for: how often, and how many slot-seconds."""
    slot_seconds: float
    """All there were from the first call on."""
    turnarounds: Sequence[float]
    """Seconds from the end of a call to the next one in its slot, in the order of these ends."""
    in_use_later: float
    """As `in_use`, of the second half of the calls: at first all slots are filled, and so freed, together."""
    page_reads: int
    run_changes: int
    load: float


@dataclass(frozen=True)
class Call:
    """One call as the simulator wrote it down."""

    contact_id: str
    began_at: datetime
    ended_at: datetime


async def measure_slots(stack: RunningStack, *, contacts: int, limit: int) -> SlotUse:
    """Call everybody once and account for every slot."""
    async with api_of(stack) as api:
        (await api.delete(f"{stack.plan.simulator_url}/ledger")).raise_for_status()
        batch = await start_batch(api, contacts=contacts, window=limit)
        rate = await rate_of(api, batch)
        ledger = (await api.get(f"{stack.plan.simulator_url}/ledger")).raise_for_status().json()
    story = await read_story(await client_of(stack), batch.batch_id)
    return account(batch, story, calls_in(ledger), limit=limit, rate=rate)


def calls_in(ledger: Mapping[str, Any]) -> list[Call]:
    """Return the calls of a ledger in the order they began."""
    asked = {each["execution_id"]: each["contact_id"] for each in ledger["create_requests"]}
    return [
        Call(
            asked[ring["execution_id"]],
            datetime.fromisoformat(ring["at"]),
            datetime.fromisoformat(ring["ended_at"]),
        )
        for ring in ledger["rings"]
    ]


def account(batch: BatchUnderWay, story: SlotStory, calls: list[Call], *, limit: int, rate: float) -> SlotUse:
    """Say what became of every slot-second between the first call and the last one's beginning."""
    window = (calls[0].began_at, calls[-1].began_at)
    slot_seconds = _seconds(window, window) * limit
    lost: dict[str, tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    for reason, span in _idle_spans(story, calls, limit, window[0]):
        times, seconds = lost[reason]
        if (idle := _seconds(span, window)) > 0:
            lost[reason] = (times + 1, seconds + idle)
    return SlotUse(
        contacts=batch.contacts,
        limit=limit,
        rate=rate,
        in_use=_share_in_use(calls, window, limit),
        in_use_later=_share_in_use(calls, (calls[len(calls) // 2].began_at, window[1]), limit),
        lost=lost,
        slot_seconds=slot_seconds,
        turnarounds=_turnarounds(calls, limit),
        page_reads=len(story.reading),
        run_changes=len(story.changing),
        load=os.getloadavg()[0],
    )


def _share_in_use(calls: Sequence[Call], window: Span, limit: int) -> float:
    used = sum(_seconds((call.began_at, call.ended_at), window) for call in calls)
    return used / _seconds(window, window) / limit


def _idle_spans(
    story: SlotStory, calls: list[Call], limit: int, first_call: datetime
) -> list[tuple[str, Span]]:
    """Follow every slot from the end of a call to the beginning of the next one in it."""
    given = {contact_id: at for at, contact_id in story.given}
    returned = {contact_id: at for at, contact_id in story.returned}
    spans = [("first calls of all slots", (first_call, at)) for at, _ in story.given[:limit]]
    for call in calls:
        spans.append(("from start of contact to call", (given[call.contact_id], call.began_at)))
        if (
            reported_at := returned.get(call.contact_id)
        ) is not None:  # a batch may end before its last report
            spans.append(("from end of call to report", (call.ended_at, reported_at)))
    # Slots are alike: the first one that came back is taken to be the first one given again.
    for (came_back, _), (went_out, _) in zip(story.returned, story.given[limit:], strict=False):
        span = (came_back, went_out)
        spans.append((story.lost_to(span), span))
    return spans


def _turnarounds(calls: Sequence[Call], limit: int) -> Sequence[float]:
    """Slots are alike: the first call to end is followed by the first one beyond the limit."""
    ends = sorted(call.ended_at for call in calls)
    nexts = [call.began_at for call in calls[limit:]]
    return [(began - ended).total_seconds() for ended, began in zip(ends, nexts, strict=False)]


def _seconds(span: Span, window: Span) -> float:
    """Return how long a span lasts within a window."""
    began, ended = max(span[0], window[0]), min(span[1], window[1])
    return max(0.0, (ended - began).total_seconds())


def slot_figures(use: SlotUse) -> Sequence[Figure]:
    """Return how well slots are used."""
    slowest = percentile(use.turnarounds, 0.99)
    return [
        Figure("slots in use ÷ limit while contacts wait", use.in_use, 0.97, at_least=True),
        Figure("end of a call → next call, p99, ms", slowest * 1000, 300),
    ]


def show_slots(console: Console, use: SlotUse) -> None:
    """Print the share in use and what the rest waited for."""
    console.print(
        f"{use.contacts} contacts, limit {use.limit}, {TALK_SECONDS:.0f} s of talk, "
        f"{use.rate:.1f} contacts/s, {use.page_reads} pages read, {use.run_changes} continue-as-new, "
        f"load average {use.load:.1f}"
    )
    table = Table(title="free slots")
    for column in ("waited", "times", "mean ms", "share of all slots"):
        table.add_column(column, justify="left" if column == "waited" else "right")
    for reason, (times, seconds) in sorted(use.lost.items(), key=lambda item: -item[1][1]):
        mean = seconds / times * 1000 if times else 0
        table.add_row(reason, str(times), f"{mean:.0f}", f"{seconds / use.slot_seconds:.2%}")
    console.print(table)
    later = use.turnarounds[len(use.turnarounds) // 2 :]
    whole, half = (use.in_use, use.turnarounds), (use.in_use_later, later)
    for calls, (in_use, waits) in (("all calls", whole), ("second half", half)):
        middle, slowest = (percentile(waits, share) * 1000 for share in (0.5, 0.99))
        console.print(
            f"{calls}: {in_use:.3f} in use; end of a call → next {middle:.0f} ms, p99 {slowest:.0f}"
        )


def run(stack: RunningStack, console: Console, size: Size) -> Sequence[Figure]:
    """Measure, and print what was found."""
    use = asyncio.run(measure_slots(stack, contacts=size.contacts, limit=size.limit))
    show_slots(console, use)
    return slot_figures(use)
