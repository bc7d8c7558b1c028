"""Suppressed numbers on the wire."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.http.paging import ListQuery
from api.http.wire import E164, RequestedTime, WireInput, WireOutput, WireTime
from domain.identity import ExecutionId, OrganizationId, SuppressionId, TokenId
from domain.suppression import Suppression

Reason = Annotated[str, Field(min_length=1, max_length=255)]
ExpiresAt = Annotated[
    RequestedTime, Field(description="When the number may be called again; UTC without an offset.")
]


class SuppressionCreate(WireInput):
    """A number that must not be called, named itself or by a call that was placed to it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"phone_number": "+14155550123", "reason": "asked by letter"},
                {"execution_id": "exec_01k2x4", "reason": "asked in the call"},
            ]
        }
    )

    organization_id: str | None = Field(default=None, description="Absent means the token's.")
    phone_number: E164 | None = None
    execution_id: str | None = Field(
        default=None, description="Instead of `phone_number`: an attempt that called it."
    )
    reason: Reason | None = None
    expires_at: ExpiresAt | None = Field(default=None, description="Absent means never.")

    @model_validator(mode="after")
    def _names_one_number(self) -> "SuppressionCreate":
        if (self.phone_number is None) is (self.execution_id is None):
            raise PydanticCustomError("one_number", "Give either phone_number or execution_id")
        return self


class SuppressionRow(WireInput):
    """A number of a file."""

    phone_number: E164
    reason: Reason | None = None
    expires_at: RequestedTime | None = None


class SuppressionForm(BaseModel):
    """A list of numbers as a form."""

    file: bytes = Field(
        description="CSV in UTF-8 with a header: `phone_number`, and if needed `reason` and `expires_at`."
    )


class SuppressionOut(WireOutput):
    """A number that is not called until its entry expires, or ever."""

    suppression_id: SuppressionId = Field(examples=["sup_01k2y1"])
    organization_id: OrganizationId = Field(examples=["org_demo"])
    phone_number: str = Field(examples=["+14155550123"])
    reason: str | None
    expires_at: WireTime | None
    execution_id: ExecutionId | None = Field(description="The attempt the number was taken from.")
    added_by: TokenId | None = Field(
        description="The token that listed it last; null when a provider's webhook did."
    )
    created_at: WireTime
    updated_at: WireTime

    @classmethod
    def of(cls, suppression: Suppression) -> "SuppressionOut":
        return cls(
            suppression_id=suppression.suppression_id,
            organization_id=suppression.organization_id,
            phone_number=suppression.phone_number,
            reason=suppression.reason,
            expires_at=suppression.expires_at,
            execution_id=suppression.execution_id,
            added_by=suppression.added_by,
            created_at=suppression.created_at,
            updated_at=suppression.updated_at,
        )


class SuppressionsImported(WireOutput):
    """What became of the rows of a file; `received` is the sum of the others."""

    received: int
    added: int
    updated: int = Field(
        description="Numbers listed already, with a new reason and expiry unless a callee opted out."
    )
    duplicates: int = Field(description="Later rows of the same number, dropped.")


class SuppressionsQuery(ListQuery):
    """Which suppressed numbers."""

    phone_number: E164 | None = Field(default=None, description="Only the entry of this number.")
    organization_id: str | None = Field(default=None, description="Absent means the token's.")
