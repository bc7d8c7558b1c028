"""The real API on a real database in this process, and the workflows' part of it, played step by step."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import count
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.batches import BatchActivities
from activities.calls import CallLimits
from activities.contacts import ContactActivities
from activities.messages import BeginBatch, ExpireBatch, FinishBatch, ReturnSlot, SettleAttempt
from api.app import production_dependencies
from api.assembly import assemble, install
from domain.call import DialState
from domain.gates import Gate
from domain.identity import BatchId, ContactId
from domain.ports import Claimed
from domain.slots import GrantedSlot, GrantedSlots, SlotGrants
from settings import Settings
from store.batches.repository import PostgresBatchStore
from store.calls.repository import PostgresCallStore
from store.contacts.repository import PostgresContactStore
from store.database.engine import create_store_engine
from store.database.ids import mint
from store.slots.repository import PostgresSlotStore
from store.suppressions.repository import PostgresSuppressionStore
from tests.activities.world import FakeDirectory, FakeReports
from tests.api.world import ORGANIZATION, SECRET, bearer
from tests.builders import a_claim
from tests.fakes import FakeCallMetrics, FakeClock, FakeEngine

LIMITS = CallLimits(
    ring_timeout=timedelta(seconds=45), max_call=timedelta(minutes=20), silence=timedelta(seconds=30)
)


class NumberBusy(Exception):
    """The number of whoever was granted a slot is on another call; the contact waits on."""


class World:
    """An API process and a worker without Temporal between them; its clock stands until it is moved."""

    def __init__(self, database_url: str) -> None:
        self.runner = asyncio.Runner()
        self.clock = FakeClock()
        self._keys = count(1)
        self.runner.run(self._open(database_url))

    async def _open(self, database_url: str) -> None:
        self._database = create_store_engine(database_url)
        settings = Settings.model_construct(webhook_allow_unsigned=True)
        parts = production_dependencies(settings, self._database, FakeEngine(), self.clock)
        await parts.tokens.create(ORGANIZATION, "model", SECRET, self.clock())
        app = assemble(None)
        install(app, parts)
        transport = httpx.ASGITransport(app)
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://apollo.test", headers=bearer(SECRET)
        )
        self._play(self._database)

    def _play(self, database: AsyncEngine) -> None:
        self._slots = PostgresSlotStore(database)
        self._calls = PostgresCallStore(database, mint)
        self._of_batches = BatchActivities(PostgresBatchStore(database, mint), self.clock)
        self._of_contacts = ContactActivities(
            PostgresContactStore(database),
            self._calls,
            suppressions=PostgresSuppressionStore(database, mint),
            reports=FakeReports(),
            directory=FakeDirectory(),
            metrics=FakeCallMetrics(),
            limits=LIMITS,
            clock=self.clock,
        )

    def close(self) -> None:
        """Leave nothing open."""
        self.runner.run(self._close())
        self.runner.close()

    async def _close(self) -> None:
        await self._client.aclose()
        await self._database.dispose()

    def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, key: str | None = None
    ) -> httpx.Response:
        """Return what the API answers."""
        headers = {} if key is None else {"Idempotency-Key": key}
        asked = self._client.request(method, f"/api/v1{path}", json=body, headers=headers)
        return self.runner.run(asked)

    def read(self, path: str) -> Any:
        """Return what a GET answers, which must be 200."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def dial(self, batch_id: str, asking: Sequence[str]) -> tuple[str, str] | None:
        """Have one contact of a batch called, and return it with its execution; None when nobody may be.

        Raises NumberBusy.
        """
        return self.runner.run(self._dial(BatchId(batch_id), [ContactId(each) for each in asking]))

    async def _dial(self, batch_id: BatchId, asking: Sequence[ContactId]) -> tuple[str, str] | None:
        stands = await self._grant(batch_id, at_most=1, asked=tuple(asking))
        if stands is None or not stands.granted:
            return None
        [slot] = stands.granted
        claim = a_claim(slot.contact_id, attempt=slot.attempt, kind=slot.kind)
        answer = await self._calls.claim_attempt(claim, self.clock())
        if answer is Gate.NUMBER_BUSY:
            await self._withhold(batch_id, slot)
            raise NumberBusy
        assert isinstance(answer, Claimed), answer
        assert answer.may_ask
        execution_id = answer.record.execution_id
        await self._calls.record_dial(execution_id, DialState.ACCEPTED, provider_call_id=f"p-{execution_id}")
        return slot.contact_id, execution_id

    async def _withhold(self, batch_id: BatchId, slot: GrantedSlot) -> None:
        request = ReturnSlot(batch_id=batch_id, contact_id=slot.contact_id, attempt=slot.attempt)
        await self._of_contacts.return_slot(request)

    async def _grant(self, batch_id: BatchId, **request: Any) -> GrantedSlots | None:
        asked = SlotGrants(batch_id=batch_id, key=f"model/{next(self._keys)}", **request)
        return await self._slots.grant(asked, self.clock())

    def report(self, execution_id: str, status: str, event_id: str, **told: object) -> str:
        """Post a webhook of the provider, and return what it is taken as."""
        body = {"execution_id": execution_id, "call_status": status, "event_id": event_id, **told}
        answer = self.ask("POST", "/webhooks/call-status", body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["result"])

    def settle(self, batch_id: str, contact_id: str, attempt: int) -> None:
        """Decide what follows an ended call, as the contact's workflow does; it may do so twice."""
        self.runner.run(
            self._settle(SettleAttempt(batch_id=batch_id, contact_id=contact_id, attempt=attempt))
        )

    async def _settle(self, request: SettleAttempt) -> None:
        for _ in range(2):
            await self._of_contacts.settle_attempt(request)

    def look(self, batch_id: str) -> None:
        """Do what is due for a batch as a whole, as its workflow does."""
        self.runner.run(self._look(BatchId(batch_id)))

    async def _look(self, batch_id: BatchId) -> None:
        for _ in range(2):  # one that begins may be over at once
            stands = await self._grant(batch_id, at_most=0)
            assert stands is not None
            if stands.is_begin_due:
                await self._of_batches.begin_batch(BeginBatch(batch_id))
            elif stands.is_end_due:
                await self._of_batches.expire_batch(ExpireBatch(batch_id))
            elif stands.is_done:
                await self._of_batches.finish_batch(FinishBatch(batch_id))
            else:
                return
