"""Numbers that an organization must not call."""

from dataclasses import dataclass
from datetime import datetime

from domain.contact import ContactStatus
from domain.identity import BatchId, ContactId, ExecutionId, OrganizationId, SuppressionId, TokenId

OPTED_OUT = "Opted out in a call"
"""The reason stored when a callee asks not to be called again."""


@dataclass(frozen=True, kw_only=True)
class NewSuppression:
    phone_number: str
    reason: str | None = None
    expires_at: datetime | None = None
    """When the number may be called again; None = never."""
    execution_id: ExecutionId | None = None
    """The attempt that the number was taken from."""


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """A number that is not called. All instants are aware."""

    suppression_id: SuppressionId
    organization_id: OrganizationId
    phone_number: str
    """Empty once the person was erased; the number is suppressed all the same."""
    reason: str | None = None
    expires_at: datetime | None = None
    execution_id: ExecutionId | None = None
    added_by: TokenId | None = None
    """The token that added it last; None when a provider's webhook did."""
    created_at: datetime
    updated_at: datetime

    @property
    def is_opt_out(self) -> bool:
        """Tell whether the callee opted out in a call: it stays until it is removed."""
        return self.execution_id is not None and self.expires_at is None


@dataclass(frozen=True, kw_only=True)
class SkippedContact:
    """A contact that waited to be called again and was skipped, its number being suppressed."""

    batch_id: BatchId
    contact_id: ContactId
    was: ContactStatus
