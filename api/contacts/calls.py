"""Call records on the wire."""

from pydantic import Field

from api.http.wire import WireNumber, WireOutput, WireTime
from domain.call import AttemptKind, CallRecord, CallStatus
from domain.identity import ExecutionId


class CallRecordOut(WireOutput):
    """What is known of one attempt."""

    execution_id: ExecutionId = Field(examples=["exec_01k2x4"])
    attempt: int = Field(description="1, 2, … over all kinds.")
    kind: AttemptKind
    call_status: CallStatus
    provider: str | None
    provider_call_id: str | None
    from_number: str | None
    to_number: str
    started_at: WireTime | None
    answered_at: WireTime | None
    ended_at: WireTime | None
    duration_seconds: int | None
    recording_url: str | None
    transcript: str | None
    summary: str | None
    sentiment: str | None
    hangup_by: str | None
    hangup_reason: str | None
    total_cost: WireNumber | None
    sip_status: int | None
    error: str | None

    @classmethod
    def of(cls, record: CallRecord) -> "CallRecordOut":
        """Show the call as clients see it."""
        return cls.model_validate(record, from_attributes=True)
