"""What was learnt of a batch, as the facts a diagnosis looks at; decides nothing itself."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from api.diagnosis.reading import Reading
from domain.batch import calling_hours_in_force, concurrency_shown
from domain.breaker import BreakerState
from domain.contact import LIVE, WAITING, ContactStatus
from domain.diagnosis.facts import UNKNOWN, BatchFacts, WorkflowFacts
from domain.ports import CircuitReport, EndedCalls
from domain.working_hours import OpenWindow, is_open, window_around

REPORT_LIFE = timedelta(minutes=2)
"""A route that ought to have been tried again so long ago was reported by a worker that died."""


def facts_of(reading: Reading, now: datetime) -> BatchFacts:
    """Return the facts in a reading; a source that did not answer leaves nothing to complain of."""
    batch, campaign, stored = reading.batch, reading.campaign, reading.stored
    ended = reading.ended_calls or EndedCalls()
    pending = stored.standings.get(ContactStatus.PENDING)
    broken = [each for each in stored.routes if is_closed_to_calls(each, now)]
    return BatchFacts(
        batch_id=batch.batch_id,
        campaign_id=batch.campaign_id,
        status=batch.status,
        paused_by=batch.paused_by,
        scheduled_start=batch.scheduled_start,
        temporal_ok=reading.workflow is not None or reading.queues is not None,
        workflow=_workflow(reading),
        queues=reading.queues or (),
        pending=contacts_in(reading, [ContactStatus.PENDING]),
        waiting=contacts_in(reading, WAITING),
        live=contacts_in(reading, LIVE),
        oldest_pending_at=None if pending is None else pending.oldest_updated_at,
        last_change_at=max((each.newest_updated_at for each in stored.standings.values()), default=None),
        dispatched_without_webhook=stored.silence.dispatched_without_webhook,
        live_without_webhook=stored.silence.live_without_webhook,
        last_webhook_at=stored.silence.last_received_at,
        recent_endings=stored.silence.recent_endings,
        polled_endings=stored.silence.polled_endings,
        recent_attempts=stored.recent.ended,
        recent_failures=stored.recent.failed,
        route_is_open=bool(broken),
        route_reason=next((each.reason for each in broken if each.reason), None),
        window=_window_of_the_pending(reading, now),
        withheld=stored.withheld,
        limit=concurrency_shown(batch.concurrency_limit, campaign.rules),
        campaign_limit=campaign.rules.concurrency_limit,
        campaign_live=stored.campaign_live,
        ended_calls=ended.ended,
        no_answers=ended.no_answer,
        counter_differences=reading.counter_differences or (),
    )


def contacts_in(reading: Reading, statuses: Iterable[ContactStatus]) -> int:
    """Return how many contacts stand in one of these statuses."""
    standings = reading.stored.standings
    return sum(standings[each].count for each in statuses if each in standings)


def window_of_the_batch(reading: Reading, now: datetime) -> OpenWindow:
    """Return the window of contacts without a zone of their own."""
    hours = calling_hours_in_force(reading.batch.overrides, reading.campaign.rules, None)
    return window_around(hours, now)


def _workflow(reading: Reading) -> WorkflowFacts:
    if reading.workflow is None:
        return WorkflowFacts(status=UNKNOWN)
    return WorkflowFacts(status=reading.workflow.status, pending_failure=reading.workflow.pending_failure)


def is_closed_to_calls(report: CircuitReport, now: datetime) -> bool:
    """Tell whether a worker that lives pauses its dials."""
    is_fresh = report.probe_at is not None and now - report.probe_at <= REPORT_LIFE
    return report.state is not BreakerState.CLOSED and is_fresh


def _window_of_the_pending(reading: Reading, now: datetime) -> OpenWindow:
    """Return a window that is open for somebody who is pending, else the one that opens first.

    The batch's own, when nobody is pending.
    """
    rules = reading.campaign.rules
    zones: Sequence[str | None] = reading.stored.pending_zones or (None,)
    hours = [calling_hours_in_force(reading.batch.overrides, rules, zone) for zone in zones]
    # Most often somebody may be called, and whether is learnt faster than when.
    looked_at = [each for each in hours if is_open(each, now)][:1] or hours
    windows = [window_around(each, now) for each in looked_at]
    return min(windows, key=lambda each: (not each.is_open, each.opens_at is None, each.opens_at or now))
