"""Numbers about batches, from what the other fakes keep."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, tzinfo

import phonenumbers

from domain.call import OUTCOME_OF, CallRecord, CallStatus, DialState, EventSource, has_ended
from domain.contact import LIVE, Contact, ContactStatus, call_order
from domain.diagnosis.facts import Withheld
from domain.frequency import CapsAt
from domain.identity import BatchId, CampaignId, ContactId, OrganizationId
from domain.ports import AnswersInHour, BatchActivity, EndedCalls, RecentAttempts, StatusShare, WebhookSilence
from domain.wall_clock import zone_named
from domain.zones import FROM_NUMBER
from tests.fakes.tables import StoredEvent, Tables, is_open


class FakeDiagnosticsStore:
    """Implements DiagnosticsStore."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def standings(self, batch_id: BatchId) -> Mapping[ContactStatus, StatusShare]:
        """Return who stands where, without the statuses nobody is in."""
        self._tables.require_up()
        changes: dict[ContactStatus, list[datetime]] = {}
        for contact in self._tables.contacts_of(batch_id):
            changes.setdefault(contact.status, []).append(contact.updated_at)
        return {
            status: StatusShare(count=len(each), oldest_updated_at=min(each), newest_updated_at=max(each))
            for status, each in changes.items()
        }

    async def longest_pending(self, batch_id: BatchId, limit: int) -> Sequence[ContactId]:
        """Return the pending contacts that are unchanged the longest, the longest first."""
        self._tables.require_up()
        pending = [
            each for each in self._tables.contacts_of(batch_id) if each.status is ContactStatus.PENDING
        ]
        return [each.contact_id for each in sorted(pending, key=lambda each: each.updated_at)[:limit]]

    async def withheld(
        self, batch_id: BatchId, caps: CapsAt, limit: int, *, closed_zones: Collection[str | None] = ()
    ) -> Withheld | None:
        """Tell why nobody among the first pending contacts outside the closed zones can be called."""
        self._tables.require_up()
        owner = self._tables.batches[batch_id].organization_id
        pending = [
            each
            for each in self._tables.contacts_of(batch_id)
            if each.status is ContactStatus.PENDING and each.zone not in closed_zones
        ]
        looked_at = sorted(pending, key=lambda each: call_order(each.priority, each.position))[:limit]
        early = [at for each in looked_at if (at := each.not_before) is not None and at > caps.now]
        numbers = [
            each.phone_number for each in looked_at if each.not_before is None or each.not_before <= caps.now
        ]
        held = {each: self._tables.capped(owner, each, caps) for each in numbers}
        capped = [each for each in held.values() if each is not None]
        uncapped = [each for each in numbers if held[each] is None]
        busy = [each for each in uncapped if self._is_on_own_call(owner, each)]
        suppressed = [
            each
            for each in uncapped
            if each not in busy and self._tables.is_suppressed(owner, each, caps.now)
        ]
        if not looked_at or len(capped) + len(busy) + len(suppressed) < len(numbers):
            return None
        return Withheld(
            early=len(early),
            first_not_before=min(early, default=None),
            capped=len(capped),
            capped_until=min((each.until for each in capped), default=None),
            presets=tuple(dict.fromkeys(name for each in capped for name in each.presets)),
            busy=len(busy),
            suppressed=len(suppressed),
        )

    def _is_on_own_call(self, owner: OrganizationId, number: str) -> bool:
        owners = {
            self._tables.campaigns[each.campaign_id].organization_id
            for each in self._tables.calls.values()
            if each.to_number == number and is_open(each)
        }
        return owner in owners

    async def live_in_campaign(self, campaign_id: CampaignId) -> int:
        """Return how many contacts of all batches of a campaign are live."""
        self._tables.require_up()
        contacts = self._tables.contacts.values()
        return sum(each.campaign_id == campaign_id and each.status in LIVE for each in contacts)

    async def webhook_silence(self, batch_id: BatchId, before: datetime, endings: int) -> WebhookSilence:
        """Tell what is heard of the batch, and who was dialled before an instant and is not heard of."""
        self._tables.require_up()
        calls = self._calls(batch_id)
        heard = [each.arrived_at for call in calls for each in self._events(call, EventSource.WEBHOOK)]
        silent = [
            each.status
            for each in self._tables.contacts_of(batch_id)
            if self._is_silent(each, self._tables.newest_call(each.contact_id), before)
        ]
        ended = sorted(
            (call for call in calls if call.ended_at is not None),
            key=lambda call: call.ended_at or before,
            reverse=True,
        )
        by_webhook = [self._has_told_ending(call, EventSource.WEBHOOK) for call in ended]
        told = [
            webhook
            for call, webhook in zip(ended, by_webhook, strict=True)
            if webhook or self._has_told_ending(call, EventSource.POLL)
        ][:endings]
        return WebhookSilence(
            last_received_at=max(heard, default=None),
            dispatched_without_webhook=silent.count(ContactStatus.DISPATCHED),
            live_without_webhook=len(silent),
            recent_endings=len(told),
            polled_endings=told.count(False),
        )

    async def recent_attempts(self, batch_id: BatchId, limit: int) -> RecentAttempts:
        """Tell how the newest `limit` ended attempts ended; those given up before a call are not counted."""
        self._tables.require_up()
        ended = [
            (call.ended_at, call.call_status)
            for call in self._calls(batch_id)
            if call.ended_at is not None and call.call_status is not CallStatus.CANCELLED
        ]
        newest = [status for _, status in sorted(ended, reverse=True)[:limit]]
        failed = sum(status in (CallStatus.FAILED, CallStatus.UNKNOWN) for status in newest)
        return RecentAttempts(ended=len(newest), failed=failed)

    async def activity(
        self, batch_id: BatchId, timezone: str, since: datetime, *, newest: int, judged: int
    ) -> BatchActivity:
        """Tell what a batch did lately."""
        self._tables.require_up()
        known = self._calls(batch_id)
        ended = sorted(
            ((call.ended_at, call) for call in known if call.ended_at and call.call_status in OUTCOME_OF),
            key=lambda each: each[0],
            reverse=True,
        )
        minutes: dict[datetime, Counter[CallStatus]] = {}
        for ended_at, call in reversed(ended):
            if ended_at >= since:
                minute = ended_at.astimezone(UTC).replace(second=0, microsecond=0)
                minutes.setdefault(minute, Counter())[call.call_status] += 1
        live = [call for call in known if call.ended_at is None]
        return BatchActivity(
            calls_by_minute={minute: dict(counts) for minute, counts in minutes.items()},
            calls_by_hour=self._answers([call for _, call in ended[:judged]], timezone),
            newest_calls=[*live, *(call for _, call in ended)][:newest],
        )

    def _answers(self, ended: Sequence[CallRecord], timezone: str) -> dict[str, AnswersInHour]:
        hours: dict[str, list[bool]] = {}
        for call in ended:
            if call.started_at is not None:
                hour = f"{call.started_at.astimezone(self._zone(call, timezone)).hour:02}"
                hours.setdefault(hour, []).append(call.call_status is CallStatus.COMPLETED)
        return {
            hour: AnswersInHour(ended=len(each), answered=sum(each)) for hour, each in sorted(hours.items())
        }

    async def ended_calls(self, batch_id: BatchId, timezone: str) -> EndedCalls:
        """Tell how all calls ended; `timezone` is that of contacts without their own."""
        self._tables.require_up()
        ended = [call for call in self._calls(batch_id) if call.call_status in OUTCOME_OF]
        unanswered = [call for call in ended if call.call_status is CallStatus.NO_ANSWER]
        hours = Counter(
            f"{call.started_at.astimezone(self._zone(call, timezone)).hour:02}"
            for call in unanswered
            if call.started_at is not None
        )
        prefixes = Counter(_prefix(call.to_number) for call in unanswered)
        largest = sorted(prefixes.items(), key=lambda each: (-each[1], each[0]))[:10]
        return EndedCalls(
            ended=len(ended),
            completed=sum(call.call_status is CallStatus.COMPLETED for call in ended),
            no_answer=len(unanswered),
            no_answer_by_hour=dict(sorted(hours.items())),
            no_answer_by_prefix=dict(largest),
            reported=self._tables.reported_counts(self._calls(batch_id)),
        )

    def _calls(self, batch_id: BatchId) -> list[CallRecord]:
        return [each for each in self._tables.calls.values() if each.batch_id == batch_id]

    def _events(self, call: CallRecord, source: EventSource) -> list[StoredEvent]:
        of_call = [each for each in self._tables.events if each.execution_id == call.execution_id]
        return [each for each in of_call if _source(each) is source]

    def _has_told_ending(self, call: CallRecord, source: EventSource) -> bool:
        events = self._events(call, source)
        return any(each.event is not None and has_ended(each.event.status) for each in events)

    def _is_silent(self, contact: Contact, call: CallRecord | None, before: datetime) -> bool:
        if call is None or call.dial_state is DialState.READY or self._events(call, EventSource.WEBHOOK):
            return False
        if contact.status is ContactStatus.DISPATCHED:
            return contact.updated_at < before
        is_on_the_phone = contact.status is ContactStatus.IN_PROGRESS
        return is_on_the_phone and call.started_at is not None and call.started_at < before

    def _zone(self, call: CallRecord, timezone: str) -> tzinfo:
        contact = self._tables.contacts[call.contact_id]
        own = None if contact.timezone == FROM_NUMBER else contact.timezone
        return zone_named(next(filter(None, (own, *(contact.number_timezones or ()), timezone)))) or UTC


def _prefix(number: str) -> str:
    country_code = phonenumbers.parse(number, None).country_code
    return number[: len(f"+{country_code}") + 3]


def _source(stored: StoredEvent) -> EventSource:
    return EventSource.WEBHOOK if stored.event is None else stored.event.source
