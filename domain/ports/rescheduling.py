"""Waiting contacts whose rules have changed, and whose time has moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from domain.identity import BatchId, CampaignId, ContactId


@dataclass(frozen=True, kw_only=True)
class UnannouncedRules:
    """Rules of a campaign that changed, of which some of its batches may not have been told."""

    campaign_id: CampaignId
    touched_at: datetime
    """When they, or anything else about the campaign, last changed."""
    batches: Sequence[BatchId]
    """Those that are not over."""


@dataclass(frozen=True, kw_only=True)
class RescheduledPage:
    """The result of rescheduling one page of waiting contacts."""

    changed: int
    """Contacts with a new time, and contacts that are done."""
    last_position: int | None
    """Of the page's last contact, None when it was the last page."""


@dataclass(frozen=True, kw_only=True)
class RescheduledContact:
    """A contact that waited for a further attempt when the rules changed, as its row is now."""

    contact_id: ContactId
    position: int
    attempt: int
    """The one that is waited for."""
    due_at: datetime | None
    """None once no further attempt follows."""
    zone: str | None
    """The contact's own."""


class RescheduleStore(Protocol):
    """Waiting contacts whose rules have changed."""

    async def unannounced(self, before: datetime, limit: int) -> Sequence[UnannouncedRules]:
        """Return campaigns that changed before an instant and whose batches may not know, longest first."""

    async def reschedule(
        self,
        batch_id: BatchId,
        after_position: int,
        limit: int,
        now: datetime,
        *,
        quiet_after_unknown: timedelta = timedelta(),
    ) -> RescheduledPage:
        """Recompute the times of the next waiting contacts, by position; idempotent.

        No contact of a finished or deleted batch waits.
        """

    async def rescheduled_since(
        self, batch_id: BatchId, since: datetime, after_position: int, limit: int
    ) -> Sequence[RescheduledContact]:
        """Return contacts moved at that instant or later that wait, or would wait still, by position.

        Contacts that came to wait or to such an end since are among them.
        """

    async def mark_announced(self, campaign_id: CampaignId, touched_at: datetime) -> None:
        """Record that every unfinished batch was signalled the rules as they were changed at that instant.

        Nothing happens when the campaign was changed again since.
        """
