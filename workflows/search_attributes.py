"""The search attributes of batches and contacts: what a list of workflows can be filtered by.

Set when a workflow starts and changed rarely: every change costs an event and a write to the server's index.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    SearchAttributeUpdate,
    TypedSearchAttributes,
)

from domain.batch import BatchStatus
from domain.contact import WAITS_AS, ContactStatus
from workflows.messages import BatchInput, ContactInput

BATCH_ID = SearchAttributeKey.for_keyword("BatchId")
CAMPAIGN_ID = SearchAttributeKey.for_keyword("CampaignId")
ORGANIZATION_ID = SearchAttributeKey.for_keyword("OrganizationId")
BATCH_STATUS = SearchAttributeKey.for_keyword("BatchStatus")
CONTACT_STATUS = SearchAttributeKey.for_keyword("ContactStatus")
"""Where a contact stood when it last went to sleep; `dispatched` until then."""
NEXT_ACTION_AT = SearchAttributeKey.for_datetime("NextActionAt")
"""When a batch begins, or a sleeping contact wants to be called; once past, it asked for its slot."""
ATTEMPT = SearchAttributeKey.for_int("Attempt")
"""The attempt a contact is on, or sleeps until."""
DISPOSITION = SearchAttributeKey.for_keyword("Disposition")
"""What came of a contact's newest reported call."""

KEYS: Sequence[SearchAttributeKey[str] | SearchAttributeKey[datetime] | SearchAttributeKey[int]] = (
    BATCH_ID,
    CAMPAIGN_ID,
    ORGANIZATION_ID,
    BATCH_STATUS,
    CONTACT_STATUS,
    NEXT_ACTION_AT,
    ATTEMPT,
    DISPOSITION,
)
SHOWN_FROM = timedelta(minutes=1)
"""Shorter sleeps are over before anybody can see them."""

V = TypeVar("V", str, int, datetime)
_AnyUpdate = SearchAttributeUpdate[str] | SearchAttributeUpdate[int] | SearchAttributeUpdate[datetime]


def of_batch(
    start: BatchInput, *, status: BatchStatus, begins_at: datetime | None = None
) -> TypedSearchAttributes:
    """Return what a batch starts with."""
    return TypedSearchAttributes(
        [
            *_common(start),
            SearchAttributePair(BATCH_STATUS, status.value),
            *([SearchAttributePair(NEXT_ACTION_AT, begins_at)] if begins_at else []),
        ]
    )


def of_contact(start: BatchInput, story: ContactInput) -> TypedSearchAttributes:
    """Return what a contact starts with: it is called at once, or sleeps until an agreed time."""
    status = WAITS_AS[story.kind] if story.due_at else ContactStatus.DISPATCHED
    return TypedSearchAttributes(
        [
            *_common(start),
            SearchAttributePair(CONTACT_STATUS, status.value),
            SearchAttributePair(ATTEMPT, story.attempt),
            *([SearchAttributePair(NEXT_ACTION_AT, story.due_at)] if story.due_at else []),
        ]
    )


def show_batch(status: BatchStatus) -> None:
    """Let the running batch be found by its status."""
    if _is_shown(BATCH_STATUS):
        _upsert(*_change(BATCH_STATUS, status.value))


def show_sleep(status: ContactStatus, until: datetime, attempt: int) -> None:
    """Let the running contact be found by what it sleeps for; `attempt` is the one that follows.

    A short sleep is shown where a later time is shown already.
    """
    shown = workflow.info().typed_search_attributes.get(NEXT_ACTION_AT)
    is_earlier = shown is not None and until < shown
    if _is_shown(CONTACT_STATUS) and (is_earlier or until - workflow.now() >= SHOWN_FROM):
        _upsert(
            *_change(CONTACT_STATUS, status.value),
            *_change(NEXT_ACTION_AT, until),
            *_change(ATTEMPT, attempt),
        )


def show_disposition(disposition: str) -> None:
    """Let the contact be found by what came of its call, also once it is done."""
    if _is_shown(CONTACT_STATUS):
        _upsert(*_change(DISPOSITION, disposition))


def _is_shown(key: SearchAttributeKey[str]) -> bool:
    # A workflow started without the attribute has a history without changes to it, and must replay so.
    return workflow.info().typed_search_attributes.get(key) is not None


def _change(key: SearchAttributeKey[V], value: V) -> list[SearchAttributeUpdate[V]]:
    if workflow.info().typed_search_attributes.get(key) == value:
        return []
    return [key.value_set(value)]


def _upsert(*changes: _AnyUpdate) -> None:
    if changes:
        workflow.upsert_search_attributes(changes)


def _common(start: BatchInput) -> list[SearchAttributePair[str]]:
    ids = {BATCH_ID: start.batch_id, CAMPAIGN_ID: start.campaign_id, ORGANIZATION_ID: start.organization_id}
    return [SearchAttributePair(key, value) for key, value in ids.items() if value]
