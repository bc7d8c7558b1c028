"""Slots: a row is a slot, held from its grant to the end of the contact's call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.call import AttemptKind
from domain.identity import BatchId, ContactId
from domain.slots import GrantedSlots, SlotGrants


@dataclass(frozen=True, kw_only=True)
class HeldSlot:
    """A slot that has been held for a while."""

    contact_id: ContactId
    attempt: int
    kind: AttemptKind


class SlotStore(Protocol):
    """The slots of all batches."""

    async def grant(self, request: SlotGrants, now: datetime) -> GrantedSlots | None:
        """Grant slots to contacts of a batch that may be called now; None when the batch does not exist.

        Follow-ups come first, then retries, the longest due first, then pending contacts by position whose
        window is open, whose number is free and not capped. Never more than the batch's limit allows, nor
        its fair share of its campaign's.
        """

    async def unattended(
        self, batch_id: BatchId, now: datetime, limit: int, *, with_calls: bool
    ) -> Sequence[HeldSlot]:
        """Return slots held for a while without an open call, those checked longest ago first.

        `with_calls` returns those with an open call as well. They count as checked now.
        """
