"""The bookkeeping of a batch: who holds a slot, who waits for one, where everybody else stands.

Plain values without a clock or an await, so that every rule can be tested as a table.
Each change happens once per contact and attempt, whatever is signalled twice or out of order.
"""

from dataclasses import fields

from activities.messages import FreshContact, FreshPage, LoadedBatch, SlotRequest
from domain.batch import BatchStatus
from domain.call import AttemptKind
from domain.contact import LIVE, SLEEPING, TERMINAL, ContactStatus
from domain.counters import BatchTally
from domain.slot_share import SlotUse
from workflows.messages import BatchState

MAX_WAITING = 1000
"""Requests remembered; more are found again in the database."""

_WAITS_AS = {
    AttemptKind.INITIAL: ContactStatus.PENDING,
    AttemptKind.RETRY: ContactStatus.RETRYING,
    AttemptKind.FOLLOW_UP: ContactStatus.FOLLOWUP_SCHEDULED,
}
# Follow-ups were promised to a person, redials were not, fresh contacts know of nothing yet.
_TURN = {AttemptKind.FOLLOW_UP: 0, AttemptKind.RETRY: 1, AttemptKind.INITIAL: 2}


def free_slots(state: BatchState) -> int:
    """Return how many more contacts may be live."""
    return max(0, allowed(state) - len(state.in_flight))


def allowed(state: BatchState) -> int:
    """Return how many contacts may be live: the batch's limit, and its share of the campaign's."""
    if state.campaign_limit is None:
        return state.concurrency_limit
    return min(state.concurrency_limit, state.share.slots if state.share else 0)


def use(state: BatchState) -> SlotUse:
    """Return how many contacts could be live if the campaign let them, and how many are."""
    if state.campaign_limit is None:
        return SlotUse(wants=0, live=0, campaign_limit=None)  # none of them is the campaign's
    live = len(state.in_flight)
    wants = live
    if state.status is BatchStatus.IN_PROGRESS:
        more_to_read = not state.fresh_is_exhausted or state.overflowed
        at_hand = state.concurrency_limit if more_to_read else live + len(state.waiting) + len(state.fresh)
        wants = max(live, min(state.concurrency_limit, at_hand))
    return SlotUse(wants=wants, live=live, campaign_limit=state.campaign_limit)


def take_waiting(state: BatchState) -> SlotRequest | None:
    """Give the next waiting contact a slot; None when nobody waits."""
    if not state.waiting:
        return None
    request = min(state.waiting, key=lambda each: _TURN[each.kind])  # the first of equals asked first
    state.waiting.remove(request)
    state.in_flight[request.contact_id] = request.attempt
    _move(state, _WAITS_AS[request.kind], -1)
    return request


def take_fresh(state: BatchState) -> FreshContact | None:
    """Give the next fresh contact its first slot; None when none has been read."""
    while state.fresh:
        contact_id, position = state.fresh.pop(0)
        if contact_id not in state.in_flight and not _is_waiting(state, contact_id):
            state.in_flight[contact_id] = 1
            return FreshContact(contact_id, position)
    return None


def add_page(state: BatchState, page: FreshPage, limit: int) -> None:
    """Append contacts read from the database; a page of fewer looked at than `limit` is the last one."""
    state.fresh.extend((each.contact_id, each.position) for each in page.contacts)
    if page.last_position:
        state.cursor = page.last_position
    elif page.contacts:
        state.cursor = page.contacts[-1].position
    state.fresh_is_exhausted = len(page.contacts) + page.busy + page.capped < limit


def release(state: BatchState, contact_id: str, attempt: int, status: ContactStatus) -> bool:
    """Take a slot back from a contact that now stands in `status`; False when it held none for `attempt`."""
    if state.in_flight.get(contact_id) != attempt or status in LIVE:
        return False
    del state.in_flight[contact_id]
    _move(state, status, +1)
    return True


def request_slot(state: BatchState, request: SlotRequest) -> bool:
    """Queue a contact for a slot; False when it has one, waits already, or the queue is full."""
    if request.contact_id in state.in_flight:
        return False
    if _is_waiting(state, request.contact_id):
        return False
    if len(state.waiting) >= MAX_WAITING:
        state.overflowed = True
        return False
    state.waiting.append(request)
    return True


def close_sleeping(state: BatchState, contact_id: str, was: ContactStatus, status: ContactStatus) -> None:
    """Move a contact without a slot to a terminal status."""
    state.waiting = [each for each in state.waiting if each.contact_id != contact_id]
    state.fresh = [each for each in state.fresh if each[0] != contact_id]
    _move(state, was, -1)
    _move(state, status, +1)


def forget_fresh(state: BatchState) -> None:
    """Read fresh contacts from the first one again: others may be called now than a moment ago."""
    state.cursor, state.fresh, state.fresh_is_exhausted = 0, [], False


def carry_over(state: BatchState) -> None:
    """Make the state ready for the next run, which has none of this one's timers.

    It reads fresh contacts anew, for whoever is left out by a closed window was to be read by a timer.
    """
    state.runs += 1
    forget_fresh(state)


def call_again(state: BatchState) -> None:
    """Count a completed contact as one that waits for its follow-up."""
    _move(state, ContactStatus.COMPLETED, -1)
    _move(state, ContactStatus.FOLLOWUP_SCHEDULED, +1)


def waits_as(kind: AttemptKind) -> ContactStatus:
    """Return the status a contact waits in for an attempt of this kind."""
    return _WAITS_AS[kind]


def adopt(state: BatchState, loaded: LoadedBatch) -> None:
    """Take over how the batch stands in the database, and read fresh contacts from the first one again."""
    state.total_contacts = loaded.total_contacts
    state.concurrency_limit = loaded.concurrency_limit
    state.campaign_limit = loaded.campaign_limit
    kept = TERMINAL | SLEEPING
    state.settled = {status: count for status, count in loaded.counts.items() if status in kept and count}
    state.in_flight = {each.contact_id: each.attempt for each in loaded.live}
    forget_fresh(state)


def tally(state: BatchState) -> BatchTally:
    """Return the batch's numbers; `pending` is what is left, so they always sum to the total."""
    names = {each.name for each in fields(BatchTally)}
    settled = {status.value: count for status, count in state.settled.items() if status.value in names}
    live = len(state.in_flight)
    return BatchTally(
        pending=state.total_contacts - live - sum(settled.values()),
        live=live,
        **settled,
    )


def has_sleepers(state: BatchState) -> bool:
    """Tell whether anybody waits to be called again."""
    return any(state.settled.get(status) for status in _WAITS_AS.values())


def is_done(state: BatchState) -> bool:
    """Tell whether nobody is left to call, now or later."""
    numbers = tally(state)
    return numbers.live + numbers.pending + numbers.retrying + numbers.followup_scheduled <= 0


def _is_waiting(state: BatchState, contact_id: str) -> bool:
    return any(each.contact_id == contact_id for each in state.waiting)


def _move(state: BatchState, status: ContactStatus, step: int) -> None:
    if status is ContactStatus.PENDING:
        return  # derived from all the others
    state.settled[status] = max(0, state.settled.get(status, 0) + step)
