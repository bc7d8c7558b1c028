"""The lock that keeps the facts of a claim still until the claim has committed.

Claims of an organization share it, and read their facts in a statement that begins after it was granted.
A change of such a fact for many contacts at once (a suppressed number, a campaign's rules) takes it
alone, as the last of all its locks and for no longer than its commit takes: it waits for the claims that
could not know of the change, and the claims after it wait and know. It is no row's lock, because row locks
let shared holders overtake an exclusive one.
"""

from sqlalchemy import ColumnElement, Integer, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.identity import OrganizationId

_ORGANIZATIONS = 4_243
_NUMBERS = 4_242
_COPIES = 4_244
"""Families of advisory locks; two that share a key by chance wait for each other without need."""


def claims_of(organization_id: ColumnElement[str]) -> ColumnElement[None]:
    """Take an organization's lock together with its other claims, until the transaction ends."""
    return func.pg_advisory_xact_lock_shared(_family(_ORGANIZATIONS), func.hashtext(organization_id))


def claims_on(number: ColumnElement[str]) -> ColumnElement[None]:
    """Let claims on one number pass one at a time; only claims take this lock."""
    return func.pg_advisory_xact_lock(_family(_NUMBERS), func.hashtext(number))


async def hold_claims(connection: AsyncConnection, organization_id: OrganizationId) -> None:
    """Wait for the claims of an organization under way, and keep others waiting until the commit.

    The caller holds every other lock it needs, and commits next.
    """
    key = func.hashtext(literal(organization_id))
    await connection.execute(select(func.pg_advisory_xact_lock(_family(_ORGANIZATIONS), key)))


async def copy_contacts(connection: AsyncConnection, organization_id: OrganizationId) -> None:
    """Let copies of contacts be made until the transaction ends; an erasure is over, or waits for it."""
    key = func.hashtext(literal(organization_id))
    await connection.execute(select(func.pg_advisory_xact_lock_shared(_family(_COPIES), key)))


async def hold_copies(connection: AsyncConnection, organization_id: OrganizationId) -> None:
    """Wait for copies of an organization's contacts under way, and let none begin until the commit."""
    key = func.hashtext(literal(organization_id))
    await connection.execute(select(func.pg_advisory_xact_lock(_family(_COPIES), key)))


def _family(number: int) -> ColumnElement[int]:
    return cast(literal(number), Integer)
