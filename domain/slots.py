"""How many contacts of a batch may be live: its own limit, and its fair share of its campaign's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.batch import BatchStatus, PausedBy
from domain.call import AttemptKind
from domain.contact import ContactStatus
from domain.disposition import AnsweredBy
from domain.identity import BatchId, ContactId

OVERDUE_AFTER = timedelta(seconds=5)
"""A contact that is due requests a slot; after this time it is granted one without a request."""
CLOCKS_DIFFER_BY = timedelta(seconds=1)
"""A contact counts as due this much before its time."""
DEMAND_LASTS = timedelta(seconds=15)
"""A batch that has not reported its demand for so long counts only with the slots it holds."""

DISPOSITIONS_SHOWN = 10
"""The most frequent ones, on a batch's page."""

WINDOW_OPENS = "next window opens"
"""Why contacts in front of a cursor are read again, while their windows are closed."""
NOT_BEFORE_COMES = "the not_before of a contact comes"
"""The same, while their time is to come."""


@dataclass(frozen=True, kw_only=True)
class SlotGrants:
    """A request for slots, by the workflow of a batch."""

    batch_id: BatchId
    key: str
    """Idempotency key: a request repeated under it gets the same slots again."""
    at_most: int
    cursor: int = 0
    """Pending contacts are read behind this place in their `call_order`."""
    zones: tuple[str | None, ...] | None = None
    """The zones of pending contacts where they are known, else they are read."""
    asked: tuple[ContactId, ...] = ()
    """Contacts that woke and requested a slot."""
    is_counted: bool = True
    """Return the counters, and the holders of slots."""
    held_before: int | None = None
    """Slots held after the last grant, and those other batches left since: what of them is not held
    after this one is left to others. None names every batch that may take slots."""
    linger: timedelta = timedelta()
    """Wait so long before the rows are read."""
    dispatched_by: str | None = None
    """The run of the batch's workflow that asks, where it looks at the rows when a child of it ends."""
    level_at: datetime | None = None
    """From when on pending contacts are read from the first one again, and every batch is named."""
    count_at: datetime | None = None
    """From when on the answer is counted in any case."""
    is_leveled: bool = False
    """Whether `level_at` had come."""

    def as_of(self, now: datetime) -> "SlotGrants":
        """Return the request with everything decided that waited for the time."""
        level, count = (at is not None and at <= now for at in (self.level_at, self.count_at))
        request = replace(self, is_counted=self.is_counted or count, is_leveled=level)
        return replace(request, cursor=0, zones=None, held_before=None) if level else request


@dataclass(frozen=True, kw_only=True)
class GrantedSlot:
    """A contact that may be dialled now."""

    contact_id: ContactId
    attempt: int
    kind: AttemptKind


@dataclass(frozen=True, kw_only=True)
class NoSlot:
    """A contact that requested a slot too early, or needs none any more."""

    contact_id: ContactId
    attempt: int
    due_at: datetime | None
    """When it is to be called, None when it is not."""


@dataclass(frozen=True)
class Wake:
    """When to request slots again, and why."""

    after: timedelta
    what: str


@dataclass(frozen=True, kw_only=True)
class GrantedSlots:
    """The slots granted to a batch, and the batch's state at the same instant."""

    status: BatchStatus
    paused_by: PausedBy | None
    total_contacts: int
    concurrency_limit: int
    """In force for the batch."""
    campaign_limit: int | None
    in_use: int
    """Slots of the batch, those just granted included."""
    campaign_in_use: int | None
    """Slots of all the campaign's batches, None without a cap."""
    is_begin_due: bool = False
    is_end_due: bool = False
    is_done: bool = False
    """No contact of the batch is left to be called."""
    is_resting: bool = False
    """The same, but the batch is kept open: nothing is to be done until it is signalled."""
    granted: tuple[GrantedSlot, ...] = ()
    refused: tuple[NoSlot, ...] = ()
    has_more: bool = False
    """More may be granted at once."""
    cursor: int = 0
    """Where the next request goes on."""
    zones: tuple[str | None, ...] | None = None
    """Of pending contacts, to be handed back with the next request; None where they were not read."""
    wakes: tuple[Wake, ...] = ()
    rereads: tuple[Wake, ...] = ()
    """When contacts in front of the cursor are to be read again."""
    waiting_batches: tuple[BatchId, ...] = ()
    """Batches of the campaign that may take the slots this one leaves."""
    is_unattended: bool = False
    """A slot has been held for a while without an open call."""
    counts: Mapping[ContactStatus, int] | None = None
    """A contact that holds a slot and waits for its dial counts as dispatched."""
    answered_by: Mapping[AnsweredBy, int] | None = None
    dispositions: Mapping[str, int] | None = None
    """How many calls were reported so, of dispositions the most frequent; both with the counts."""
    holders: tuple[tuple[ContactId, int], ...] | None = None
    """Contacts that hold a slot, each with its attempt; the first hundred."""
    policy_version: int | None = None
    """Of the campaign's rules, None where it was not asked for yet."""
    at: datetime | None = None
    """When, by the database's clock."""
    is_leveled: bool = False
    """Pending contacts were read from the first one again, for it was time."""


@dataclass(frozen=True, kw_only=True)
class SlotDemand:
    """The slots one batch holds, and how many it could use in all."""

    held: int
    wants: int


def free_slots(
    limit: int, batch_id: BatchId, demands: Mapping[BatchId, SlotDemand], campaign_limit: int | None
) -> int:
    """Return how many slots a batch may be granted now.

    `demands` are those of its campaign's batches, the batch's own among them.
    """
    own = demands[batch_id]
    free = max(0, min(limit, own.wants) - own.held)
    if campaign_limit is None:
        return free
    left = campaign_limit - sum(each.held for each in demands.values())
    share = fair_shares({each: demand.wants for each, demand in demands.items()}, campaign_limit)[batch_id]
    return max(0, min(free, left, share - own.held))


def waiting_batches(demands: Mapping[BatchId, SlotDemand], campaign_limit: int) -> tuple[BatchId, ...]:
    """Return the batches that may take slots now, those furthest below their share first."""
    if sum(each.held for each in demands.values()) >= campaign_limit:
        return ()
    shares = fair_shares({each: demand.wants for each, demand in demands.items()}, campaign_limit)
    room = {each: shares[each] - demand.held for each, demand in demands.items()}
    return tuple(sorted((each for each in room if room[each] > 0), key=lambda each: (-room[each], each)))


def batches_to_tell(
    batch_id: BatchId,
    demands: Mapping[BatchId, SlotDemand],
    campaign_limit: int | None,
    held_before: int | None,
) -> tuple[BatchId, ...]:
    """Return the batches that are to hear of slots which this one held before and holds no longer.

    A batch below its share whose own call has ended is on its way to take that slot; to tell it too costs
    every batch a look for every call of each other.
    """
    if campaign_limit is None:
        return ()
    others = tuple(each for each in waiting_batches(demands, campaign_limit) if each != batch_id)
    left = len(others) if held_before is None else max(0, held_before - demands[batch_id].held)
    return others[:left]


def fair_shares(wants: Mapping[BatchId, int], limit: int) -> dict[BatchId, int]:
    """Divide `limit` slots so that no batch gets more than it wants.

    A batch that wants little gets all of it; the others share the rest alike, odd slots going to those that
    want least, and then to the first by name.
    """
    shares = {}
    left = limit
    by_modesty = sorted(wants, key=lambda name: (wants[name], name))
    for place, name in enumerate(by_modesty):
        others = len(by_modesty) - place
        shares[name] = min(wants[name], -(-left // others))
        left -= shares[name]
    return shares
