"""Actions on one contact: skip it, or schedule a follow-up."""

from dataclasses import dataclass
from datetime import datetime

from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.ids import batch_id_of, contact_id_of
from api.http.notification import signal_workflow
from domain.batch import Batch, clock_zone, hours_of_contact
from domain.campaign import Campaign
from domain.contact import Contact
from domain.errors import FieldError, InvalidRequest
from domain.given_time import GivenTime
from domain.lifecycle import require_room_for_follow_up
from domain.working_hours import next_opening


@dataclass(frozen=True)
class ContactActions:
    """One contact as a client names it. Every verb raises BatchNotFound, ContactNotFound.

    EngineUnavailable is raised only before anything is changed.
    """

    dependencies: ApiDependencies
    client: Client
    batch_id: str
    contact_id: str

    async def skip(self) -> Contact:
        """Skip a contact that waits. Raises IllegalTransition."""
        await self.dependencies.engine.ping()
        _, _, before = await self._read()
        skipped = await self.dependencies.contacts.skip_by_hand(
            before.batch_id, before.contact_id, self.dependencies.clock()
        )
        signal = self.dependencies.engine.contact_skipped(before.batch_id, before.contact_id, before.status)
        await signal_workflow(signal, batch_id=before.batch_id, contact_id=before.contact_id)
        self.dependencies.live_numbers.forget(before.batch_id)
        return skipped

    async def schedule_follow_up(self, requested: GivenTime) -> tuple[Contact, datetime]:
        """Have a completed contact called again; returns it and the instant it is due.

        Raises IllegalTransition, and InvalidRequest for a time without an opening before the batch's end.
        """
        await self.dependencies.engine.ping()
        batch, campaign, before = await self._read()
        # Checked again by the store when it moves the contact; here a state is refused before a time.
        require_room_for_follow_up(before, batch.status, campaign.rules.max_follow_ups)
        now = self.dependencies.clock()
        at = _instant(requested, clock_zone(batch.overrides, campaign.rules))
        due_at = _opening(before, batch, campaign, at, now)
        # Counted before the change, after which this very call may begin and be counted too.
        attempt = await self._next_attempt(before)
        scheduled = await self.dependencies.contacts.schedule_follow_up(
            before.batch_id, before.contact_id, due_at, now, agreed_at=at
        )
        signal = self.dependencies.engine.follow_up_scheduled(
            before.batch_id, before.contact_id, attempt, due_at
        )
        await signal_workflow(signal, batch_id=before.batch_id, contact_id=before.contact_id)
        self.dependencies.live_numbers.forget(before.batch_id)
        return scheduled, due_at

    async def _read(self) -> tuple[Batch, Campaign, Contact]:
        batch, campaign = await self.dependencies.batches.get(
            self.client.organization_id, batch_id_of(self.batch_id)
        )
        contact = await self.dependencies.contacts.get_contact(batch.batch_id, contact_id_of(self.contact_id))
        return batch, campaign, contact

    async def _next_attempt(self, contact: Contact) -> int:
        newest = (await self.dependencies.contacts.latest_calls_of([contact.contact_id])).get(
            contact.contact_id
        )
        return 1 if newest is None else newest.attempt + 1


def _instant(requested: GivenTime, timezone: str) -> datetime:
    try:
        return requested.instant(timezone)
    except ValueError as error:
        raise _wrong(str(error), "datetime") from None


def _opening(contact: Contact, batch: Batch, campaign: Campaign, at: datetime, now: datetime) -> datetime:
    if batch.scheduled_end is not None and at >= batch.scheduled_end:
        raise _wrong("Must be earlier than the batch's scheduled_end", "after_end")
    hours = hours_of_contact(contact, batch.overrides, campaign.rules)
    due_at = next_opening(hours, max(at, now), before=batch.scheduled_end)
    if due_at is None:
        raise _wrong("The contact may not be called between then and the batch's end", "no_opening")
    return due_at


def _wrong(message: str, code: str) -> InvalidRequest:
    return InvalidRequest([FieldError(("body", "at"), message, code)])
