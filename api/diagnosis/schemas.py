"""Why a batch is not dialling, on the wire; null where a source did not answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from api.contacts.schemas import CallRecordOut
from api.http.wire import WireOutput, WireTime
from api.policy.disposition_rules import AnsweredByCounts
from domain.batch import BatchStatus
from domain.breaker import BreakerState
from domain.call import CallStatus
from domain.contact import ContactStatus
from domain.diagnosis.facts import Diagnosis, QueueRole, WarningCode
from domain.identity import BatchId, ContactId
from domain.ports import BatchActivity


class StatusShareOut(WireOutput):
    """The contacts in one status."""

    count: int
    oldest_updated_at: WireTime | None = Field(description="Null when the count is 0.")


class DiagnosticsOut(WireOutput):
    """What to do next."""

    stuck_pending: bool = Field(
        description="Contacts have waited for over half an hour while nothing changed; either nothing that is"
        " known holds them, or a task queue has no worker to act on what ends."
    )
    tip: str = Field(examples=["Calls are going out as they should."])


class WarningOut(WireOutput):
    """What else holds, and what to do about it."""

    code: Diagnosis | WarningCode
    tip: str


class QueueOut(WireOutput):
    """The workers of a task queue."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    name: str = Field(examples=["apollo-dial"])
    role: QueueRole
    pollers: int = Field(description="Seen within the last minutes, also when they are gone by now.")
    backlog: int
    last_seen: WireTime | None


class WorkerOut(WireOutput):
    """Whether workers run."""

    state: Literal["up", "down", "unknown"] = Field(
        description="`down` when no worker has polled a workflow queue for 90 seconds."
    )
    task_queues: list[QueueOut] = Field(description="Empty while unknown.")


class WorkflowOut(WireOutput):
    """How the batch's workflow stands."""

    id: str | None = Field(examples=["batch/btc_01k2z5"])
    run_id: str | None
    status: str = Field(description="`running`, how it closed, `missing` or `unknown`.", examples=["running"])
    history_length: int | None
    pending_failure: str | None = Field(description="Why its task fails again and again.")


class CapacityOut(WireOutput):
    """Live contacts and their limits."""

    limit: int
    in_use: int
    campaign_limit: int | None
    campaign_in_use: int


class OpenWindowOut(WireOutput):
    """The window the present lies in, or the next one, of contacts without a zone of their own."""

    open: bool
    opens_at: WireTime | None = Field(description="Null while it is open.")
    closes_at: WireTime | None
    held_by: list[str] = Field(description="Presets that are closed now.", examples=[["us-tcpa"]])


class WebhooksOut(WireOutput):
    """What webhooks reported of the batch's calls."""

    last_received_at: WireTime | None
    dispatched_without_webhook: int = Field(
        description="Contacts `dispatched` for over two minutes of whose call no webhook came."
    )


class CircuitOut(WireOutput):
    """Whether dials pass to a provider."""

    provider: str = Field(examples=["jambonz"])
    state: BreakerState = Field(
        description="`open` while dialling pauses; `half_open` while one dial finds out whether it may go on."
    )
    since: WireTime
    errors: int = Field(description="In a row, that led to it.")
    reason: str | None = Field(
        description="The newest error; null while `closed`.", examples=["provider answered 401"]
    )
    probe_at: WireTime | None = Field(
        description="When it is tried again; null while `closed`. Long past: reported by a worker that died."
    )


class OutcomesOut(WireOutput):
    """How the batch's calls ended."""

    answer_rate: float | None = Field(description="0..1 of ended calls; null without any.")
    no_answer_by_hour: dict[str, int] = Field(description="By the callee's local hour, `00` to `23`.")
    no_answer_by_prefix: dict[str, int] = Field(
        description="By country code and three digits; the ten largest.", examples=[{"+1415": 3}]
    )
    answered_by_counts: AnsweredByCounts
    disposition_counts: dict[str, int] = Field(
        description="Calls by disposition, the most frequent first.", examples=[{"promised": 4}]
    )


class DebugOut(WireOutput):
    """Why a batch is not dialling, and what to do next."""

    batch_id: BatchId = Field(examples=["btc_01k2z5"])
    status: BatchStatus
    status_breakdown: dict[ContactStatus, StatusShareOut]
    pending_sample: list[ContactId] = Field(description="Up to three contacts longest in `pending`.")
    diagnostics: DiagnosticsOut
    diagnosis: Diagnosis
    warnings: list[WarningOut] = Field(
        description="Every other code that holds, in the order of the diagnoses."
    )
    counters_agree: bool | None = Field(
        description="Whether the workflow counts as the rows do, what is on its way left aside;"
        " null when it does not answer."
    )
    worker: WorkerOut
    workflow: WorkflowOut
    capacity: CapacityOut
    window: OpenWindowOut
    webhooks: WebhooksOut
    provider_circuits: list[CircuitOut] = Field(
        description="As the workers last reported; empty before the first dial."
    )
    outcomes: OutcomesOut
    dispatcher: dict[str, object] | None = Field(
        description="The workflow's own view of itself; null when no worker answers."
    )


class MinuteOut(WireOutput):
    """The calls that ended within a minute, by outcome."""

    minute: WireTime
    completed: int
    busy: int
    no_answer: int
    failed: int
    unknown: int


class AnswersInHourOut(WireOutput):
    """Calls placed within an hour of the callee's day."""

    ended: int
    answered: int


class CallOfBatch(CallRecordOut):
    """One call, and whose it is."""

    contact_id: ContactId = Field(examples=["con_01k2z6"])


class ActivityOut(WireOutput):
    """What a batch did lately."""

    batch_id: BatchId = Field(examples=["btc_01k2z5"])
    calls_by_minute: list[MinuteOut] = Field(
        description="Of the last 60 minutes, oldest first; minutes in which no call ended are left out."
    )
    calls_by_hour: dict[str, AnswersInHourOut] = Field(
        description="By the callee's local hour, `00` to `23`, of the 5,000 newest ended calls.",
        examples=[{"09": {"ended": 12, "answered": 7}}],
    )
    newest_calls: list[CallOfBatch] = Field(
        description="Live calls first, then those that ended last; 20 at most."
    )

    @classmethod
    def of(cls, batch_id: BatchId, activity: BatchActivity) -> "ActivityOut":
        return cls(
            batch_id=batch_id,
            calls_by_minute=[_minute(*each) for each in activity.calls_by_minute.items()],
            calls_by_hour={
                hour: AnswersInHourOut(ended=each.ended, answered=each.answered)
                for hour, each in activity.calls_by_hour.items()
            },
            newest_calls=[
                CallOfBatch.model_validate(each, from_attributes=True) for each in activity.newest_calls
            ],
        )


def _minute(minute: datetime, counts: Mapping[CallStatus, int]) -> MinuteOut:
    return MinuteOut(
        minute=minute,
        completed=counts.get(CallStatus.COMPLETED, 0),
        busy=counts.get(CallStatus.BUSY, 0),
        no_answer=counts.get(CallStatus.NO_ANSWER, 0),
        failed=counts.get(CallStatus.FAILED, 0),
        unknown=counts.get(CallStatus.UNKNOWN, 0),
    )
