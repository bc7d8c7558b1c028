"""A batch as its page in the Web UI shows it: plain values in, Markdown out."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime

from domain.batch import BatchStatus, PausedBy
from domain.contact import LIVE
from domain.counters import BatchTally
from domain.lifecycle import Action
from domain.slots import WINDOW_OPENS, GrantedSlots
from workflows.markdown import NO_BREAK, table
from workflows.messages import BatchState, Entry
from workflows.text import ANSWERED_BY, instant, quantity


def tally(state: BatchState) -> BatchTally:
    """Return the batch's numbers as they were last counted; they sum to its contacts."""
    live = sum(state.counts.get(status, 0) for status in LIVE)
    names = {each.name for each in fields(BatchTally)}
    return BatchTally(live=live, **{status.value: n for status, n in state.counts.items() if status in names})


def details(state: BatchState, now: datetime) -> str:
    """Return the page: the batch, its contacts by status, and what was asked for by hand."""
    stands = state.stands
    if stands is None:
        return "not looked at yet"
    parts = [f"**{stands.status}** at {instant(now)}", table(("", ""), _standing(state, stands))]
    contacts = [(name, str(count)) for name, count in asdict(tally(state)).items() if count]
    parts.append(table(("contacts", f"of {stands.total_contacts}"), contacts))
    parts.extend(_told(state))
    if state.actions:
        parts.append(table(("when, in UTC", "asked for", "what came of it"), _lines(state.actions)))
    if state.notes:
        parts.append(table(("when, in UTC", "signal not understood", ""), _lines(state.notes)))
    return "\n\n".join(parts)


def view(state: BatchState) -> dict[str, object]:
    """Return the same for machines, with what the dispatcher has at hand."""
    stands = state.stands
    next_at, next_for = state.next_wake or (None, None)
    return {
        "status": stands.status if stands else None,
        "paused_by": stands.paused_by if stands else None,
        "counters": asdict(tally(state)),
        "counted_at": state.counted_at,
        "answered_by": {str(each): count for each, count in state.answered_by.items()},
        "dispositions": dict(state.dispositions),
        "concurrency_limit": stands.concurrency_limit if stands else None,
        "slots_in_use": stands.in_use if stands else 0,
        "free_slots": max(0, stands.concurrency_limit - stands.in_use) if stands else 0,
        "campaign_limit": stands.campaign_limit if stands else None,
        "campaign_slots_in_use": stands.campaign_in_use if stands else None,
        "cursor": state.cursor,
        "window_opens_at": state.rereads.get(WINDOW_OPENS),
        "next_wake_at": next_at,
        "next_wake_for": next_for,
        "actions": [asdict(each) for each in state.actions],
        "notes": [asdict(each) for each in state.notes],
        "run": state.runs,
    }


def _told(state: BatchState) -> Iterable[str]:
    """Yield who answered the calls and what came of them, each with its share; nothing where nobody told."""
    answerers = [(ANSWERED_BY[each], count) for each, count in state.answered_by.items()]
    dispositions = [(f"`{each}`", count) for each, count in state.dispositions.items()]
    for head, counts in (("answered by", answerers), ("came to", dispositions)):
        total = sum(count for _, count in counts)
        if total:
            rows = [(name, f"{count} ({count / total:.0%})") for name, count in counts]
            yield table((head, f"of {quantity(total, 'call')}"), rows)


def _standing(state: BatchState, stands: GrantedSlots) -> Iterable[tuple[str, str]]:
    if stands.status is BatchStatus.PAUSED:
        yield "paused by", _who_paused(state, stands)
    yield "slots in use", f"{stands.in_use} of {stands.concurrency_limit}"
    if stands.campaign_limit is not None:
        yield "its campaign's slots in use", f"{stands.campaign_in_use} of {stands.campaign_limit}"
    if (opens_at := state.rereads.get(WINDOW_OPENS)) is not None:
        yield "calling hours", f"closed for some contacts until {instant(opens_at)}"
    if state.next_wake is not None:
        at, name = state.next_wake
        yield "next wake", f"{instant(at)}: {name}"


def _who_paused(state: BatchState, stands: GrantedSlots) -> str:
    if stands.paused_by is PausedBy.CAMPAIGN:
        return "its campaign"
    for entry in reversed(state.actions):
        if entry.what.startswith(Action.PAUSE):
            return f"{entry.what}, {instant(entry.at)}"
    return "the API"


def _lines(entries: Sequence[Entry]) -> Iterable[tuple[str, ...]]:
    for each in reversed(entries):
        at = f"{each.at.astimezone(UTC):%d %b %H:%M:%S}".replace(" ", NO_BREAK)
        yield at, each.what, each.came_of or "under way"
