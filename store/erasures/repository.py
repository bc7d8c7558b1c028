"""Erases a person whom an organization knows by a number."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.audit import AuditAction, AuditedChange
from domain.erasure import Erasure
from domain.identity import ERASURE_PREFIX, ContactId, ErasureId, MintId, OrganizationId
from domain.suppression import OPTED_OUT
from store.access.organizations import keep_organization
from store.audit.recording import record
from store.database.engine import bulk_transaction
from store.erasures.erasing import Eraser, WriteBody
from store.numbers.claim_locks import hold_claims, hold_copies
from store.schema.tables import batches, campaigns, contacts

PAGE = 100

# A reason in a client's words may name the person; Apollo's own does not.
_HASH_SUPPRESSIONS = text(
    """
    UPDATE suppressions SET
        number_hash = number_hash(organization_id, phone_number),
        phone_number = NULL,
        reason = CASE
            WHEN reason = :opted_out OR reason ~ '^disposition:[a-z][a-z0-9_]{0,63}$' THEN reason
        END,
        updated_at = :now
    WHERE organization_id = :owner AND phone_number = :number
    """
)


class PostgresErasureStore:
    """The people of all organizations; implements `ErasureStore`."""

    def __init__(self, engine: AsyncEngine, mint: MintId, write_body: WriteBody) -> None:
        self._engine = engine
        self._mint = mint
        self._write_body = write_body

    async def erase(self, organization_id: OrganizationId, phone_number: str, now: datetime) -> Erasure:
        """Empty whatever the organization holds of the person with this number.

        Nobody waits for it but claims and settlements of the person's own contacts, changes of the campaigns
        they are in, and copies of contacts.
        """
        eraser = Eraser(organization_id=organization_id, write_body=self._write_body)
        async with bulk_transaction(self._engine) as connection:
            await hold_copies(connection, organization_id)
            known = await _found(connection, organization_id, phone_number)
            pages = [known[start : start + PAGE] for start in range(0, len(known), PAGE)]
            emptied = [await eraser.empty(connection, page, now) for page in pages]
            erased = Erasure(
                erasure_id=ErasureId(self._mint(ERASURE_PREFIX)),
                contacts=sum(each.contacts for each in emptied),
                calls=sum(each.calls for each in emptied),
                events=sum(each.events for each in emptied),
                skipped=[skipped for each in emptied for skipped in each.skipped],
            )
            await _conclude(connection, organization_id, phone_number, erased, now)
        return erased


async def _found(
    connection: AsyncConnection, organization_id: OrganizationId, phone_number: str
) -> Sequence[ContactId]:
    """Return contacts with a number, of deleted batches and campaigns too.

    Their campaigns are held as they are, so that nobody moves contacts of several batches meanwhile.
    """
    c = contacts.c
    known = (
        select(c.contact_id)
        .join_from(contacts, batches, batches.c.batch_id == c.batch_id)
        .join(campaigns, campaigns.c.campaign_id == batches.c.campaign_id)
        .where(
            c.phone_number == phone_number,
            c.erased_at.is_(None),
            batches.c.organization_id == organization_id,
        )
        .order_by(campaigns.c.campaign_id, c.contact_id)
        .with_for_update(read=True, of=campaigns)
    )
    return [ContactId(each) for each in await connection.scalars(known)]


async def _conclude(
    connection: AsyncConnection,
    organization_id: OrganizationId,
    phone_number: str,
    erased: Erasure,
    now: datetime,
) -> None:
    """Hash the number where it must not be called, and write that somebody was erased; nothing of whom."""
    await keep_organization(connection, organization_id, now)
    of_number = {"owner": organization_id, "number": phone_number, "opted_out": OPTED_OUT, "now": now}
    await connection.execute(_HASH_SUPPRESSIONS, of_number)
    change = AuditedChange(
        action=AuditAction.ERASURE_CREATE,
        object_id=erased.erasure_id,
        after={"contacts": erased.contacts, "calls": erased.calls, "events": erased.events},
    )
    await record(connection, organization_id, change, now)
    await hold_claims(connection, organization_id)
