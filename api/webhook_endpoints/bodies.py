"""What is posted of an event: its object as the other endpoints show it."""

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from api.batches.schemas import BatchOut
from api.contacts.schemas import ContactOut
from api.executions.schemas import CallOut
from api.http.wire import WireOutput, WireTime
from domain.identity import BatchId, EndpointId
from domain.webhooks import BatchNews, CallNews, ContactNews, DiagnosisNews, EventType, WebhookEvent

D = TypeVar("D", bound=BaseModel)


class EventBody(WireOutput, Generic[D]):
    """The body of a post."""

    type: EventType
    timestamp: WireTime = Field(description="When it happened.")
    data: D


class DiagnosisOut(WireOutput):
    """Why a batch does or does not dial."""

    batch_id: BatchId
    diagnosis: str
    tip: str


class TestOut(WireOutput):
    """Nothing but that posts arrive."""

    endpoint_id: EndpointId


def body_of(event: WebhookEvent) -> str:
    """Return the body of an event as it is posted."""
    # Each by its own type: a field of any type would be written without the rules of its schema.
    match event.news:
        case BatchNews() as news:
            return _written(EventBody[BatchOut], event, BatchOut.of(news.batch, news.campaign))
        case ContactNews() as news:
            contact = ContactOut.of(news.contact, news.current_call, news.batch, news.campaign)
            return _written(EventBody[ContactOut], event, contact)
        case CallNews() as news:
            call = CallOut.of_call(news.call, news.contact, news.campaign)
            return _written(EventBody[CallOut], event, call)
        case DiagnosisNews() as news:
            diagnosis = DiagnosisOut.model_validate(news, from_attributes=True)
            return _written(EventBody[DiagnosisOut], event, diagnosis)


def _written(kind: type[EventBody[D]], event: WebhookEvent, data: D) -> str:
    return kind(type=event.type, timestamp=event.occurred_at, data=data).model_dump_json()
