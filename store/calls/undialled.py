"""Attempts that were written down and for which certainly nobody was dialled."""

from datetime import datetime

from sqlalchemy import ColumnElement, Update, and_, update

from domain.call import CallStatus, DialState
from store.schema.tables import calls

IS_UNDIALLED = and_(calls.c.dial_state == DialState.READY, calls.c.call_status == CallStatus.QUEUED)
"""The provider was not asked, or said that it did not dial, and no status was heard that says otherwise."""


def cancel_undialled(now: datetime, *matching: ColumnElement[bool]) -> Update:
    """Give up the undialled attempts that match; nobody is left to ask for them."""
    return (
        update(calls)
        .where(IS_UNDIALLED, *matching)
        .values({calls.c.call_status: CallStatus.CANCELLED, calls.c.ended_at: now})
    )
