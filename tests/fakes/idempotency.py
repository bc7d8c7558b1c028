"""Idempotency keys in memory; nothing is ever forgotten, for no test lasts a day."""

from collections.abc import Callable
from typing import TypeVar

from domain.errors import IdempotencyKeyBusy, IdempotencyKeyUsed
from domain.ports import IdempotencyKey, InProgress, KeyedRequest, KeyUse, Mismatch, Replay, Unused
from tests.fakes.tables import Tables

T = TypeVar("T")


class FakeIdempotencyStore:
    """Implements IdempotencyStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def look_up(self, key: IdempotencyKey, fingerprint: str) -> KeyUse:
        """Tell what is known of a key."""
        self._tables.require_up()
        if key in self._tables.keys_in_work:
            return InProgress()
        if key not in self._tables.answers:
            return Unused()
        of, body = self._tables.answers[key]
        return Replay(body) if of == fingerprint else Mismatch()

    async def forget_old(self) -> None:
        """Delete nothing."""
        self._tables.require_up()


def effect_once(tables: Tables, keyed: KeyedRequest[T] | None, effect: Callable[[], T]) -> T:
    """Have an effect and keep its answer under the key. Raises IdempotencyKeyBusy, IdempotencyKeyUsed."""
    tables.require_up()
    if keyed is None:
        return effect()
    if keyed.key in tables.keys_in_work:
        raise IdempotencyKeyBusy
    if keyed.key in tables.answers:
        raise IdempotencyKeyUsed
    made = effect()
    tables.answers[keyed.key] = (keyed.fingerprint, keyed.answer(made))
    return made
