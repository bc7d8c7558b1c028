"""Who changed what: the log of accepted changes, which never holds a person's data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.identity import TokenId


class AuditAction(StrEnum):
    """What was done, named after what it was done to; wire values of `action`."""

    BATCH_APPEND = "batch.append"
    BATCH_CANCEL = "batch.cancel"
    BATCH_CLOSE = "batch.close"
    BATCH_CREATE = "batch.create"
    BATCH_DELETE = "batch.delete"
    BATCH_DISPATCH = "batch.dispatch"
    BATCH_PAUSE = "batch.pause"
    BATCH_RESUME = "batch.resume"
    BATCH_UPDATE = "batch.update"
    CAMPAIGN_CANCEL = "campaign.cancel"
    CAMPAIGN_CREATE = "campaign.create"
    CAMPAIGN_DELETE = "campaign.delete"
    CAMPAIGN_PAUSE = "campaign.pause"
    CAMPAIGN_RESUME = "campaign.resume"
    CAMPAIGN_UPDATE = "campaign.update"
    CONTACT_FOLLOW_UP = "contact.follow_up"
    CONTACT_SKIP = "contact.skip"
    DELIVERY_REPLAY = "delivery.replay"
    ENDPOINT_CREATE = "endpoint.create"
    ENDPOINT_DELETE = "endpoint.delete"
    ENDPOINT_DISABLE = "endpoint.disable"
    ENDPOINT_REPLAY = "endpoint.replay"
    ENDPOINT_ROTATE_SECRET = "endpoint.rotate_secret"  # noqa: S105 - names what was done to one
    ENDPOINT_TEST = "endpoint.test"
    ENDPOINT_UPDATE = "endpoint.update"
    ERASURE_CREATE = "erasure.create"
    EXECUTION_DISPOSITION = "execution.disposition"
    SUPPRESSION_CREATE = "suppression.create"
    SUPPRESSION_DELETE = "suppression.delete"
    SUPPRESSION_IMPORT = "suppression.import"
    SUPPRESSION_UPDATE = "suppression.update"
    TOKEN_CREATE = "token.create"  # noqa: S105 - names what was done to one
    TOKEN_REVOKE = "token.revoke"  # noqa: S105 - the same


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who changes something: the holder of a token, or a way in that knows no tokens."""

    token_id: TokenId | None = None
    name: str
    """The token's, else of the way in."""


SIGNAL = Actor(name="signal")
"""An operator who signals or cancels a workflow."""
COMMAND_LINE = Actor(name="cli")
"""An operator whose command works on the database itself."""
APOLLO = Actor(name="apollo")
"""Nobody but Apollo itself, such as after a callee opted out."""


@dataclass(frozen=True, kw_only=True)
class AuditedChange:
    """One change; `before` and `after` hold what differs, never a person's data or a client's free text.

    Values are plain JSON, enums, dates or instants.
    """

    action: AuditAction
    object_id: str
    before: Mapping[str, object] | None = None
    """None for what was made."""
    after: Mapping[str, object] | None = None
    """None for what is gone."""


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """A change as the log has it."""

    at: datetime
    actor: Actor
    action: str
    """Text, for a later version may have written it."""
    object_id: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries of an organization's log."""

    object_id: str | None = None
    actions: Sequence[AuditAction] = ()
    """Any of them; empty matches all."""
    since: datetime | None = None
    """Inclusive."""


def differing(
    before: Mapping[str, object], after: Mapping[str, object]
) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Return of two descriptions of the same object what differs."""
    changed = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in changed}, {name: after[name] for name in changed}
