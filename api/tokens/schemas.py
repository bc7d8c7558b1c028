"""API tokens on the wire."""

from datetime import timedelta
from typing import Annotated

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.http.paging import ListQuery
from api.http.wire import WireInput, WireOutput, WireTime
from api.policy.rules import Name
from domain.access import TokenScope, lifetime_of
from domain.identity import TokenId
from domain.ports import NewToken, Token


def _lifetime(value: object) -> timedelta:
    if not isinstance(value, str):
        raise PydanticCustomError("lifetime_type", "Input should be text such as 90d")
    try:
        return lifetime_of(value)
    except ValueError as error:
        raise PydanticCustomError("lifetime", "{reason}", {"reason": str(error)}) from None


Lifetime = Annotated[
    timedelta,
    PlainValidator(_lifetime),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,8}[smhd]$", "examples": ["90d"]}),
]
Scope = Annotated[TokenScope, Field(strict=False)]


class TokenCreate(WireInput):
    """A token to be made; `null` means not given."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "dashboard", "scope": "read", "expires_in": "90d"}]}
    )

    organization_id: str | None = Field(default=None, description="Absent means the token's.")
    name: Name
    scope: Scope | None = Field(default=None, description="Default `full`.")
    expires_in: Lifetime | None = Field(
        default=None, description="A number and `s`, `m`, `h` or `d`, at most 3650d. Absent means never."
    )

    def to_domain(self) -> NewToken:
        return NewToken(name=self.name, scope=self.scope or TokenScope.FULL, lifetime=self.expires_in)


class TokenOut(WireOutput):
    """A token without its secret."""

    token_id: TokenId = Field(examples=["tok_01k2x4"])
    name: str = Field(examples=["dashboard"])
    scope: TokenScope
    expires_at: WireTime | None
    last_used_at: WireTime | None = Field(description="To the minute.")
    created_at: WireTime

    @classmethod
    def of(cls, token: Token) -> "TokenOut":
        return cls(
            token_id=token.token_id,
            name=token.name,
            scope=token.scope,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
            created_at=token.created_at,
        )


class TokenCreated(TokenOut):
    """A token and its secret, which is shown this once."""

    token: str = Field(examples=["gat_3f9c"])

    @classmethod
    def with_secret(cls, token: Token, secret: str) -> "TokenCreated":
        return cls(**dict(TokenOut.of(token)), token=secret)


class TokensQuery(ListQuery):
    """Which tokens."""

    organization_id: str | None = Field(default=None, description="Absent means the token's.")
