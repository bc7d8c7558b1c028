"""Adding contacts to a batch that is there."""

from dataclasses import dataclass
from datetime import datetime

from api.batches.number_zones import NumberZones
from api.batches.schemas import ContactsAppended, ContactsHead, OnDuplicate
from api.batches.upload import ContactsUpload
from api.http.authentication import Client
from api.http.dependencies import ApiDependencies
from api.http.idempotency import OnceOnly, keyed
from api.http.ids import batch_id_of
from api.http.notification import signal_workflow
from domain.batch import clock_zone
from domain.errors import FieldError, InvalidRequest, NumbersKnown
from domain.ports import AppendedContacts


@dataclass(frozen=True)
class ContactsAppending:
    """One upload of one client to one batch."""

    dependencies: ApiDependencies
    client: Client
    batch: str
    upload: ContactsUpload[ContactsHead]
    once: OnceOnly | None
    """Set when the request may be repeated."""

    async def run(self, now: datetime) -> str:
        """Store the contacts and signal the batch's workflow; returns the JSON text of the answer.

        Raises InvalidRequest, BatchNotFound, IllegalTransition, BatchFull, EngineUnavailable,
        StoreUnavailable, IdempotencyKeyBusy, IdempotencyKeyUsed; nothing is left behind then.
        """
        batch_id = batch_id_of(self.batch)
        batch, campaign = await self.dependencies.batches.get_uncounted(self.client.organization_id, batch_id)
        number_zones = NumberZones(batch.overrides.timezone, campaign.rules)
        number_zones.require_fallback(self.upload.contacts)
        contacts = self.upload.contacts_in(clock_zone(batch.overrides, campaign.rules))
        await self.dependencies.engine.ping()
        refuses = self.upload.head.on_duplicate is OnDuplicate.REJECT
        try:
            appended = await self.dependencies.batches.append(
                self.client.organization_id,
                batch_id,
                await number_zones.learn(contacts),
                now,
                keyed(self.once, self._answer),
                refuses_duplicates=refuses,
            )
        except NumbersKnown as known:
            raise self._refusal(known) from None
        await signal_workflow(self.dependencies.engine.policy_changed(batch_id), batch_id=batch_id)
        self.dependencies.live_numbers.forget(batch_id)
        return self._answer(appended)

    def _answer(self, appended: AppendedContacts) -> str:
        report, duplicates = self.upload.report, appended.duplicates
        return ContactsAppended(
            batch_id=batch_id_of(self.batch),
            total_contacts=appended.total_contacts,
            import_report=report.model_copy(
                update={
                    "accepted": report.accepted - duplicates,
                    "duplicates": report.duplicates + duplicates,
                }
            ),
        ).model_dump_json()

    def _refusal(self, known: NumbersKnown) -> InvalidRequest:
        """Name the rows: where duplicates are refused none was passed over, so each is where it was sent."""
        places = self.upload.places
        return InvalidRequest(
            [
                FieldError(
                    (*places.of(row), *places.within(("phone_number",))),
                    "Number is in the batch already",
                    "duplicate",
                )
                for row in known.rows
            ]
        )
