"""What a campaign's workflow asks of activities and what it hears back."""

from dataclasses import dataclass, field

from domain.leases import LeaseHolder, SlotsNeeded


@dataclass(frozen=True)
class LoadCampaign:
    """Ask for a campaign's cap."""

    campaign_id: str
    with_batches: bool = False
    """Ask who is under way, too."""


@dataclass(frozen=True, kw_only=True)
class LoadedCampaign:
    """A campaign as its workflow needs it."""

    concurrency_limit: int | None
    """None without a cap."""
    batches: list[str] = field(default_factory=list)
    """Ids of those under way or paused."""


@dataclass(frozen=True)
class LookAtHolders:
    """Ask what became of batches that hold leases."""

    batch_ids: list[str]


@dataclass(frozen=True)
class SeenHolders:
    """What became of them."""

    holders: list[LeaseHolder]


@dataclass(frozen=True, kw_only=True)
class AskCampaign:
    """Ask a campaign for slots whose workflow may not run."""

    campaign_id: str
    organization_id: str
    needed: SlotsNeeded
