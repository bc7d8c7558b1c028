"""Webhook endpoints and their deliveries on the wire."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from api.http.paging import ANY_OF, ListQuery
from api.http.wire import RequestedTime, WireInput, WireOutput, WireTime, without_repeats
from domain.identity import DeliveryId, EndpointId, EventId, OrganizationId
from domain.webhooks import (
    MAX_URL,
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    DisabledReason,
    EventType,
    NewWebhookEndpoint,
    WebhookEndpoint,
    flaw_of_url,
)


def _sound_url(text: str) -> str:
    flaw = flaw_of_url(text)
    if flaw is not None:
        raise PydanticCustomError("url", "{flaw}", {"flaw": flaw})
    return text


Url = Annotated[
    str,
    Field(
        description=f"https, or http to localhost; at most {MAX_URL:,} characters, no credentials.",
        examples=["https://hooks.example.com/apollo"],
    ),
    AfterValidator(_sound_url),
]
_Type = Annotated[EventType, Field(strict=False)]
Events = Annotated[list[_Type], Field(min_length=1), AfterValidator(without_repeats)]
Description = Annotated[str, Field(min_length=1, max_length=255)]


class EndpointFields(WireInput):
    """What may be said of an endpoint; `null` is a field's default."""

    url: Url = Field(default_factory=str)
    events: Events | None = Field(
        default=None, description="Which events; absent means every one, types to come included."
    )
    description: Description | None = None
    enabled: bool | None = Field(default=None, description="Default true.")


class EndpointCreate(EndpointFields):
    """Where events are to be posted."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"url": "https://hooks.example.com/apollo", "events": ["batch.completed", "call.ended"]}
            ]
        }
    )

    organization_id: str | None = Field(default=None, description="Absent means the token's.")
    url: Url

    def to_domain(self) -> NewWebhookEndpoint:
        return NewWebhookEndpoint(
            url=self.url,
            events=None if self.events is None else tuple(self.events),
            description=self.description,
            enabled=self.enabled is not False,
        )


class EndpointChange(EndpointFields):
    """A change of an endpoint: what is left out stays; `url` has no default."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": True, "events": None}]})

    def changed(self) -> dict[str, object]:
        """Return the new values of the fields that were given."""
        given: dict[str, object] = {
            "url": self.url,
            "events": None if self.events is None else tuple(self.events),
            "description": self.description,
            "enabled": self.enabled is not False,
        }
        return {name: given[name] for name in self.model_fields_set}


class EndpointOut(WireOutput):
    """A webhook endpoint; its secret is shown when it is made and rotated only."""

    endpoint_id: EndpointId = Field(examples=["whe_01k2z1"])
    organization_id: OrganizationId = Field(examples=["org_demo"])
    url: str = Field(examples=["https://hooks.example.com/apollo"])
    events: list[EventType] | None = Field(description="Null: every event.")
    description: str | None
    enabled: bool
    disabled_reason: DisabledReason | None = Field(
        description="Why Apollo disabled it: `gone`, it answered 410; `failing`, three days of failures."
    )
    failing_since: WireTime | None = Field(description="The first failure since the last success.")
    created_at: WireTime
    updated_at: WireTime

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> "EndpointOut":
        return cls.model_validate(_shown(endpoint))


class EndpointCreated(EndpointOut):
    """A webhook endpoint with the secret that its posts are signed with."""

    secret: str = Field(examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])

    @classmethod
    def with_secret(cls, endpoint: WebhookEndpoint, secret: str) -> "EndpointCreated":
        return cls.model_validate({**_shown(endpoint), "secret": secret})


def _shown(endpoint: WebhookEndpoint) -> dict[str, object]:
    return {
        "endpoint_id": endpoint.endpoint_id,
        "organization_id": endpoint.organization_id,
        "url": endpoint.url,
        "events": None if endpoint.events is None else list(endpoint.events),
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason,
        "failing_since": endpoint.failing_since,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }


class EndpointsQuery(ListQuery):
    """Which webhook endpoints."""

    organization_id: str | None = Field(default=None, description="Absent means the token's.")


class SecretRotated(WireOutput):
    """The secret that signs from now on; former ones sign beside it for a day."""

    endpoint_id: EndpointId = Field(examples=["whe_01k2z1"])
    secret: str = Field(examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])
    previous_expires_at: WireTime


class TestAccepted(WireOutput):
    """An `endpoint.test` on its way."""

    delivery_id: DeliveryId = Field(examples=["whd_0006520d2f7e5b4c00001a"])


class ReplayRequest(WireInput):
    """From when on events are to be delivered again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"since": "2026-09-04T14:00:00Z"}]})

    since: RequestedTime = Field(description="Inclusive; UTC without an offset.")


class ReplayAccepted(WireOutput):
    """Events on their way once more."""

    endpoint_id: EndpointId = Field(examples=["whe_01k2z1"])
    since: WireTime
    events: int = Field(description="How many, those that were delivered included.")


class AttemptOut(WireOutput):
    """One post of an event."""

    at: WireTime
    status: int | None = Field(description="Of the answer, null without one.", examples=[200])
    milliseconds: int
    answer: str | None = Field(description="Its first kilobyte.")
    error: str | None = Field(description="Why there is no answer.")

    @classmethod
    def of(cls, attempt: DeliveryAttempt) -> "AttemptOut":
        return cls.model_validate(attempt, from_attributes=True)


class DeliveryOut(WireOutput):
    """One event on its way to one endpoint."""

    delivery_id: DeliveryId = Field(examples=["whd_0006520d2f7e5b4c00001a"])
    event_id: EventId = Field(examples=["evt_0006520d2f7e5a31000019"])
    type: EventType
    endpoint_id: EndpointId = Field(examples=["whe_01k2z1"])
    state: DeliveryState
    attempts: list[AttemptOut] = Field(description="Oldest first, at most the newest 50.")
    next_attempt_at: WireTime | None = Field(description="While `pending`.")
    created_at: WireTime
    updated_at: WireTime

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryOut":
        return cls(
            delivery_id=delivery.delivery_id,
            event_id=delivery.event_id,
            type=delivery.type,
            endpoint_id=delivery.endpoint_id,
            state=delivery.state,
            attempts=[AttemptOut.of(each) for each in delivery.attempts],
            next_attempt_at=delivery.next_attempt_at,
            created_at=delivery.created_at,
            updated_at=delivery.updated_at,
        )


class DeliveriesQuery(ListQuery):
    """Which deliveries."""

    endpoint_id: str | None = None
    state: list[DeliveryState] = Field(default=[], description=ANY_OF)
    type: list[EventType] = Field(default=[], description=ANY_OF)
    organization_id: str | None = Field(default=None, description="Absent means the token's.")
