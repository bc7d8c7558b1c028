"""A diagnosis and everything it rests on, as one answer."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from api.diagnosis.reading import Reading
from api.diagnosis.schemas import (
    CapacityOut,
    CircuitOut,
    DebugOut,
    DiagnosticsOut,
    OpenWindowOut,
    OutcomesOut,
    QueueOut,
    StatusShareOut,
    WarningOut,
    WebhooksOut,
    WorkerOut,
    WorkflowOut,
)
from api.policy.disposition_rules import AnsweredByCounts
from domain.batch import calling_hours_in_force, concurrency_shown, timezone_in_force
from domain.breaker import BreakerState
from domain.contact import LIVE, WAITING, ContactStatus
from domain.diagnosis.decision import diagnose, silent_queues
from domain.diagnosis.facts import COMMON_WINDOW_WITHIN, UNKNOWN, BatchFacts, QueueRole, WorkflowFacts
from domain.ports import CircuitReport, EndedCalls
from domain.working_hours import OpenWindow, closed_presets, is_open, next_opening, window_around
from domain.zones import NOT_LEARNT, OF_BATCH, zones_in_force

_REPORT_LIFE = timedelta(minutes=2)
"""A circuit that ought to have been tried again so long ago was reported by a worker that died."""


def debug_answer(reading: Reading, now: datetime) -> DebugOut:
    """Return the diagnosis of a reading, with the facts it rests on."""
    facts = _facts_of(reading, now)
    finding = diagnose(facts, now)
    return DebugOut(
        batch_id=facts.batch_id,
        status=facts.status,
        status_breakdown={status: _share(reading, status) for status in ContactStatus},
        pending_sample=list(reading.stored.pending_sample),
        diagnostics=DiagnosticsOut(stuck_pending=finding.stuck_pending, tip=finding.tip),
        diagnosis=finding.diagnosis,
        warnings=[WarningOut(code=each.code, tip=each.tip) for each in finding.warnings],
        counters_agree=None if reading.counter_differences is None else not reading.counter_differences,
        worker=_worker(reading, facts, now),
        workflow=_workflow(reading),
        capacity=CapacityOut(
            limit=facts.limit,
            in_use=facts.live,
            campaign_limit=facts.campaign_limit,
            campaign_in_use=facts.campaign_live,
        ),
        window=_window(reading, now),
        webhooks=WebhooksOut(
            last_received_at=facts.last_webhook_at,
            dispatched_without_webhook=facts.dispatched_without_webhook,
        ),
        provider_circuits=[_circuit(each) for each in reading.stored.routes],
        outcomes=_outcomes(reading.ended_calls or EndedCalls()),
        dispatcher=None if reading.dispatcher is None else dict(reading.dispatcher),
    )


def _share(reading: Reading, status: ContactStatus) -> StatusShareOut:
    share = reading.stored.standings.get(status)
    if share is None:
        return StatusShareOut(count=0, oldest_updated_at=None)
    return StatusShareOut(count=share.count, oldest_updated_at=share.oldest_updated_at)


def _worker(reading: Reading, facts: BatchFacts, now: datetime) -> WorkerOut:
    if reading.queues is None:
        return WorkerOut(state="unknown", task_queues=[])
    state: Literal["up", "down"] = "down" if silent_queues(facts, QueueRole.WORKFLOW, now) else "up"
    return WorkerOut(state=state, task_queues=[QueueOut.model_validate(each) for each in reading.queues])


def _workflow(reading: Reading) -> WorkflowOut:
    described = reading.workflow
    if described is None:
        return WorkflowOut(id=None, run_id=None, status=UNKNOWN, history_length=None, pending_failure=None)
    return WorkflowOut(
        id=described.workflow_id,
        run_id=described.run_id,
        status=described.status,
        history_length=described.history_length,
        pending_failure=described.pending_failure,
    )


def _window(reading: Reading, now: datetime) -> OpenWindowOut:
    """Return the window of contacts without a zone of their own."""
    hours = calling_hours_in_force(reading.batch.overrides, reading.campaign.rules, OF_BATCH)
    window = window_around(hours, now)
    return OpenWindowOut(
        open=window.is_open,
        opens_at=window.opens_at,
        closes_at=window.closes_at,
        held_by=list(closed_presets(hours, now)),
    )


def _circuit(report: CircuitReport) -> CircuitOut:
    return CircuitOut(
        provider=report.provider,
        state=report.state,
        since=report.since,
        errors=report.errors,
        reason=report.reason,
        probe_at=report.probe_at,
    )


def _outcomes(calls: EndedCalls) -> OutcomesOut:
    return OutcomesOut(
        answer_rate=round(calls.completed / calls.ended, 4) if calls.ended else None,
        no_answer_by_hour=dict(calls.no_answer_by_hour),
        no_answer_by_prefix=dict(calls.no_answer_by_prefix),
        answered_by_counts=AnsweredByCounts.of(calls.reported),
        disposition_counts=dict(calls.reported.dispositions),
    )


def _facts_of(reading: Reading, now: datetime) -> BatchFacts:
    """Return the facts in a reading; a source that did not answer yields no complaint."""
    batch, campaign, stored = reading.batch, reading.campaign, reading.stored
    ended = reading.ended_calls or EndedCalls()
    pending = stored.standings.get(ContactStatus.PENDING)
    broken = [each for each in stored.routes if _is_closed_to_calls(each, now)]
    return BatchFacts(
        batch_id=batch.batch_id,
        campaign_id=batch.campaign_id,
        status=batch.status,
        paused_by=batch.paused_by,
        scheduled_start=batch.scheduled_start,
        temporal_ok=reading.workflow is not None or reading.queues is not None,
        workflow=_workflow_facts(reading),
        queues=reading.queues or (),
        pending=_contacts_in(reading, [ContactStatus.PENDING]),
        waiting=_contacts_in(reading, WAITING),
        live=_contacts_in(reading, LIVE),
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
        held_by=_held_by(reading, now),
        withheld=stored.withheld,
        limit=concurrency_shown(batch.concurrency_limit, campaign.rules),
        campaign_limit=campaign.rules.concurrency_limit,
        campaign_live=stored.campaign_live,
        ended_calls=ended.ended,
        no_answers=ended.no_answer,
        counter_differences=reading.counter_differences or (),
        is_kept_open=batch.keep_open,
        zones_apart=_zones_apart(reading, now),
        is_learning_zones=_is_learning_zones(reading),
    )


def _contacts_in(reading: Reading, statuses: Iterable[ContactStatus]) -> int:
    """Return how many contacts stand in one of these statuses."""
    standings = reading.stored.standings
    return sum(standings[each].count for each in statuses if each in standings)


def _workflow_facts(reading: Reading) -> WorkflowFacts:
    if reading.workflow is None:
        return WorkflowFacts(status=UNKNOWN)
    return WorkflowFacts(status=reading.workflow.status, pending_failure=reading.workflow.pending_failure)


def _is_closed_to_calls(report: CircuitReport, now: datetime) -> bool:
    """Return whether a living worker has paused its dials."""
    is_fresh = report.probe_at is not None and now - report.probe_at <= _REPORT_LIFE
    return report.state is not BreakerState.CLOSED and is_fresh


def _zones_apart(reading: Reading, now: datetime) -> Sequence[str]:
    """Return the zones of the first pending contact whose windows do not meet soon; none mostly."""
    overrides, rules = reading.batch.overrides, reading.campaign.rules
    for zone in reading.stored.pending_zones:
        hours = calling_hours_in_force(overrides, rules, zone)
        if hours.also_in and next_opening(hours, now, before=now + COMMON_WINDOW_WITHIN) is None:
            return hours.timezones
    return ()


def _is_learning_zones(reading: Reading) -> bool:
    """Tell whether zones are asked for that were not learnt yet."""
    rules = reading.campaign.rules
    followed = timezone_in_force(reading.batch.overrides, rules)
    zones = reading.stored.pending_zones
    return any(zones_in_force(zone, followed, rules.fallback_timezone) == (NOT_LEARNT,) for zone in zones)


def _held_by(reading: Reading, now: datetime) -> Sequence[str]:
    """Return the presets that are closed now for any pending contact, in the campaign's order."""
    rules = reading.campaign.rules
    if not rules.presets:
        return ()
    zones: Sequence[str | None] = reading.stored.pending_zones or (OF_BATCH,)
    hours = (calling_hours_in_force(reading.batch.overrides, rules, zone) for zone in zones)
    closed = {name for each in hours for name in closed_presets(each, now)}
    return [name for name in rules.presets if name in closed]


def _window_of_the_pending(reading: Reading, now: datetime) -> OpenWindow:
    """Return a window that is open for some pending contact, else the one that opens first.

    The batch's own, when no contact is pending.
    """
    rules = reading.campaign.rules
    zones: Sequence[str | None] = reading.stored.pending_zones or (OF_BATCH,)
    hours = [calling_hours_in_force(reading.batch.overrides, rules, zone) for zone in zones]
    # Most often some contact may be called now, and that is faster to learn than when the next window opens.
    looked_at = [each for each in hours if is_open(each, now)][:1] or hours
    windows = [window_around(each, now) for each in looked_at]
    return min(windows, key=lambda each: (not each.is_open, each.opens_at is None, each.opens_at or now))
