"""Presets on the wire."""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field, PlainSerializer

from api.http.wire import WireNumber, WireOutput
from api.policy.working_hours import WorkingHoursOut
from domain.frequency import Counted, FrequencyCap
from domain.presets import NOT_LEGAL_ADVICE, Preset

_HOUR = timedelta(hours=1)


class PresetCapOut(WireOutput):
    """How often one number may be called in a while, over all campaigns of the organization."""

    max_calls: int
    hours: WireNumber = Field(examples=[168])
    counts: Counted = Field(
        description="Every attempt, or those answered by somebody not known to be a machine or fax; a call "
        "whose ending nobody knows counts as one."
    )

    @classmethod
    def of(cls, cap: FrequencyCap) -> "PresetCapOut":
        return cls(max_calls=cap.max_calls, hours=cap.window / _HOUR, counts=cap.counts)


class PresetOut(WireOutput):
    """What one law asks for. Not legal advice."""

    name: str = Field(examples=["us-tcpa"])
    title: str
    hours: WorkingHoursOut = Field(description="By the clocks where the called phone is.")
    holidays: str | None = Field(
        description="Calendar on whose public holidays nobody is called.", examples=["AU"]
    )
    frequency_caps: list[PresetCapOut]
    source: str = Field(
        description="The law with its section, and where it can be read.",
        examples=["47 CFR 64.1200(c)(1), https://www.ecfr.gov/current/title-47/section-64.1200"],
    )
    checked_on: Annotated[date, PlainSerializer(date.isoformat, return_type=str)] = Field(
        description="The day on which the row was compared with its source."
    )
    notice: str = Field(examples=[NOT_LEGAL_ADVICE])

    @classmethod
    def of(cls, preset: Preset) -> "PresetOut":
        return cls(
            name=preset.name,
            title=preset.title,
            hours=WorkingHoursOut.of(preset.working_hours),
            holidays=preset.holidays,
            frequency_caps=[PresetCapOut.of(cap) for cap in preset.frequency_caps],
            source=f"{preset.law}, {preset.address}",
            checked_on=preset.checked_on,
            notice=NOT_LEGAL_ADVICE,
        )
