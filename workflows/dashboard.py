"""A batch as its page in the Web UI shows it: plain values in, Markdown out."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from domain.batch import BatchStatus, PausedBy
from domain.lifecycle import Action
from workflows import slots
from workflows.markdown import NO_BREAK, table
from workflows.messages import BatchState, Entry
from workflows.words import instant


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """What time it is, and what the batch waits for."""

    now: datetime
    alarms: Sequence[tuple[datetime, str]]
    """When and what for, soonest first."""
    window_opens_at: datetime | None = None
    """Set while contacts are left out for their windows are closed."""


def details(state: BatchState, clocks: Clocks) -> str:
    """Return the page: how the batch stands, where its contacts stand, who asked for what."""
    parts = [f"**{state.status}** at {instant(clocks.now)}", table(("", ""), _standing(state, clocks))]
    contacts = [(name, str(count)) for name, count in asdict(slots.tally(state)).items() if count]
    parts.append(table(("contacts", f"of {state.total_contacts}"), contacts))
    if state.actions:
        parts.append(table(("when, in UTC", "asked for", "what came of it"), _lines(state.actions)))
    if state.notes:
        parts.append(table(("when, in UTC", "signal not understood", ""), _lines(state.notes)))
    return "\n\n".join(parts)


def view(state: BatchState, clocks: Clocks) -> dict[str, object]:
    """Return the same for machines, with what the dispatcher has at hand."""
    next_alarm = clocks.alarms[0] if clocks.alarms else None
    return {
        "status": state.status,
        "paused_by": state.paused_by,
        "counters": asdict(slots.tally(state)),
        "concurrency_limit": state.concurrency_limit,
        "campaign_limit": state.campaign_limit,
        "leased_slots": None if state.campaign_limit is None else slots.allowed(state),
        "free_slots": slots.free_slots(state),
        "waiting_for_slot": len(state.waiting),
        "read_ahead": len(state.fresh),
        "cursor": state.cursor,
        "window_opens_at": clocks.window_opens_at,
        "next_wake_at": next_alarm[0] if next_alarm else None,
        "next_wake_for": next_alarm[1] if next_alarm else None,
        "actions": [asdict(each) for each in state.actions],
        "notes": [asdict(each) for each in state.notes],
        "run": state.runs,
    }


def _standing(state: BatchState, clocks: Clocks) -> Iterable[tuple[str, str]]:
    if state.status is BatchStatus.PAUSED:
        yield "paused by", _who_paused(state)
    yield "slots in use", f"{len(state.in_flight)} of {state.concurrency_limit}"
    if state.campaign_limit is not None:
        yield "its campaign allows", f"{slots.allowed(state)} of {state.campaign_limit} to all its batches"
    yield "wait for a slot", f"{len(state.waiting)}" + (" and more" if state.overflowed else "")
    if clocks.window_opens_at is not None:
        yield "calling hours", f"closed for some contacts until {instant(clocks.window_opens_at)}"
    if clocks.alarms:
        at, name = clocks.alarms[0]
        yield "next wake", f"{instant(at)}: {name}"


def _who_paused(state: BatchState) -> str:
    if state.paused_by is PausedBy.CAMPAIGN:
        return "its campaign"
    for entry in reversed(state.actions):
        if entry.what.startswith(Action.PAUSE):
            return f"{entry.what}, {instant(entry.at)}"
    return "the API"


def _lines(entries: Sequence[Entry]) -> Iterable[tuple[str, ...]]:
    for each in reversed(entries):
        at = f"{each.at.astimezone(UTC):%d %b %H:%M:%S}".replace(" ", NO_BREAK)
        yield at, each.what, each.came_of or "under way"
