"""Campaigns on the wire."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated

from pydantic import ConfigDict, Field, PlainSerializer, ValidationInfo, field_validator

from api.http.paging import ANY_OF, ListQuery
from api.http.wire import JsonObject, WireInput, WireNumber, WireOutput, WireTime, ZoneName, ZoneOrNumber
from api.policy.disposition_rules import DispositionRuleOut, DispositionRulesIn, OnMachineIn
from api.policy.retry_policy import RetryPolicyIn, RetryPolicyOut
from api.policy.rules import (
    BlackoutDate,
    CallerIds,
    CallsPerSecond,
    HolidayCalendar,
    Metadata,
    Name,
    Presets,
    Strategy,
)
from api.policy.working_hours import NO_ENABLED_DAY, WorkingHoursIn, WorkingHoursOut, require_some_open_day
from domain.caller_id import CallerIdStrategy
from domain.campaign import Campaign, CampaignRules, CampaignStatus
from domain.disposition import OnMachine
from domain.errors import FieldError, InvalidRequest
from domain.frequency import MOST_CALLS, FrequencyCap
from domain.identity import CampaignId, OrganizationId
from domain.lifecycle import PAST, Action
from domain.redial import RedialPolicy
from domain.working_hours import DEFAULT_WORKING_HOURS
from domain.zones import FROM_NUMBER

_HOUR = timedelta(hours=1)


class FrequencyCapIn(WireInput):
    """How often one number may be called in a while, over all campaigns of the organization."""

    max_calls: Annotated[int, Field(ge=1, le=MOST_CALLS)] = Field(examples=[3])
    hours: Annotated[float, Field(gt=0, le=8760, allow_inf_nan=False)] = Field(
        description="Length of the sliding window; fractions allowed.", examples=[24]
    )

    def to_domain(self) -> FrequencyCap:
        # Less than the clock's grain would come back as 0, which no client may send.
        return FrequencyCap(self.max_calls, max(timedelta(hours=self.hours), timedelta.resolution))


class FrequencyCapOut(WireOutput):
    """How often one number may be called in a while."""

    max_calls: int
    hours: WireNumber = Field(examples=[24])

    @classmethod
    def of(cls, cap: FrequencyCap) -> "FrequencyCapOut":
        return cls(max_calls=cap.max_calls, hours=cap.window / _HOUR)


FrequencyCapsIn = Annotated[
    list[FrequencyCapIn],
    Field(
        max_length=5,
        description="All of them hold, counted per called number over every campaign of the organization; "
        "default none.",
    ),
]


AgentId = Annotated[str, Field(min_length=1, max_length=255, description="The voice agent that speaks.")]
_NO_FALLBACK = FieldError(
    ("body", "fallback_timezone"), "from_number needs a zone for numbers that tell none", "fallback_timezone"
)
_FALLBACK_IN_USE = FieldError(
    ("body", "fallback_timezone"),
    "Batches and contacts may rely on it: give another zone",
    "fallback_timezone",
)
_NO_ENABLED_DAY = FieldError(("body", "working_hours"), NO_ENABLED_DAY, "no_enabled_day")


def _no_numbers() -> list[str]:
    return []


class RulesIn(WireInput):
    """The rules of a campaign as clients write them; `null` is a rule's default."""

    # Defaults of what has none stand for keys that a change leaves out; CampaignCreate requires them.
    name: Name = Field(default_factory=str)
    agent_id: AgentId = Field(default_factory=str)
    phone_numbers: CallerIds = Field(default_factory=_no_numbers)
    phone_number_strategy: Strategy | None = Field(default=None, description="Default `round_robin`.")
    sticky_caller_id: bool | None = Field(
        default=None,
        description="Redials show the number of the contact's first attempt, while it is listed; "
        "default false. Follow-ups always show the number that reached the person.",
    )
    calls_per_second: CallsPerSecond | None = None
    working_hours_enforced: bool | None = Field(default=None, description="Default false.")
    timezone: ZoneOrNumber | None = Field(
        default=None,
        description="IANA name, or `from_number` for the zones of the number that is called; default UTC.",
    )
    fallback_timezone: ZoneName | None = Field(
        default=None,
        description="IANA name of the zone for numbers that tell none; `from_number` needs it, here, in "
        "batches and in contacts. Once given it may be changed, and not taken away.",
    )
    working_hours: WorkingHoursIn | None = Field(
        default=None, description="Default Monday to Friday, 09:00 to 18:00."
    )
    blackout_dates: Annotated[list[BlackoutDate], Field(max_length=1000)] | None = Field(
        default=None, description="Local dates without any new call."
    )
    holidays: HolidayCalendar | None = None
    presets: Presets | None = None
    retry_policy: RetryPolicyIn | None = None
    max_follow_ups: Annotated[int, Field(ge=0, le=10)] | None = Field(default=None, description="Default 1.")
    frequency_caps: FrequencyCapsIn | None = None
    on_machine: OnMachineIn | None = None
    disposition_rules: DispositionRulesIn | None = None
    default_call_variables: JsonObject | None = Field(
        default=None, description="Merged under each contact's variables; at most 16 KB."
    )
    metadata: Metadata | None = None

    @field_validator("working_hours", mode="after")
    @classmethod
    def _some_day_open(cls, hours: WorkingHoursIn | None, info: ValidationInfo) -> WorkingHoursIn | None:
        if info.data.get("working_hours_enforced") and hours is not None:
            require_some_open_day(hours)
        return hours

    def to_domain(self) -> CampaignRules:
        """Return the rules with every default filled in."""
        return CampaignRules(
            name=self.name,
            agent_id=self.agent_id,
            phone_numbers=tuple(self.phone_numbers),
            phone_number_strategy=self.phone_number_strategy or CallerIdStrategy.ROUND_ROBIN,
            sticky_caller_id=bool(self.sticky_caller_id),
            calls_per_second=self.calls_per_second,
            working_hours_enforced=bool(self.working_hours_enforced),
            timezone=self.timezone or "UTC",
            fallback_timezone=self.fallback_timezone,
            working_hours=self.working_hours.to_domain() if self.working_hours else DEFAULT_WORKING_HOURS,
            blackout_dates=tuple(self.blackout_dates or ()),
            holidays=self.holidays,
            presets=tuple(self.presets or ()),
            retry_policy=self.retry_policy.to_domain() if self.retry_policy else RedialPolicy(),
            max_follow_ups=1 if self.max_follow_ups is None else self.max_follow_ups,
            frequency_caps=tuple(cap.to_domain() for cap in self.frequency_caps or ()),
            on_machine=self.on_machine or OnMachine.CONTINUE,
            disposition_rules=tuple(each.to_domain() for each in self.disposition_rules or ()),
            default_call_variables=self.default_call_variables or {},
            metadata=self.metadata or {},
        )


class CampaignCreate(RulesIn):
    """The standing rules of a new campaign; `null` means not given."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "September check-ups",
                    "agent_id": "agent_care",
                    "phone_numbers": ["+14155550180", "+14155550181"],
                    "timezone": "America/Chicago",
                    "working_hours_enforced": True,
                    "retry_policy": {"max_retries": 3, "strategy": "exponential", "cooldown_minutes": 20},
                    "metadata": {"concurrency_limit": 20},
                }
            ]
        }
    )

    organization_id: str | None = Field(default=None, description="Absent means the token's.")
    name: Name
    agent_id: AgentId
    phone_numbers: CallerIds

    def to_domain(self) -> CampaignRules:
        """Return the rules with every default filled in. Raises InvalidRequest without a needed fallback."""
        rules = super().to_domain()
        _require_fallback(rules)
        return rules


class CampaignChange(RulesIn):
    """A change of a campaign: what is left out stays, what is given replaces the whole old value.

    `null` is back to the default; `name`, `agent_id` and `phone_numbers` have none.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"retry_policy": {"max_retries": 2, "cooldown_minutes": 15}, "max_follow_ups": None}]
        }
    )

    def amend(self, rules: CampaignRules) -> CampaignRules:
        """Return the rules after the change, the very same where none is given.

        Raises InvalidRequest when they cannot hold together.
        """
        if not self.model_fields_set:
            return rules
        given = self.to_domain()
        amended = replace(rules, **{name: getattr(given, name) for name in self.model_fields_set})
        if amended.working_hours_enforced and not amended.working_hours.any_day_enabled:
            raise InvalidRequest([_NO_ENABLED_DAY])
        _require_fallback(amended)
        if rules.fallback_timezone is not None and amended.fallback_timezone is None:
            raise InvalidRequest([_FALLBACK_IN_USE])
        return amended


def _require_fallback(rules: CampaignRules) -> None:
    if rules.timezone == FROM_NUMBER and rules.fallback_timezone is None:
        raise InvalidRequest([_NO_FALLBACK])


class CampaignClone(WireInput):
    """What a copy of a campaign has of its own."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "October check-ups"}]})

    name: Name


class CampaignOut(WireOutput):
    """A campaign."""

    campaign_id: CampaignId = Field(examples=["cmp_01k2v7"])
    organization_id: OrganizationId = Field(examples=["org_demo"])
    name: str = Field(examples=["September check-ups"])
    agent_id: str = Field(examples=["agent_care"])
    status: CampaignStatus
    phone_numbers: list[str]
    phone_number_strategy: CallerIdStrategy
    sticky_caller_id: bool
    calls_per_second: WireNumber | None = Field(examples=[2.5])
    working_hours_enforced: bool
    timezone: str = Field(examples=["America/Chicago"])
    fallback_timezone: str | None = Field(examples=["America/New_York"])
    working_hours: WorkingHoursOut
    blackout_dates: list[Annotated[date, PlainSerializer(date.isoformat, return_type=str)]]
    holidays: str | None = Field(examples=["US-CA"])
    presets: list[str] = Field(examples=[["us-tcpa"]])
    retry_policy: RetryPolicyOut
    max_follow_ups: int
    frequency_caps: list[FrequencyCapOut]
    on_machine: OnMachine
    disposition_rules: list[DispositionRuleOut]
    default_call_variables: dict[str, object]
    metadata: dict[str, object]
    completed_calls: int
    failed_calls: int
    busy_calls: int
    no_answer_calls: int
    follow_up_calls: int
    created_at: WireTime
    updated_at: WireTime

    @classmethod
    def of(cls, campaign: Campaign) -> "CampaignOut":
        rules, calls = campaign.rules, campaign.call_counters
        return cls(
            campaign_id=campaign.campaign_id,
            organization_id=campaign.organization_id,
            name=rules.name,
            agent_id=rules.agent_id,
            status=campaign.status,
            phone_numbers=list(rules.phone_numbers),
            phone_number_strategy=rules.phone_number_strategy,
            sticky_caller_id=rules.sticky_caller_id,
            calls_per_second=rules.calls_per_second,
            working_hours_enforced=rules.working_hours_enforced,
            timezone=rules.timezone,
            fallback_timezone=rules.fallback_timezone,
            working_hours=WorkingHoursOut.of(rules.working_hours),
            blackout_dates=list(rules.blackout_dates),
            holidays=rules.holidays,
            presets=list(rules.presets),
            retry_policy=RetryPolicyOut.of(rules.retry_policy),
            max_follow_ups=rules.max_follow_ups,
            frequency_caps=[FrequencyCapOut.of(cap) for cap in rules.frequency_caps],
            on_machine=rules.on_machine,
            disposition_rules=[DispositionRuleOut.of(each) for each in rules.disposition_rules],
            default_call_variables=dict(rules.default_call_variables),
            metadata=dict(rules.metadata),
            completed_calls=calls.completed_calls,
            failed_calls=calls.failed_calls,
            busy_calls=calls.busy_calls,
            no_answer_calls=calls.no_answer_calls,
            follow_up_calls=calls.follow_up_calls,
            created_at=campaign.created_at,
            updated_at=campaign.updated_at,
        )


class CampaignsQuery(ListQuery):
    """Which campaigns."""

    status: list[CampaignStatus] = Field(default=[], description=ANY_OF)
    organization_id: str | None = Field(default=None, description="Absent means the token's.")


class CampaignActed(WireOutput):
    """Where an action left a campaign; one that changed nothing answers alike."""

    campaign_id: CampaignId = Field(examples=["cmp_01k2v7"])
    status: CampaignStatus
    message: str = Field(examples=["Campaign paused successfully"])

    @classmethod
    def of(cls, campaign: Campaign, action: Action) -> "CampaignActed":
        return cls(
            campaign_id=campaign.campaign_id,
            status=campaign.status,
            message=f"Campaign {PAST[action]} successfully",
        )
