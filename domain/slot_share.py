"""A batch's part of its campaign's slots, as the batch knows it."""

from dataclasses import dataclass

from domain.leases import SlotsLeased, SlotsNeeded


@dataclass(frozen=True, kw_only=True)
class SlotUse:
    """What a batch could use, and uses, at one moment."""

    wants: int
    live: int
    """Never more than `wants`."""
    campaign_limit: int | None


@dataclass(kw_only=True)
class SlotShare:
    """The newest lease, and what the campaign was told last."""

    serial: int = 0
    slots: int = 0
    """Live contacts the batch may have; it takes on nobody while it has more."""
    told_wants: int = 0
    told_holds: int = 0
    told_limit: int | None = None
    owes_answer: bool = True
    """The lease shrank below what the campaign counts for the batch, or nothing was told at all: an earlier
    workflow of the batch may have left a lease behind."""

    def take(self, leased: SlotsLeased) -> bool:
        """Follow a lease; False for one that is older than what is known."""
        if leased.serial <= self.serial:
            return False
        self.serial, self.slots = leased.serial, leased.slots
        self.told_wants, self.told_holds = leased.wants, leased.holds
        self.owes_answer = leased.slots < leased.holds
        return True

    def is_hungry(self, use: SlotUse) -> bool:
        """Tell whether more slots could be used than there are."""
        return use.wants > self.slots

    def has_news(self, use: SlotUse) -> bool:
        """Tell whether the campaign knows less than the batch."""
        if self.owes_answer:
            return True
        holds = self._holds(use)
        if (use.wants, holds) != (self.told_wants, self.told_holds):
            return True
        return use.campaign_limit != self.told_limit and (use.wants, holds) != (0, 0)

    def tell(self, batch_id: str, use: SlotUse) -> SlotsNeeded:
        """Give back what is not wanted, and say so."""
        self.slots = min(self.slots, use.wants)
        self.told_wants, self.told_holds = use.wants, self._holds(use)
        self.told_limit, self.owes_answer = use.campaign_limit, False
        return SlotsNeeded(batch_id, self.serial, use.wants, self.told_holds, use.campaign_limit)

    def _holds(self, use: SlotUse) -> int:
        return max(min(self.slots, use.wants), use.live)
