"""Uploads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.audit import Actor
from domain.batch import TERMINAL_BATCH, UNFINISHED_BATCH, Batch, BatchStatus, NewBatch
from domain.campaign import Campaign
from domain.contact import ContactStatus, NewContact
from domain.counters import Counters
from domain.errors import BatchNotFound
from domain.identity import BatchId, CampaignId, MintId, OrganizationId
from domain.lifecycle import Action
from domain.ports import (
    AppendedContacts,
    BatchAmendment,
    CalledAgain,
    ChangedBatch,
    KeyedRequest,
    Page,
    Window,
)
from store.access.idempotency import effect_once
from store.batches.actions import act_on_batch, delete_batch, dispatch_batch, expire_batch
from store.batches.appending import Appendix, append_contacts
from store.batches.changes import change_batch
from store.batches.completion import finish_batch
from store.batches.counting import counters_of
from store.batches.intake import create_batch
from store.batches.kept_counts import keep_counts_of_settled
from store.batches.requeueing import requeue
from store.batches.resting import with_reason_to_look
from store.database.engine import bulk_transaction, single_statement, transaction
from store.database.parameters import among
from store.schema.mapping import batch_of, campaign_of
from store.schema.tables import batches, campaigns, contacts

_WITH_CAMPAIGN = (
    select(batches, campaigns)
    .join_from(batches, campaigns, batches.c.campaign_id == campaigns.c.campaign_id)
    .where(campaigns.c.deleted_at.is_(None))
)
# Made once: putting such a statement together costs more than sending it.
_ONE = _WITH_CAMPAIGN.where(batches.c.batch_id == bindparam("this_batch"))
_SHOWN = _WITH_CAMPAIGN.where(batches.c.deleted_at.is_(None))
_OWN = _SHOWN.where(
    batches.c.batch_id == bindparam("this_batch"),
    batches.c.organization_id == bindparam("this_organization"),
)
_IN_PROGRESS = select(func.count()).where(
    contacts.c.batch_id == bindparam("this_batch"), contacts.c.status == ContactStatus.IN_PROGRESS
)


class PostgresBatchStore:
    """The batches of all organizations; implements `BatchStore`.

    Campaigns returned beside batches show their call counters as zero: they are there for their rules.
    """

    def __init__(self, engine: AsyncEngine, mint: MintId) -> None:
        self._engine = engine
        self._mint = mint

    async def create(
        self,
        new: NewBatch,
        contacts: Sequence[NewContact],
        now: datetime,
        keyed: KeyedRequest[Batch] | None = None,
    ) -> Batch:
        """Keep a batch and all its contacts, in order, and bring its campaign to life.

        Raises CampaignNotFound, CampaignClosed, IdempotencyKeyBusy, IdempotencyKeyUsed.
        """

        async def creation(connection: AsyncConnection) -> Batch:
            return await create_batch(connection, new, contacts, now, self._mint)

        return await effect_once(self._engine, keyed, creation)

    async def requeue(
        self,
        new: NewBatch,
        which: CalledAgain,
        now: datetime,
        keyed: KeyedRequest[Batch] | None = None,
    ) -> Batch:
        """Keep a batch of contacts of its parent, in order, and bring its campaign to life.

        Raises NobodyLeft, CampaignNotFound, CampaignClosed, IdempotencyKeyBusy, IdempotencyKeyUsed.
        """
        parent = new.parent_batch_id
        if parent is None:
            raise ValueError("a batch that calls contacts again names whose they are")

        async def requeueing(connection: AsyncConnection) -> Batch:
            return await requeue(connection, new, parent, which, now, self._mint)

        return await effect_once(self._engine, keyed, requeueing)

    async def append(
        self,
        organization_id: OrganizationId,
        batch_id: BatchId,
        contacts: Sequence[NewContact],
        now: datetime,
        keyed: KeyedRequest[AppendedContacts] | None = None,
        *,
        refuses_duplicates: bool = False,
    ) -> AppendedContacts:
        """Keep contacts behind those of a batch that is not over; numbers it has already are passed over.

        Raises BatchNotFound, IllegalTransition, BatchFull, NumbersKnown where duplicates are refused,
        IdempotencyKeyBusy, IdempotencyKeyUsed.
        """
        sent = Appendix(
            organization_id=organization_id,
            batch_id=batch_id,
            contacts=contacts,
            refuses_duplicates=refuses_duplicates,
        )

        async def appending(connection: AsyncConnection) -> AppendedContacts:
            return await append_contacts(connection, sent, now, self._mint)

        return await effect_once(self._engine, keyed, appending)

    async def mark_started(self, batch_id: BatchId, now: datetime) -> None:
        """Keep that the batch's workflow was started; the first time stands."""
        c = batches.c
        async with single_statement(self._engine) as connection:
            await connection.execute(
                update(batches)
                .where(c.batch_id == batch_id, c.workflow_started_at.is_(None))
                .values(workflow_started_at=now)
            )

    async def unstarted(self, after: BatchId | None, limit: int) -> Sequence[BatchId]:
        """Return unfinished batches whose workflow was never started, by id, those behind `after`."""
        c = batches.c
        forgotten = (
            select(c.batch_id)
            .where(
                c.workflow_started_at.is_(None),
                c.status.in_(sorted(UNFINISHED_BATCH)),
                c.batch_id > (after or ""),
            )
            .order_by(c.batch_id)
            .limit(limit)
        )
        async with single_statement(self._engine) as connection:
            return list((await connection.scalars(forgotten)).all())

    async def to_be_roused(self, before: datetime, limit: int) -> Sequence[BatchId]:
        """Return batches taken to rest before an instant that have reason not to, longest first."""
        async with single_statement(self._engine) as connection:
            resting = await connection.scalars(with_reason_to_look(before, limit))
            return [BatchId(batch_id) for batch_id in resting]

    async def mark_roused(self, batch_ids: Sequence[BatchId], before: datetime) -> None:
        """Keep that the workflows of batches that rested before an instant were signalled since."""
        c = batches.c
        async with single_statement(self._engine) as connection:
            await connection.execute(
                update(batches)
                .where(c.batch_id == among(batch_ids), c.rests_since < before)
                .values(rests_since=None)
            )

    async def load(self, batch_id: BatchId) -> tuple[Batch, Campaign]:
        """Return a batch with counters from its contacts, of any organization. Raises BatchNotFound."""
        async with single_statement(self._engine) as connection:
            return await _read_counted(connection, _ONE, this_batch=batch_id)

    async def get(self, organization_id: OrganizationId, batch_id: BatchId) -> tuple[Batch, Campaign]:
        """Return a batch with counters from its contacts. Raises BatchNotFound."""
        async with single_statement(self._engine) as connection:
            return await _read_counted(
                connection, _OWN, this_batch=batch_id, this_organization=organization_id
            )

    async def get_uncounted(
        self, organization_id: OrganizationId, batch_id: BatchId
    ) -> tuple[Batch, Campaign]:
        """Return a batch whose counters show zeros. Raises BatchNotFound."""
        async with single_statement(self._engine) as connection:
            row = await _read_row(connection, _OWN, this_batch=batch_id, this_organization=organization_id)
        return batch_of(row, Counters()), campaign_of(row)

    async def count(self, batch_id: BatchId) -> Counters:
        """Return the counters of a batch from its contacts."""
        async with single_statement(self._engine) as connection:
            return (await counters_of(connection, [batch_id]))[batch_id]

    async def count_in_progress(self, batch_id: BatchId) -> int:
        """Return how many contacts ring or talk."""
        async with single_statement(self._engine) as connection:
            return (await connection.execute(_IN_PROGRESS, {"this_batch": batch_id})).scalar_one()

    async def list_batches(
        self,
        organization_id: OrganizationId,
        *,
        campaign_id: CampaignId | None,
        statuses: Sequence[BatchStatus],
        window: Window,
    ) -> Page[tuple[Batch, Campaign]]:
        """Return batches, newest first, with counters; empty `statuses` matches any."""
        c = batches.c
        matching = _SHOWN.where(c.organization_id == organization_id)
        if campaign_id is not None:
            matching = matching.where(c.campaign_id == campaign_id)
        if statuses:
            matching = matching.where(c.status.in_(statuses))
        async with single_statement(self._engine) as connection:
            page = await _read_page(connection, matching, window)
        over = [batch.batch_id for batch, _ in page.items if batch.status in TERMINAL_BATCH]
        await keep_counts_of_settled(self._engine, c.batch_id == among(over))
        return page

    async def begin(self, batch_id: BatchId, now: datetime) -> BatchStatus:
        """Move a `pending` batch to `in_progress`; returns the status that stands. Raises BatchNotFound."""
        c = batches.c
        begin = (
            update(batches)
            .where(c.batch_id == batch_id, c.status == BatchStatus.PENDING)
            .values(status=BatchStatus.IN_PROGRESS, updated_at=now)
        )
        async with single_statement(self._engine) as connection:
            await connection.execute(begin)
            status = await connection.scalar(select(c.status).where(c.batch_id == batch_id))
        if status is None:
            raise BatchNotFound
        return BatchStatus(status)

    async def finish(self, batch_id: BatchId, now: datetime) -> Batch:
        """Complete a batch whose contacts are all terminal, and its campaign with its last batch.

        Raises BatchNotFound.
        """
        async with transaction(self._engine) as connection:
            return await finish_batch(connection, batch_id, now)

    async def act(
        self,
        batch_id: BatchId,
        action: Action,
        now: datetime,
        *,
        organization_id: OrganizationId | None = None,
        by: Actor | None = None,
    ) -> Batch:
        """Pause, resume, cancel or close a batch as the life cycle allows, and return it as it stands.

        Raises BatchNotFound, IllegalTransition, CampaignPaused.
        """
        async with bulk_transaction(self._engine) as connection:
            return await act_on_batch(
                connection, batch_id, action, now, organization_id=organization_id, by=by
            )

    async def change(
        self,
        organization_id: OrganizationId,
        batch_id: BatchId,
        amend: BatchAmendment,
        now: datetime,
        *,
        bears_on_calls: bool,
    ) -> ChangedBatch:
        """Change a batch, for every later dial; one whose start lies ahead no more begins.

        Raises BatchNotFound, and what `amend` raises.
        """
        async with transaction(self._engine) as connection:
            return await change_batch(
                connection, organization_id, batch_id, amend, now, bears_on_calls=bears_on_calls
            )

    async def delete(self, organization_id: OrganizationId, batch_id: BatchId, now: datetime) -> None:
        """Soft-delete a batch that is over. Raises BatchNotFound, IllegalTransition."""
        async with transaction(self._engine) as connection:
            await delete_batch(connection, organization_id, batch_id, now)

    async def expire(self, batch_id: BatchId, now: datetime) -> Batch:
        """End a batch whose `scheduled_end` has come, and its campaign with its last batch.

        Raises BatchNotFound.
        """
        async with bulk_transaction(self._engine) as connection:
            return await expire_batch(connection, batch_id, now)

    async def dispatch(
        self, organization_id: OrganizationId, batch_id: BatchId, now: datetime, *, start_now: bool
    ) -> tuple[Batch, int]:
        """Let a batch be handed to calling again; returns it and the number of its pending contacts.

        Raises BatchNotFound, IllegalTransition.
        """
        async with transaction(self._engine) as connection:
            batch = await dispatch_batch(connection, organization_id, batch_id, now, start_now=start_now)
        return batch, batch.counters.pending


async def _read_counted(
    connection: AsyncConnection, matching: Select[*tuple[Any, ...]], **these: str
) -> tuple[Batch, Campaign]:
    row = await _read_row(connection, matching, **these)
    batch_id = BatchId(row[batches.c.batch_id])
    counters = await counters_of(connection, [batch_id])
    return batch_of(row, counters[batch_id]), campaign_of(row)


async def _read_row(
    connection: AsyncConnection, matching: Select[*tuple[Any, ...]], **these: str
) -> RowMapping:
    row = (await connection.execute(matching, these)).mappings().one_or_none()
    if row is None:
        raise BatchNotFound
    return row


async def _read_page(
    connection: AsyncConnection, matching: Select[*tuple[Any, ...]], window: Window
) -> Page[tuple[Batch, Campaign]]:
    c = batches.c
    total = await connection.execute(matching.with_only_columns(func.count(), maintain_column_froms=True))
    newest_first = matching.order_by(c.created_at.desc(), c.batch_id.desc())
    page = await connection.execute(newest_first.offset(window.skip).limit(window.limit))
    rows = page.mappings().all()
    counters = await counters_of(connection, [row[c.batch_id] for row in rows])
    listed = [(batch_of(row, counters[row[c.batch_id]]), campaign_of(row)) for row in rows]
    return Page(items=listed, total=total.scalar_one())
