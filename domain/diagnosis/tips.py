"""The next step for every diagnosis, for the operator who has to fix a batch."""

from collections.abc import Callable
from datetime import datetime

from domain.batch import TERMINAL_BATCH, BatchStatus, PausedBy
from domain.diagnosis.facts import BatchFacts, Diagnosis, WarningCode, nobody_answers


def tip(code: Diagnosis | WarningCode, facts: BatchFacts) -> str:
    return _TIPS[code](facts)


def _wait(facts: BatchFacts) -> str:
    if not facts.pending:
        return "No contact is pending."
    since = f" since {_clock(facts.oldest_pending_at)}" if facts.oldest_pending_at else ""
    return f"{_counted(facts.pending, 'contact has', 'contacts have')} waited{since}."


def _dispatch(facts: BatchFacts) -> str:
    return f"POST /api/v1/batches/{facts.batch_id}/dispatch"


def _dispatch_when_accepted(facts: BatchFacts) -> str:
    first = {BatchStatus.PAUSED: "resume it, then ", BatchStatus.PENDING: "at its start, "}
    return f"{first.get(facts.status, '')}{_dispatch(facts)}"


def _worker_down(facts: BatchFacts) -> str:
    down = f"No worker is running: {_wait(facts)} Start the worker"
    return f"{down}." if facts.status in TERMINAL_BATCH else f"{down}, then {_dispatch_when_accepted(facts)}."


def _resume_first(facts: BatchFacts) -> str:
    if facts.paused_by is PausedBy.CAMPAIGN:
        return (
            "The campaign is paused: resume the campaign with"
            f" POST /api/v1/campaigns/{facts.campaign_id}/resume."
        )
    return f"The batch is paused: resume it with POST /api/v1/batches/{facts.batch_id}/resume."


def _scheduled(facts: BatchFacts) -> str:
    at = f"at {_clock(facts.scheduled_start)}" if facts.scheduled_start else "as soon as a worker takes it"
    return f"Starts {at}; {_dispatch(facts)}?now=true starts it at once."


def _closed(facts: BatchFacts) -> str:
    by = f" (closed by {', '.join(facts.held_by)})" if facts.held_by else ""
    if facts.window.opens_at is None and facts.is_learning_zones:
        return "The zones of numbers are being learnt: calling goes on by itself, within a minute or so."
    if facts.window.opens_at is None:
        rules = "the working hours, the blackout dates, the holidays or the presets"
        return f"The window never opens again{by}: change {rules}."
    return f"Outside working hours{by}: opens at {_clock(facts.window.opens_at)}."


def _full(facts: BatchFacts) -> str:
    slots, limit = (
        _all_slots(facts.campaign_limit or 0, "campaign"),
        "the campaign's metadata.concurrency_limit",
    )
    if facts.live >= facts.limit:
        slots, limit = _all_slots(facts.limit, "batch"), "concurrency_limit"
    if nobody_answers(facts):
        # More calls at once are what makes carriers and callees distrust a number.
        return f"{slots}, and {_share_unanswered(facts)}: wait, and call fewer at once."
    return f"{slots}: wait, or raise {limit}."


def _all_slots(limit: int, owner: str) -> str:
    return (
        f"The only slot of the {owner} is in use"
        if limit == 1
        else f"All {limit} slots of the {owner} are in use"
    )


def _going_out(facts: BatchFacts) -> str:
    if facts.is_kept_open and not (facts.waiting or facts.live):
        return (
            "Everybody is done, and the batch is kept open: add contacts, or end it with"
            f" POST /api/v1/batches/{facts.batch_id}/close."
        )
    well = "Calls are going out as they should."
    if facts.withheld is None:
        return well
    return f"{well} {_withheld(facts)}".rstrip() if facts.live else _withheld(facts) or well


def _unanswered(facts: BatchFacts) -> str:
    look = "look at hours, prefixes and concurrency, and call fewer at once."
    return f"{_share_unanswered(facts)}: {look} {_withheld(facts)}".rstrip()


def _share_unanswered(facts: BatchFacts) -> str:
    return f"{facts.no_answers} of {facts.ended_calls} calls were not answered"


def _unheard(facts: BatchFacts) -> str:
    if facts.live_without_webhook:
        placed = _counted(facts.live_without_webhook, "call was", "calls were")
        what = f"{placed} placed of which nothing is heard"
    else:
        last = "The last call" if facts.polled_endings == 1 else f"The last {facts.polled_endings} calls"
        was = "was" if facts.polled_endings == 1 else "were"
        what = f"{last} ended without a webhook and {was} settled by asking the provider, late"
    return f"{what}: check APOLLO_WEBHOOK_URL at the provider and the way back to /webhooks/call-status."


def _provider(facts: BatchFacts) -> str:
    if not facts.route_is_open:
        return (
            f"{facts.recent_failures} of the last {facts.recent_attempts} calls failed: check the provider."
        )
    why = f" ({facts.route_reason})" if facts.route_reason else ""
    return (
        f"Dialling pauses because the provider keeps failing{why}, and goes on by itself once it does not:"
        " check the provider, its address and its key."
    )


def _otherwise_counted(facts: BatchFacts) -> str:
    found = sorted(facts.counter_differences, key=lambda each: each.status)
    told = "; ".join(f"{each.status} {each.in_workflow}, in the rows {each.in_rows}" for each in found)
    return (
        f"The workflow counts otherwise than the rows ({told}):"
        f" {_dispatch_when_accepted(facts)} has it read the rows again."
    )


def _withheld(facts: BatchFacts) -> str:
    """Say what those wait for who could be called by hours and slots; nothing when that is not known."""
    held = facts.withheld
    if held is None:
        return ""
    by = f" by {', '.join(held.presets)}" if held.presets else ""
    capped = f"{_counted(held.capped, 'number is capped', 'numbers are capped')}{by}"
    early = _counted(held.early, "contact waits for its not_before", "contacts wait for their not_before")
    reasons = [
        (held.early, f"{early}, the first until {_clock(held.first_not_before)}"),
        (held.capped, f"{capped}, the first until {_clock(held.capped_until)}"),
        (held.busy, f"{_counted(held.busy, 'number is', 'numbers are')} on another call"),
        (held.suppressed, f"{_counted(held.suppressed, 'number is', 'numbers are')} suppressed"),
    ]
    told = "; ".join(reason for count, reason in reasons if count)
    if not told:
        return ""
    if held.suppressed and not (held.early or held.capped or held.busy):
        only = f"Only suppressed numbers are pending ({held.suppressed})"
        return f"{only}: they are skipped in their turn, at the latest after {_dispatch(facts)}."
    return f"Nobody whose window is open can be called now: {told}. It goes on by itself."


def _apart(facts: BatchFacts) -> str:
    return (
        f"Some numbers may ring in {' or '.join(facts.zones_apart)}, and no window within seven days is open"
        " in all of these: widen the working hours, or upload these contacts with a timezone of their own."
    )


def _nothing_left(facts: BatchFacts) -> str:
    return f"The batch is {facts.status}: nothing is left to do."


_TIPS: dict[Diagnosis | WarningCode, Callable[[BatchFacts], str]] = {
    Diagnosis.COMPLETED: _nothing_left,
    Diagnosis.CANCELLED: _nothing_left,
    Diagnosis.EXPIRED: _nothing_left,
    Diagnosis.TEMPORAL_DOWN: lambda _: (
        "Temporal does not answer: restore it. Nothing is lost; calling goes on by itself afterwards."
    ),
    Diagnosis.PAUSED: _resume_first,
    Diagnosis.SCHEDULED: _scheduled,
    Diagnosis.WORKFLOW_MISSING: lambda facts: (
        f"The batch has no running workflow: {_dispatch_when_accepted(facts)} restores it;"
        " nobody is called twice."
    ),
    Diagnosis.WORKER_DOWN: _worker_down,
    Diagnosis.WORKFLOW_FAILING: lambda facts: (
        f"The workflow's task fails again and again ({facts.workflow.pending_failure}):"
        " fix the worker or roll it back."
    ),
    Diagnosis.DIAL_WORKER_DOWN: lambda facts: (
        f"No dial worker is running: {_wait(facts)} Start it: python worker.py --role dial."
    ),
    Diagnosis.WEBHOOKS_MISSING: _unheard,
    Diagnosis.PROVIDER_FAILING: _provider,
    Diagnosis.OUTSIDE_WORKING_HOURS: _closed,
    Diagnosis.WAITING_FOR_CAPACITY: _full,
    Diagnosis.STALLED: lambda facts: (
        f"{_wait(facts)} {_dispatch(facts)}; then look up pending_sample in the worker's log."
    ),
    Diagnosis.HIGH_NO_ANSWER: _unanswered,
    Diagnosis.HEALTHY: _going_out,
    WarningCode.COUNTERS_DIFFER: _otherwise_counted,
    WarningCode.NO_COMMON_WINDOW: _apart,
}


def _clock(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M UTC")


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
