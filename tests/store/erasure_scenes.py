"""A person who is called, and everything that a database may keep of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from api.webhook_endpoints.bodies import body_of
from domain.batch import Batch
from domain.call import CallRecord, CallStatus, DialState
from domain.campaign import Campaign
from domain.contact import Contact, ContactStatus, NewContact
from domain.erasure import Erasure
from domain.identity import TokenId
from domain.ports import AttemptOutcome, Window
from domain.settlement import Settlement
from domain.suppression import NewSuppression, Suppression
from domain.webhooks import DeliveryAttempt, judged
from store.database.engine import single_statement
from store.database.ids import mint
from store.erasures.repository import PostgresErasureStore
from tests.builders import MONDAY_NOON, ORGANIZATION, a_status_event
from tests.store.scenes import Stores
from tests.store.webhook_scenes import Webhooks

NUMBER = "+14155550177"
NAME = "Ines Moreau"
SAID = "talked about her knee"
PRIVATE = (NUMBER[1:], NAME, SAID, "crm-4711", "America/Denver")
"""What is told of the person below."""
SOON = MONDAY_NOON + timedelta(minutes=5)
TOKEN = TokenId("tok_1")

_TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
_COUNTS = text(
    "SELECT concat_ws(' ', 'calls', call_status, disposition), count(*) FROM calls GROUP BY 1"
    " UNION ALL SELECT 'contacts', count(*) FROM contacts"
    " UNION ALL SELECT 'total', sum(total_contacts) FROM batches"
    " UNION ALL SELECT 'reports', count(*) FROM call_events"
    " UNION ALL SELECT 'events', count(*) FROM webhook_events"
    " UNION ALL SELECT 'retries', sum(retry_count) FROM contacts"
)


def the_person(**fields: Any) -> NewContact:
    told = {"external_id": "crm-4711", "call_variables": {"callee_name": NAME}, "timezone": "America/Denver"}
    return NewContact(phone_number=NUMBER, **{**told, **fields})


@dataclass(frozen=True)
class Scene:
    """Stores on one database, and who erases people from it."""

    stores: Stores
    webhooks: Webhooks
    erasures: PostgresErasureStore

    @classmethod
    def on(cls, stores: Stores) -> "Scene":
        engine = stores.engine
        return cls(stores, Webhooks.on(engine), PostgresErasureStore(engine, mint, body_of))

    async def erase(self) -> Erasure:
        return await self.erasures.erase(ORGANIZATION, NUMBER, SOON)

    async def waits(self, campaign: Campaign | None = None, **fields: Any) -> Contact:
        """The person, first of three in a batch of their own."""
        others = [NewContact(phone_number=f"+1415555020{number}") for number in (1, 2)]
        batch = await self.stores.a_kept_batch([the_person(), *others], campaign=campaign, **fields)
        return (await self.stores.people_of(batch))[0]

    async def batch_of(self, contact: Contact) -> Batch:
        return (await self.stores.batches.load(contact.batch_id))[0]

    async def talks(self, contact: Contact) -> CallRecord:
        """A call that goes on."""
        record = await self.stores.claimed(contact)
        await self.stores.calls.record_dial(record.execution_id, DialState.ACCEPTED, provider_call_id="p-1")
        await self.hears(record, CallStatus.IN_PROGRESS)
        return record

    async def hears(self, record: CallRecord, status: CallStatus, key: str = "", **fields: Any) -> None:
        """A report arrives that says everything about the person."""
        texts = {"transcript": SAID, "summary": SAID, "recording_url": f"https://r/{NUMBER}", "error": SAID}
        told = {**texts, "disposition_note": SAID, "disposition_data": {"who": NAME}, "hangup_by": NAME}
        event = a_status_event(status, **{**told, **fields})
        body = {"to": NUMBER, "callee": NAME, "transcript": SAID}
        await self.stores.calls.record_event(
            record.execution_id, event, event_key=key or f"w:{status}", body=body
        )

    async def was_called(
        self, contact: Contact, status: ContactStatus = ContactStatus.COMPLETED
    ) -> CallRecord:
        """A whole call, settled."""
        record = await self.talks(contact)
        await self.hears(record, CallStatus.COMPLETED, disposition="interested")
        await self.stores.contacts.settle(contact.contact_id, 1, Settlement(status=status), MONDAY_NOON)
        return record

    async def lists(self, reason: str = NAME, **fields: Any) -> None:
        """The number must not be called."""
        new = NewSuppression(phone_number=NUMBER, reason=reason, **fields)
        await self.stores.suppressions.add(ORGANIZATION, new, MONDAY_NOON, added_by=TOKEN)

    async def listed(self, number: str | None = None) -> list[Suppression]:
        suppressions = self.stores.suppressions
        page = await suppressions.list_suppressions(
            ORGANIZATION, phone_number=number, window=Window(limit=10)
        )
        return list(page.items)

    async def publish(self) -> None:
        """Make deliveries of all events."""
        events = await self.webhooks.outbox.unpublished(100)
        bodies = {each.event_id: body_of(each) for each in events}
        erased = {each.event_id for each in events if each.is_erased}
        await self.webhooks.outbox.publish(bodies, MONDAY_NOON, erased=erased)

    async def claim(self) -> list[AttemptOutcome]:
        """Posts that were made, and that their receiver answers with what it was told."""
        later = SOON + timedelta(hours=1)
        claimed = await self.webhooks.queue.claim(
            {}, each=100, limit=100, now=later, lease=timedelta(seconds=1)
        )
        attempts = [
            DeliveryAttempt(at=later, status=500, milliseconds=1, answer=each.body) for each in claimed
        ]
        return [
            AttemptOutcome(claimed=each, attempt=attempt, verdict=judged(each, attempt, later, 0.5))
            for each, attempt in zip(claimed, attempts, strict=True)
        ]

    async def settle(self, posts: list[AttemptOutcome]) -> None:
        await self.webhooks.queue.settle(posts, SOON + timedelta(hours=1))

    async def dump(self) -> str:
        """Everything in every column of every table."""
        async with single_statement(self.stores.engine) as connection:
            names = (await connection.scalars(_TABLES)).all()
            tables = [
                (await connection.scalars(text(f'SELECT CAST(t AS text) FROM "{name}" t'))).all()  # noqa: S608
                for name in names
            ]
        return "\n".join(row for table in tables for row in table)

    async def found(self) -> list[str]:
        """What of the person is anywhere in the database."""
        dump = await self.dump()
        return [each for each in PRIVATE if each in dump]

    async def counts(self) -> Mapping[str, int]:
        async with single_statement(self.stores.engine) as connection:
            return {name: int(number) for name, number in await connection.execute(_COUNTS)}

    async def run(self, statement: str, **bound: Any) -> None:
        async with single_statement(self.stores.engine) as connection:
            await connection.execute(text(statement), bound)
