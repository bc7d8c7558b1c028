"""Frequency caps on the wire."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from api.http.wire import WireInput, WireNumber, WireOutput
from domain.frequency import FrequencyCap

_HOUR = timedelta(hours=1)


class FrequencyCapIn(WireInput):
    """How often one number may be called in a while, over all campaigns of the organization."""

    max_calls: Annotated[int, Field(ge=1, le=100)] = Field(examples=[3])
    hours: Annotated[float, Field(gt=0, le=8760, allow_inf_nan=False)] = Field(
        description="Length of any stretch of time that is looked at; fractions allowed.", examples=[24]
    )

    def to_domain(self) -> FrequencyCap:
        """Return the cap as the domain knows it."""
        # Less than the clock's grain would come back as 0, which no client may send.
        return FrequencyCap(self.max_calls, max(timedelta(hours=self.hours), timedelta.resolution))


class FrequencyCapOut(WireOutput):
    """How often one number may be called in a while."""

    max_calls: int
    hours: WireNumber = Field(examples=[24])

    @classmethod
    def of(cls, cap: FrequencyCap) -> "FrequencyCapOut":
        """Show the cap as clients see it."""
        return cls(max_calls=cap.max_calls, hours=cap.window / _HOUR)


FrequencyCapsIn = Annotated[
    list[FrequencyCapIn],
    Field(
        max_length=5,
        description="All of them hold, counted per called number over every campaign of the organization; "
        "default none.",
    ),
]
