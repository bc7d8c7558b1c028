"""Activities about slots: granting them, and finding those whose workflow is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.failures import translating_failures
from domain.call import AttemptKind
from domain.identity import BatchId, ContactId
from domain.ports import Attendance, SlotStore, WorkflowDirectory
from domain.slots import GrantedSlots, SlotGrants


@dataclass(frozen=True, kw_only=True)
class ContactOfBatch:
    """Ask about one contact."""

    batch_id: str
    contact_id: str


@dataclass(frozen=True, kw_only=True)
class FindLostSlots:
    """Ask which slots of a batch nobody attends to."""

    batch_id: str
    limit: int
    with_calls: bool
    """Look at those with an open call as well."""


@dataclass(frozen=True, kw_only=True)
class LostSlot:
    """A contact that holds a slot and whose workflow does not run."""

    contact_id: str
    attempt: int
    kind: AttemptKind
    is_final: bool
    """It was ended by hand or failed: it is not to be started again."""


class SlotActivities:
    """Grant slots, and find those that are lost."""

    def __init__(
        self,
        slots: SlotStore,
        directory: WorkflowDirectory,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sleep = sleep
        self._slots = slots
        self._directory = directory
        self._clock = clock

    @activity.defn
    @translating_failures
    async def grant_slots(self, request: SlotGrants) -> GrantedSlots | None:
        """Grant slots to contacts that may be called now; None when the batch does not exist."""
        await self._sleep(request.linger.total_seconds())
        return await self._slots.grant(request, self._clock())

    @activity.defn
    @translating_failures
    async def find_lost_slots(self, request: FindLostSlots) -> list[LostSlot]:
        """Return slots held for a while whose contacts' workflows do not run."""
        batch_id = BatchId(request.batch_id)
        held = await self._slots.unattended(
            batch_id, self._clock(), request.limit, with_calls=request.with_calls
        )
        attendance = await self._directory.attendance(batch_id, [each.contact_id for each in held])
        return [
            LostSlot(
                contact_id=each.contact_id,
                attempt=each.attempt,
                kind=each.kind,
                is_final=attendance[each.contact_id] is Attendance.OVER,
            )
            for each in held
            if attendance[each.contact_id] is not Attendance.RUNNING
        ]

    @activity.defn
    @translating_failures
    async def is_over(self, contact: ContactOfBatch) -> bool:
        """Tell whether the workflow of a contact was ended by hand or failed."""
        contact_id = ContactId(contact.contact_id)
        attendance = await self._directory.attendance(BatchId(contact.batch_id), [contact_id])
        return attendance[contact_id] is Attendance.OVER

    @property
    def all(self) -> tuple[Callable[..., object], ...]:
        """Every activity of this class that has a task of its own, to be registered with a worker."""
        return (self.find_lost_slots, self.is_over)

    @property
    def local(self) -> tuple[Callable[..., object], ...]:
        """Every activity that runs inside the batch's workflow task, to be registered with its worker."""
        return (self.grant_slots,)
