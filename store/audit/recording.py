"""Writes the audit log, in the transaction of the change that it tells of.

Who acts is known per task, as its tenant is: authentication says it for every request, so that no verb can be
called without, and the way in says it where there are no tokens.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from datetime import date, datetime

from sqlalchemy import ScalarSelect, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.audit import APOLLO, Actor, AuditedChange
from domain.identity import OrganizationId
from store.schema.tables import audit_log

_actor: ContextVar[Actor] = ContextVar("actor", default=APOLLO)


def act_as(actor: Actor) -> None:
    """Have what this task changes from now on count as changed by this actor."""
    _actor.set(actor)


async def record(
    connection: AsyncConnection,
    organization_id: OrganizationId | ScalarSelect[str],
    change: AuditedChange,
    now: datetime,
    *,
    by: Actor | None = None,
) -> None:
    """Write an entry of the audit log, by the actor of the current task unless `by` names another."""
    actor = by or _actor.get()
    await connection.execute(
        insert(audit_log).values(
            organization_id=organization_id,
            at=now,
            token_id=actor.token_id,
            actor=actor.name,
            action=change.action,
            object_id=change.object_id,
            before=_plain(change.before),
            after=_plain(change.after),
        )
    )


def _plain(value: object) -> object:
    """Return a value as JSON has it; instants in UTC."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value
