"""Reschedules waiting contacts after the rules have changed, a page of a batch at a time."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, Select, and_, bindparam, func, select, text, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.batch import UNFINISHED_BATCH, Batch, timezone_in_force
from domain.call import OUTCOME_OF, CallStatus
from domain.campaign import CampaignRules
from domain.contact import SLEEPING, TERMINAL
from domain.disposition import AnsweredBy
from domain.identity import BatchId, CampaignId, ContactId
from domain.number_zones import KeptZones
from domain.ports import RescheduledContact, RescheduledPage, UnannouncedRules
from domain.settlement import EndedAttempt, Settlement, WaitingContact, settle_again
from store.calls.undialled import cancel_undialled
from store.contacts.rescheduled import moved_since
from store.database.engine import single_statement, transaction
from store.database.parameters import among
from store.schema.base import INSTANT
from store.schema.mapping import batch_of, campaign_of
from store.schema.tables import batches, calls, campaigns, contacts

_BREATH = 50
"""Contacts timed before other tasks get a turn; where zones must be looked up, about two milliseconds."""
_NOBODY = RescheduledPage(changed=0, last_position=None)

# The share locks keep the rules as they are and the batch from ending meanwhile: of two pages the later one
# never goes by older rules. A call under way has the contact's lock.
_LOCKED_BATCH = (
    select(batches, campaigns)
    .join_from(batches, campaigns, batches.c.campaign_id == campaigns.c.campaign_id)
    .where(
        batches.c.batch_id == bindparam("this_batch"),
        batches.c.status.in_(sorted(UNFINISHED_BATCH)),
        campaigns.c.deleted_at.is_(None),
    )
    .suffix_with(text("FOR SHARE OF campaigns FOR SHARE OF batches"))
)

_MOVE = (
    update(contacts)
    .where(contacts.c.contact_id == bindparam("this_contact"))
    .values(
        status=bindparam("becomes"),
        next_retry_at=bindparam("retry_at", type_=INSTANT),
        follow_up_at=bindparam("called_at", type_=INSTANT),
        updated_at=bindparam("moved_at", type_=INSTANT),
    )
)


class PostgresRescheduleStore:
    """The waiting contacts of changed campaigns; implements `RescheduleStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def unannounced(self, before: datetime, limit: int) -> Sequence[UnannouncedRules]:
        """Return campaigns that changed before an instant and whose batches may not know, longest first."""
        c = campaigns.c
        unfinished = (
            select(func.array_agg(batches.c.batch_id))
            .where(batches.c.campaign_id == c.campaign_id, batches.c.status.in_(sorted(UNFINISHED_BATCH)))
            .scalar_subquery()
        )
        behind = (
            select(c.campaign_id, c.updated_at, unfinished)
            .where(c.recomputed_version < c.policy_version, c.updated_at < before)
            .order_by(c.updated_at)
            .limit(limit)
        )
        async with single_statement(self._engine) as connection:
            found = (await connection.execute(behind)).all()
        return [
            UnannouncedRules(
                campaign_id=CampaignId(campaign_id),
                touched_at=touched_at,
                batches=sorted(batch_ids or ()),
            )
            for campaign_id, touched_at, batch_ids in found
        ]

    async def reschedule(
        self,
        batch_id: BatchId,
        after_position: int,
        limit: int,
        now: datetime,
        *,
        quiet_after_unknown: timedelta = timedelta(),
    ) -> RescheduledPage:
        """Reschedule the next waiting contacts, by position."""
        async with transaction(self._engine) as connection:
            found = await connection.execute(_LOCKED_BATCH, {"this_batch": batch_id})
            rules_row = found.mappings().one_or_none()
            if rules_row is None:
                return _NOBODY
            held = (await connection.execute(_locked_page(batch_id, after_position, limit))).all()
            page = (await connection.execute(_waiting([contact_id for contact_id, _ in held]))).mappings()
            moves = await _moves(
                page.all(), batch_of(rules_row), campaign_of(rules_row).rules, now, quiet_after_unknown
            )
            await _keep(connection, moves, now)
        last = held[-1].position if len(held) == limit else None
        return RescheduledPage(changed=len(moves), last_position=last)

    async def rescheduled_since(
        self, batch_id: BatchId, since: datetime, after_position: int, limit: int
    ) -> Sequence[RescheduledContact]:
        """Return contacts moved at that instant or later that wait, or would wait still, by position."""
        async with single_statement(self._engine) as connection:
            found = (await connection.execute(moved_since(batch_id, since, after_position, limit))).all()
        return [
            RescheduledContact(
                contact_id=ContactId(contact_id),
                position=position,
                attempt=newest + 1,
                due_at=due_at,
                zone=zone,
            )
            for contact_id, position, zone, due_at, newest in found
        ]

    async def mark_announced(self, campaign_id: CampaignId, touched_at: datetime) -> None:
        """Record that every unfinished batch was signalled the rules as they were changed at that instant."""
        c = campaigns.c
        async with single_statement(self._engine) as connection:
            await connection.execute(
                update(campaigns)
                .where(c.campaign_id == campaign_id, c.updated_at == touched_at)
                .values(recomputed_version=c.policy_version)
            )


def _locked_page(batch_id: BatchId, after_position: int, limit: int) -> Select[str, int]:
    """Select and lock the next contacts that wait; once they are locked some may wait no longer."""
    c = contacts.c
    halves = [
        select(c.contact_id, c.position)
        .where(c.batch_id == batch_id, c.status == status, c.position > after_position)
        .order_by(c.position)
        .limit(limit)
        .subquery()
        for status in sorted(SLEEPING)
    ]
    both = union_all(*(select(half) for half in halves)).subquery()
    page = select(both.c.contact_id).order_by(both.c.position).limit(limit)
    locked = select(c.contact_id, c.position).where(c.contact_id.in_(page)).order_by(c.position)
    return locked.with_for_update(key_share=True)


def _waiting(contact_ids: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """Select the waiting among some contacts, each with its newest call that has ended."""
    c = contacts.c
    ended = calls.alias("ended")
    newest_ended = (
        select(func.max(ended.c.attempt))
        .where(ended.c.contact_id == c.contact_id, ended.c.call_status.in_(OUTCOME_OF))
        .correlate(contacts)
        .scalar_subquery()
    )
    return (
        select(
            c.contact_id,
            c.position,
            c.phone_number,
            c.timezone,
            c.number_timezones,
            c.zones_version,
            c.retry_count,
            c.next_retry_at,
            c.follow_up_at,
            calls.c.call_status,
            calls.c.ended_at,
            calls.c.answered_by,
            calls.c.disposition,
            calls.c.follow_up_at.label("agreed_at"),
        )
        .join_from(contacts, calls, and_(calls.c.contact_id == c.contact_id, calls.c.attempt == newest_ended))
        .where(c.contact_id == among(contact_ids), c.status.in_(sorted(SLEEPING)))
        .order_by(c.position)
    )


async def _moves(
    page: Sequence[RowMapping], batch: Batch, rules: CampaignRules, now: datetime, quiet: timedelta
) -> list[tuple[WaitingContact, Settlement]]:
    """Return the contacts to move, and their new times."""
    moves, followed = [], timezone_in_force(batch.overrides, rules)
    for index, row in enumerate(page):
        if index % _BREATH == 0:
            await asyncio.sleep(0)
        waiting = _waiting_contact(row, followed, now)
        settled = settle_again(waiting, batch, rules, now=now, quiet_after_unknown=quiet)
        if (settled.next_retry_at, settled.follow_up_at) != (waiting.next_retry_at, waiting.follow_up_at):
            moves.append((waiting, settled))
    return moves


def _waiting_contact(row: RowMapping, followed: str, now: datetime) -> WaitingContact:
    c, answered_by = contacts.c, row[calls.c.answered_by]
    kept = KeptZones(
        phone_number=row[c.phone_number],
        timezone=row[c.timezone],
        number_timezones=row[c.number_timezones],
        zones_version=row[c.zones_version],
    )
    return WaitingContact(
        contact_id=row[c.contact_id],
        zone=kept.key_under(followed),
        attempt=EndedAttempt(
            outcome=OUTCOME_OF[CallStatus(row[calls.c.call_status])],
            ended_at=row[calls.c.ended_at] or now,
            retry_count=row[c.retry_count],
            answered_by=None if answered_by is None else AnsweredBy(answered_by),
            disposition=row[calls.c.disposition],
        ),
        next_retry_at=row[c.next_retry_at],
        follow_up_at=row[c.follow_up_at],
        agreed_at=row["agreed_at"],
    )


async def _keep(
    connection: AsyncConnection, moves: Sequence[tuple[WaitingContact, Settlement]], now: datetime
) -> None:
    if not moves:
        return
    values = [
        {
            "this_contact": waiting.contact_id,
            "becomes": settled.status,
            "retry_at": settled.next_retry_at,
            "called_at": settled.follow_up_at,
            "moved_at": now,
        }
        for waiting, settled in moves
    ]
    await connection.execute(_MOVE, values)
    done = [waiting.contact_id for waiting, settled in moves if settled.status in TERMINAL]
    if done:
        await connection.execute(cancel_undialled(now, calls.c.contact_id == among(done)))
