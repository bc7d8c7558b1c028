"""Idempotency keys in memory."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.ports import FirstUse, IdempotencyKey, InProgress, KeyUse, Mismatch, Replay
from tests.fakes.tables import Tables

KEPT_FOR = timedelta(hours=24)
CLAIM_LAPSES_AFTER = timedelta(seconds=60)


@dataclass
class _Entry:
    fingerprint: str
    claimed_at: datetime
    body: str | None = None
    finished_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        if self.finished_at is None:
            return self.claimed_at <= now - CLAIM_LAPSES_AFTER
        return self.finished_at <= now - KEPT_FOR


class FakeIdempotencyStore:
    """Implements IdempotencyStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._entries: dict[IdempotencyKey, _Entry] = {}

    async def begin(self, key: IdempotencyKey, fingerprint: str, now: datetime) -> KeyUse:
        """Claim a key for a body with this fingerprint."""
        self._tables.require_up()
        entry = self._entries.get(key)
        if entry is None or entry.is_over(now):
            self._entries[key] = _Entry(fingerprint, claimed_at=now)
            return FirstUse()
        if entry.body is None:
            return InProgress()
        return Replay(entry.body) if entry.fingerprint == fingerprint else Mismatch()

    async def keep(self, key: IdempotencyKey, body: str, now: datetime) -> None:
        """Keep the answer of a finished request."""
        self._tables.require_up()
        entry = self._entries.get(key)
        if entry is not None and entry.finished_at is None:
            entry.body, entry.finished_at = body, now

    async def release(self, key: IdempotencyKey) -> None:
        """Forget a request that failed."""
        self._tables.require_up()
        entry = self._entries.get(key)
        if entry is not None and entry.finished_at is None:
            del self._entries[key]
