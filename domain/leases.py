"""A campaign's slots, leased in blocks to its batches: words in both directions, and the campaign's book.

A batch never has more live contacts than the newest lease it knows of allows; whoever has more already takes
on nobody. The book therefore counts for each batch the most it may *hold*: a lease that shrinks keeps its old
size there until the batch has said how much it gave back. What a batch says counts only when it knew the
newest lease, so that words which cross on the way free nothing that is still in use. The sum of what batches
hold never rises above the limit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.fair_share import fair_shares

ANSWER_PATIENCE = timedelta(seconds=60)
"""A batch that has not answered a shrunken lease for so long is counted instead of asked."""
UNKNOWN = -1
"""The serial of a lease nobody can have been told of."""
CROSSING_PATIENCE = timedelta(seconds=5)
"""A batch that does not know a lease of so long ago was never told of it."""
GONE_PATIENCE = timedelta(seconds=10)
"""Between two looks that find a batch's workflow ended before its lease is taken back: by then whoever it
had just granted a slot is being called, and counted."""


@dataclass(frozen=True)
class SlotsNeeded:
    """A batch tells its campaign what it could use and what it may still use."""

    batch_id: str
    serial: int
    """Of the newest lease it knows, 0 when it knows none."""
    wants: int
    holds: int
    campaign_limit: int | None = None
    """As the batch read it; another one than the campaign knows tells the campaign to read it again."""


@dataclass(frozen=True)
class SlotsLeased:
    """A campaign tells a batch how many live contacts it may have from now on."""

    serial: int
    """Rises with every word to any batch, over all runs of the campaign's workflow."""
    slots: int
    holds: int
    """What the campaign counts for the batch: more than `slots` asks for the difference back."""
    wants: int
    """What the campaign believes the batch wants."""


@dataclass(kw_only=True)
class Lease:
    """What the book knows of one batch."""

    serial: int = 0
    slots: int = 0
    holds: int = 0
    wants: int = 0
    told_at: datetime | None = None
    """When `slots` was last told."""
    is_answered: bool = True
    """The batch has spoken since, knowing that lease."""
    must_be_told: bool = False
    """The batch does not know the lease it has."""
    gone_since: datetime | None = None
    """When its workflow was first found ended."""


@dataclass(frozen=True, kw_only=True)
class LeaseHolder:
    """A batch as the database and the server know it."""

    batch_id: str
    live: int
    """Contacts that are being called, or may be about to."""
    is_running: bool = True
    """Its workflow runs."""
    is_over: bool = False
    """It cannot have granted anybody a slot lately: it has reached a terminal status, or has never run."""


@dataclass(kw_only=True)
class LeaseBook:
    """Who may use how many of a campaign's slots; `limit` is None while the campaign has no cap."""

    limit: int | None = None
    serial: int = 0
    leases: dict[str, Lease] = field(default_factory=dict)

    @property
    def held(self) -> int:
        """Return how many slots may be in use at most."""
        return sum(lease.holds for lease in self.leases.values())

    @property
    def is_scarce(self) -> bool:
        """Tell whether some batch could use more than it has."""
        return any(lease.wants > lease.slots for lease in self.leases.values())

    @property
    def has_doubts(self) -> bool:
        """Tell whether some batch may have died, or does not answer."""
        return any(each.gone_since or not each.is_answered for each in self.leases.values())

    def expect(self, batches: Iterable[str]) -> None:
        """Count batches for whatever an earlier book may have leased to them, until they answer this one.

        What they said before may have crossed a lease of the earlier book.
        """
        if self.limit is None:
            return
        for batch_id in batches:
            known = self.leases.setdefault(batch_id, Lease())
            known.slots, known.holds = 0, max(self.limit, known.holds)
            known.serial, known.must_be_told = UNKNOWN, True

    def hear(self, needed: SlotsNeeded, now: datetime) -> None:
        """Take note of what a batch says; what crossed a newer lease on its way frees nothing."""
        known = self.leases.get(needed.batch_id)
        if known is None:
            known = self.leases[needed.batch_id] = Lease(serial=needed.serial, slots=needed.holds)
        known.wants, known.gone_since = needed.wants, None
        if needed.serial == known.serial:
            known.slots, known.holds = min(known.slots, needed.holds), needed.holds
            known.is_answered = True
        else:
            known.holds = max(known.holds, needed.holds)
            known.must_be_told = known.must_be_told or _lost_the_word(known, now)
        known.must_be_told = known.must_be_told or needed.serial == 0
        if not known.wants and not known.holds:
            del self.leases[needed.batch_id]

    def share_out(self, now: datetime) -> dict[str, SlotsLeased]:
        """Lease what is free and ask back what is too much; returns what batches are to be told."""
        shares = fair_shares({batch_id: each.wants for batch_id, each in self.leases.items()}, self.limit)
        changed = {batch_id for batch_id, each in self.leases.items() if each.must_be_told}
        for batch_id, lease in self.leases.items():
            if lease.slots > shares[batch_id]:
                lease.slots = shares[batch_id]
                changed.add(batch_id)
        changed |= self._lease_free_slots(shares)
        return {batch_id: self._word(self.leases[batch_id], now) for batch_id in sorted(changed)}

    def was_not_told(self, batch_id: str) -> None:
        """Have a batch told again whom the last word did not reach."""
        if batch_id in self.leases:
            self.leases[batch_id].must_be_told = True

    def look_at(self, holder: LeaseHolder, now: datetime) -> None:
        """Take back what a batch cannot use any more, for its workflow has ended or answers no word."""
        lease = self.leases.get(holder.batch_id)
        if lease is None:
            return
        if holder.is_running:
            lease.gone_since = None
            if _is_unanswered(lease, now):
                lease.holds = min(lease.holds, max(lease.slots, holder.live))
            return
        if lease.gone_since is None:
            lease.gone_since = now
        lease.wants = 0
        if holder.is_over or now - lease.gone_since >= GONE_PATIENCE:
            lease.slots = 0
            lease.holds = min(lease.holds, holder.live)
        if not lease.holds:
            del self.leases[holder.batch_id]

    def _lease_free_slots(self, shares: dict[str, int]) -> set[str]:
        free = None if self.limit is None else self.limit - self.held
        raised: set[str] = set()
        if free is not None and free < 0:
            return raised  # more may be in use than allowed: first let that end
        for batch_id in sorted(shares, key=lambda each: (self.leases[each].slots - shares[each], each)):
            lease = self.leases[batch_id]
            room = shares[batch_id] - lease.slots
            if free is not None:
                room = min(room, lease.holds - lease.slots + free)
            if room <= 0:
                continue
            lease.slots += room
            if free is not None:
                free -= max(0, lease.slots - lease.holds)
            lease.holds = max(lease.holds, lease.slots)
            raised.add(batch_id)
        return raised

    def _word(self, lease: Lease, now: datetime) -> SlotsLeased:
        self.serial += 1
        lease.serial, lease.told_at, lease.must_be_told = self.serial, now, False
        lease.is_answered = lease.slots >= lease.holds
        return SlotsLeased(serial=lease.serial, slots=lease.slots, holds=lease.holds, wants=lease.wants)


def _is_unanswered(lease: Lease, now: datetime) -> bool:
    return not lease.is_answered and lease.told_at is not None and now - lease.told_at >= ANSWER_PATIENCE


def _lost_the_word(lease: Lease, now: datetime) -> bool:
    return lease.told_at is not None and now - lease.told_at >= CROSSING_PATIENCE
