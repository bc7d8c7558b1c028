"""The provider's webhook as /docs shows it; each provider's room reads its own form."""

from pydantic import ConfigDict, Field

from api.http.wire import WireOutput
from domain.call import EventEffect
from domain.disposition import AnsweredBy


class StatusWebhook(WireOutput):
    """The neutral form; a body with `call_sid` and no `execution_id` is read in the native form.

    A blank text counts as absent, a number may be written as text, and a field that cannot be read costs
    itself, not the event.
    """

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"examples": [{"execution_id": "exec_01k2x4", "call_status": "ringing"}]},
    )

    execution_id: str
    call_status: str = Field(
        description="queued, ringing, in_progress, completed, busy, no_answer, failed, or words for these."
    )
    timestamp: str | None = Field(default=None, description="UTC if without offset; absent means now.")
    provider_call_id: str | None = None
    event_id: str | None = Field(default=None, description="1..255 characters; detects duplicates.")
    sip_status: int | None = None
    duration_seconds: float | None = None
    total_cost: float | None = None
    recording_url: str | None = None
    transcript: str | None = None
    summary: str | None = None
    sentiment: str | None = None
    hangup_by: str | None = None
    hangup_reason: str | None = None
    follow_up_at: str | None = Field(
        default=None,
        description="Only on the event that ends the attempt; without an offset it is local time in the "
        "zone of the batch, else of the campaign.",
    )
    answered_by: AnsweredBy | None = Field(default=None, description="The first report stands.")
    disposition: str | None = Field(
        default=None,
        description="What came of the talk, 1..64 of a-z, 0-9 and _, the first a letter. The latest while "
        "the call goes on, and of an ended call the first.",
    )
    disposition_note: str | None = Field(default=None, description="At most 2,000 characters.")
    disposition_data: dict[str, object] | None = Field(default=None, description="At most 16 KB.")
    opted_out: bool | None = Field(
        default=None,
        description="The callee asked not to be called again: the number is suppressed for good, "
        "and nobody who waits on it is called.",
    )


class WebhookResult(WireOutput):
    """What an event did."""

    result: EventEffect
