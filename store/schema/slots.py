"""Contacts that may be dialled, as tables: a row is a slot.

The database deletes a slot itself, in the statement that ends its contact's call or moves the contact to a
status without one: the triggers `contacts_give_slots_back` and `calls_give_slots_back`. So no verb can forget
to. A contact that is neither live nor has an open call holds no slot, but between its grant and its dial.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlmodel import Field

from domain.call import AttemptKind
from store.schema.base import INSTANT, Row, Word, one_of


class SlotRow(Row, table=True):
    """The right of one contact to be dialled, and the place its call takes."""

    __tablename__ = "slots"
    __table_args__ = (one_of("kind", AttemptKind), Index(None, "batch_id"), Index(None, "campaign_id"))

    contact_id: str = Field(
        sa_column_args=(ForeignKey("contacts.contact_id", ondelete="CASCADE"),),
        primary_key=True,
        sa_type=Text,
    )
    batch_id: str = Field(sa_type=Text)
    campaign_id: str = Field(sa_type=Text)
    attempt: int
    kind: str = Field(sa_type=Word)
    granted_at: datetime = Field(sa_type=INSTANT)
    granted_by: str = Field(sa_type=Text)
    """The request it was granted to."""
    checked_at: datetime | None = Field(sa_type=INSTANT)
    """When it was last asked whether a workflow attends to it."""


class SlotDemandRow(Row, table=True):
    """How many slots a batch could use, under a campaign with a cap."""

    __tablename__ = "slot_demands"
    __table_args__ = (Index(None, "campaign_id"),)

    batch_id: str = Field(primary_key=True, sa_type=Text)
    campaign_id: str = Field(sa_type=Text)
    wants: int
    """Those it holds included."""
    wanted_at: datetime = Field(sa_type=INSTANT)
