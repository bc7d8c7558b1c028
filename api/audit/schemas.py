"""The audit log on the wire."""

from collections.abc import Mapping

from pydantic import Field

from api.http.paging import ANY_OF, ListQuery
from api.http.wire import RequestedTime, WireOutput, WireTime
from domain.audit import AuditAction, AuditEntry
from domain.identity import TokenId

Differences = Mapping[str, object]


class AuditEntryOut(WireOutput):
    """One accepted change, and who made it."""

    time: WireTime
    token_id: TokenId | None = Field(description="Null where no token was shown.", examples=["tok_01k2x4"])
    token_name: str = Field(
        description="The token's, else `signal`, `cli`, or `apollo` for Apollo itself.",
        examples=["dashboard"],
    )
    action: str = Field(examples=["batch.pause"])
    object: str = Field(description="The id of what was changed.", examples=["btc_01k2v9"])
    before: Differences | None = Field(description="What differed; null for what was made.")
    after: Differences | None = Field(description="What differs since; null for what is gone.")

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditEntryOut":
        return cls(
            time=entry.at,
            token_id=entry.actor.token_id,
            token_name=entry.actor.name,
            action=entry.action,
            object=entry.object_id,
            before=entry.before,
            after=entry.after,
        )


class AuditQuery(ListQuery):
    """Which entries of the log."""

    object: str | None = Field(default=None, max_length=255, description="The id of what was changed.")
    action: list[AuditAction] = Field(default=[], description=ANY_OF)
    since: RequestedTime | None = Field(default=None, description="Inclusive; UTC without an offset.")
    organization_id: str | None = Field(default=None, description="Absent means the token's.")
