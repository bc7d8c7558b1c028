"""The guards of the slots; the game plays without one of them, and must then find its fault again."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.gates import Gate
from domain.identity import BatchId
from domain.slots import SlotDemand, free_slots
from store.calls import claims
from tests.builders import MONDAY_NOON
from workflows.batch.dispatcher import Dispatcher

_closed_gate = claims._closed_gate
_NEVER = timedelta(days=365)
_NO_LIMIT = 1000


@dataclass(frozen=True)
class Guard:
    """How it is taken out: by statements, and by what stands in its place."""

    statements: Sequence[str] = ()
    replaced: Mapping[str, object] = field(default_factory=dict)


def _open_without_slot(*asked: Any) -> Gate | None:
    gate = _closed_gate(*asked)
    return None if gate is Gate.NO_SLOT else gate


def _free_without_cap(
    limit: int, batch_id: BatchId, demands: Mapping[BatchId, SlotDemand], _cap: int | None
) -> int:
    return free_slots(limit, batch_id, demands, None)


async def _nothing(*_: object, **__: object) -> Sequence[Any]:
    return []


def _never_again(_: Dispatcher) -> datetime:
    return MONDAY_NOON + _NEVER


GUARDS: Mapping[str, Guard] = {
    "contacts give slots back": Guard(["DROP TRIGGER IF EXISTS contacts_give_slots_back ON contacts"]),
    "calls give slots back": Guard(
        ["DROP TRIGGER IF EXISTS calls_give_slots_back ON calls"],
        {"store.contacts.settlement.release_slot": _nothing},
    ),
    "a claim needs a slot": Guard(replaced={"store.calls.claims._closed_gate": _open_without_slot}),
    "a campaign has its cap": Guard(replaced={"store.slots.repository.free_slots": _free_without_cap}),
    "a batch has its limit": Guard(
        replaced={"store.slots.repository.concurrency_in_force": lambda *_: _NO_LIMIT}
    ),
    "a repeated request is one request": Guard(replaced={"store.slots.repository._held_already": _nothing}),
    "lost slots are looked for": Guard(
        replaced={"store.slots.repository.PostgresSlotStore.unattended": _nothing}
    ),
    "overdue contacts need not ask": Guard(
        replaced={
            "store.slots.candidates.OVERDUE_AFTER": _NEVER,
            "store.slots.repository.OVERDUE_AFTER": _NEVER,
        }
    ),
    "rows are read again without a signal": Guard(
        replaced={"workflows.batch.dispatcher.Dispatcher._level_read_at": _never_again}
    ),
}


async def drop_triggers(engine: AsyncEngine, names: Collection[str]) -> None:
    """Take out what stands in the database, for good."""
    async with engine.begin() as connection:
        for statement in (each for name in names for each in GUARDS[name].statements):
            await connection.execute(text(statement))


@contextmanager
def replaced(names: Collection[str]) -> Iterator[None]:
    """Take out what stands in the code, for a while."""
    with pytest.MonkeyPatch.context() as patch:
        for target, stand_in in (each for name in names for each in GUARDS[name].replaced.items()):
            patch.setattr(target, stand_in)
        yield
