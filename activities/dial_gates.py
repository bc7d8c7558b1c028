"""What keeps a contact from being called now, as a dial reads it, and until when."""

from datetime import datetime, timedelta

from activities.messages import DialAnswer, PlacedCall
from domain.batch import hours_of_contact
from domain.call import AttemptKind, DialState
from domain.frequency import Capped
from domain.gates import Gate, GateFacts, closed_gate
from domain.ports import DialBrief
from domain.working_hours import CallingHours, closed_presets, is_open, next_opening

CLOCKS_DIFFER_BY = timedelta(seconds=5)
"""A contact that wakes so little early by our clock has slept long enough by another."""
ASK_AGAIN_WHEN_BUSY = timedelta(seconds=5)
"""Between two reads of a number that another call holds."""


def closed_gate_of(brief: DialBrief, now: datetime) -> Gate | None:
    """Return the gate that withholds the call, None when none does or nothing is left to withhold."""
    if brief.record is not None and brief.record.dial_state is not DialState.READY:
        return None  # asked for already: nothing is left to withhold
    facts = GateFacts(
        campaign_status=brief.campaign.status,
        batch_status=brief.batch.status,
        contact_status=brief.contact.status,
    )
    gate = closed_gate(facts)
    if gate is None and brief.batch.scheduled_end is not None and brief.batch.scheduled_end <= now:
        return Gate.BATCH_OVER  # its end has come, whether or not its workflow knows
    is_early = _due_at(brief, now) > now + CLOCKS_DIFFER_BY or _not_before(brief, now) > now
    if gate is None and (is_early or not is_open(_hours(brief), now)):
        return Gate.OUTSIDE_HOURS
    return gate


def withheld(brief: DialBrief | None, gate: Gate, now: datetime) -> PlacedCall:
    """Say which gate is closed, and when to ask again where that is known."""
    opens_at: datetime | None = None
    presets: tuple[str, ...] = ()
    if brief is not None and gate is Gate.OUTSIDE_HOURS:
        opens_at = next_opening(_hours(brief), _due_at(brief, now), before=brief.batch.scheduled_end)
        presets = closed_presets(_hours(brief), now)
    elif gate is Gate.NUMBER_BUSY:
        opens_at = now + ASK_AGAIN_WHEN_BUSY
    return PlacedCall(answer=DialAnswer.WITHHELD, asked_at=now, gate=gate, opens_at=opens_at, presets=presets)


def capped(brief: DialBrief, kind: AttemptKind, held: Capped, now: datetime) -> PlacedCall:
    """Wait for the first opening after the caps let go; without one before the batch's end a retry is over.

    All others wait for that end, which skips them.
    """
    end = brief.batch.scheduled_end
    opens_at = next_opening(_hours(brief), held.until, before=end)
    if opens_at is None and kind is not AttemptKind.RETRY:
        opens_at = end
    return PlacedCall(
        answer=DialAnswer.WITHHELD,
        asked_at=now,
        gate=Gate.FREQUENCY_CAPPED,
        opens_at=opens_at,
        presets=held.presets,
    )


def _due_at(brief: DialBrief, now: datetime) -> datetime:
    """Return when the contact may be called; its workflow may not know yet that it was put off."""
    planned = brief.contact.next_retry_at or brief.contact.follow_up_at or now
    return max(now, planned, _not_before(brief, now))


def _not_before(brief: DialBrief, now: datetime) -> datetime:
    """Return the contact's `not_before`, which is kept to the moment; `now` without one."""
    return brief.contact.not_before or now


def _hours(brief: DialBrief) -> CallingHours:
    return hours_of_contact(brief.contact, brief.batch.overrides, brief.campaign.rules)
