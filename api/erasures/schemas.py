"""An erasure on the wire."""

from pydantic import ConfigDict, Field

from api.http.wire import E164, WireInput, WireOutput
from domain.erasure import Erasure
from domain.identity import ErasureId


class ErasureRequest(WireInput):
    """Whom to erase."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"phone_number": "+14155550123"}]})

    organization_id: str | None = Field(default=None, description="Absent means the token's.")
    phone_number: E164


class ErasureOut(WireOutput):
    """How much was held of the person, and is no more."""

    erasure_id: ErasureId = Field(examples=["era_01k2y1"])
    contacts: int
    calls: int
    events: int = Field(description="Bodies of events, those received and those for webhook endpoints.")

    @classmethod
    def of(cls, erasure: Erasure) -> "ErasureOut":
        return cls(
            erasure_id=erasure.erasure_id,
            contacts=erasure.contacts,
            calls=erasure.calls,
            events=erasure.events,
        )
