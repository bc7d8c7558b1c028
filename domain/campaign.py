"""The standing rules under which batches are called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from domain.caller_id import CallerIdStrategy
from domain.dial_reservations import DialRate
from domain.disposition import DispositionRule, OnMachine
from domain.frequency import FrequencyCap
from domain.identity import CampaignId, OrganizationId
from domain.presets import caps_with_presets
from domain.redial import RedialPolicy
from domain.working_hours import DEFAULT_WORKING_HOURS, WorkingHours

CONCURRENCY_KEY = "concurrency_limit"
"""The one key of a campaign's `metadata` that Apollo reads."""


class CampaignStatus(StrEnum):
    """Where a campaign stands; wire values of `status`."""

    DRAFT = "draft"
    """Has had no batch."""
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    """Every batch is terminal; a new one reopens it."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class CallCounters:
    """Calls that ended with each outcome, every attempt counted once, and follow-ups dialled."""

    completed_calls: int = 0
    failed_calls: int = 0
    busy_calls: int = 0
    no_answer_calls: int = 0
    follow_up_calls: int = 0


@dataclass(frozen=True, kw_only=True)
class CampaignRules:
    """What a client decides about a campaign."""

    name: str
    agent_id: str
    phone_numbers: tuple[str, ...]
    phone_number_strategy: CallerIdStrategy = CallerIdStrategy.ROUND_ROBIN
    sticky_caller_id: bool = False
    """Whether redials show the number of the contact's first attempt, while it is listed."""
    calls_per_second: float | None = None
    """Dials allowed over all batches and workers, None without a limit."""
    working_hours_enforced: bool = False
    timezone: str = "UTC"
    """IANA name, or `from_number`."""
    fallback_timezone: str | None = None
    """IANA name of the zone for numbers that tell none, and for dates and times of the batch."""
    working_hours: WorkingHours = DEFAULT_WORKING_HOURS
    blackout_dates: tuple[date, ...] = ()
    holidays: str | None = None
    """Code of the calendar whose public holidays count as blackout dates."""
    presets: tuple[str, ...] = ()
    """Names of laws' rules that hold as well, whatever else is allowed."""
    retry_policy: RedialPolicy = field(default_factory=RedialPolicy)
    max_follow_ups: int = 1
    frequency_caps: tuple[FrequencyCap, ...] = ()
    """All of them hold; attempts of the organization's other campaigns count too."""
    on_machine: OnMachine = OnMachine.CONTINUE
    disposition_rules: tuple[DispositionRule, ...] = ()
    """At most one for each disposition."""
    default_call_variables: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)

    @property
    def caps_in_force(self) -> tuple[FrequencyCap, ...]:
        """Return its own caps and those of its presets: all of them hold."""
        return caps_with_presets(self.frequency_caps, self.presets)

    @property
    def concurrency_limit(self) -> int | None:
        """Live calls allowed over all batches, None without a cap."""
        limit = self.metadata.get(CONCURRENCY_KEY)
        return limit if isinstance(limit, int) else None


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """A campaign as it is kept."""

    campaign_id: CampaignId
    organization_id: OrganizationId
    status: CampaignStatus
    rules: CampaignRules
    call_counters: CallCounters = field(default_factory=CallCounters)
    pace_version: int = 1
    """Incremented with every change of `calls_per_second`."""
    created_at: datetime
    updated_at: datetime

    @property
    def dial_rate(self) -> DialRate | None:
        """The rate limit of the campaign's dials, None without one."""
        rate = self.rules.calls_per_second
        return None if rate is None else DialRate(calls_per_second=rate, version=self.pace_version)
