"""Every provider's webhook in our words."""

from collections.abc import Mapping
from datetime import datetime

from domain.call import EventSource
from domain.identity import ExecutionId
from domain.ports import StatusReport, WebhookTranslator
from telephony.fields import FieldReader
from telephony.jambonz.translate import translate_native, without_tag
from telephony.rotary.translate import read_status_event
from telephony.status_words import StatusWords


def webhook_translator(words: StatusWords) -> WebhookTranslator:
    """Return a translator of webhooks; `words` belong to the neutral form, Jambonz keeps its own.

    A body with `execution_id` is neutral, one with only `call_sid` is Jambonz'.
    """

    def translate(body: Mapping[str, object], received_at: datetime) -> StatusReport:
        if body.get("execution_id") in (None, "") and body.get("call_sid") is not None:
            return translate_native(body, received_at)
        return _translate_neutral(body, received_at, words)

    return translate


def _translate_neutral(body: Mapping[str, object], received_at: datetime, words: StatusWords) -> StatusReport:
    fields = FieldReader(body)
    execution_id = fields.required_text("execution_id")
    provider_call_id = fields.key("provider_call_id")
    event_id = fields.key("event_id")
    opted_out = fields.flag("opted_out")
    event = read_status_event(
        fields,
        words=words,
        received_at=received_at,
        source=EventSource.WEBHOOK,
        provider_call_id=provider_call_id,
    )
    return StatusReport(
        execution_id=None if execution_id is None else ExecutionId(execution_id),
        provider_call_id=provider_call_id,
        event=event,
        event_id=event_id,
        body=without_tag(body),
        opted_out=opted_out,
    )
