"""A diagnosis and everything it rests on, as one answer."""

from datetime import datetime
from typing import Literal

from api.diagnosis.facts import facts_of, window_of_the_batch
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
from domain.contact import ContactStatus
from domain.diagnosis.decision import diagnose, silent_queues
from domain.diagnosis.facts import UNKNOWN, BatchFacts, QueueRole
from domain.ports import CircuitReport, EndedCalls


def debug_answer(reading: Reading, now: datetime) -> DebugOut:
    """Return the diagnosis of a reading with the reading."""
    facts = facts_of(reading, now)
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
    window = window_of_the_batch(reading, now)
    return OpenWindowOut(open=window.is_open, opens_at=window.opens_at, closes_at=window.closes_at)


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
    )
