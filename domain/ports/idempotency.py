"""Which requests were made before, and how a store verb has its effect once per key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from domain.identity import OrganizationId

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class IdempotencyKey:
    """A client's name for one request, scoped to organization and kind of resource."""

    organization_id: OrganizationId
    kind: str
    key: str


@dataclass(frozen=True, kw_only=True)
class KeyedRequest(Generic[T]):
    """What a store verb needs to have its effect once per key: the key's row is part of its transaction.

    The verb raises IdempotencyKeyBusy while another request works under the key, IdempotencyKeyUsed once one
    has had its effect; in both cases it changes nothing.
    """

    key: IdempotencyKey
    fingerprint: str
    """Of the body; another body under the same key is another request."""
    answer: Callable[[T], str]
    """Return the JSON text that tells of the effect; it is kept for repetitions."""


@dataclass(frozen=True)
class Unused:
    """No request has had an effect under this key, and none is having one."""


@dataclass(frozen=True)
class Replay:
    """The same request was answered before, with this JSON text."""

    body: str


@dataclass(frozen=True)
class InProgress:
    """Another request with this key has not finished."""


@dataclass(frozen=True)
class Mismatch:
    """The key was used for another body."""


KeyUse = Unused | Replay | InProgress | Mismatch


class IdempotencyStore(Protocol):
    """Remembers requests for 24 hours after their success; store verbs write what it reads."""

    async def look_up(self, key: IdempotencyKey, fingerprint: str) -> KeyUse:
        """Tell what is known of a key, for a body with this fingerprint.

        `Unused` promises nothing: the verb itself decides, within its transaction.
        """

    async def forget_old(self) -> None:
        """Delete some of the keys whose time is over."""
