"""What is posted of an event: its object as the other endpoints show it."""

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from api.batches.schemas import BatchOut
from api.contacts.schemas import ContactOut
from api.executions.schemas import CallOut
from api.http.wire import WireOutput, WireTime
from domain.identity import BatchId, EndpointId
from domain.webhooks import BatchNews, CallNews, ContactNews, DiagnosisNews, EventType, News, WebhookEvent

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
    body = EventBody[BaseModel](type=event.type, timestamp=event.occurred_at, data=_data(event.news))
    return body.model_dump_json(serialize_as_any=True)


def _data(news: News) -> BaseModel:
    match news:
        case BatchNews():
            return BatchOut.of(news.batch, news.campaign)
        case ContactNews():
            return ContactOut.of(news.contact, news.current_call)
        case CallNews():
            return CallOut.of_call(news.call, news.contact, news.campaign)
        case DiagnosisNews():
            return DiagnosisOut.model_validate(news, from_attributes=True)
