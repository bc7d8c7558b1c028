"""The redial policy on the wire, where it is called `retry_policy`."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from api.http.wire import WireInput, WireNumber, WireOutput, without_repeats
from domain.call import Outcome
from domain.redial import RedialPolicy, RedialStrategy

Minutes = Annotated[float, Field(gt=0, le=10080, allow_inf_nan=False)]
RetryOutcome = Literal["busy", "no_answer", "failed", "unknown", "voicemail"]
_ORDER = (Outcome.BUSY, Outcome.NO_ANSWER, Outcome.FAILED, Outcome.UNKNOWN, Outcome.VOICEMAIL)


class RetryPolicyIn(WireInput):
    """When a person is called again; keys left out take their defaults."""

    max_retries: Annotated[int, Field(ge=0, le=20)] | None = Field(default=None, description="Default 3.")
    strategy: Annotated[RedialStrategy, Field(strict=False)] | None = Field(
        default=None, description="Default `fixed`; `exponential` doubles the cooldown each time."
    )
    cooldown_minutes: Minutes | None = Field(default=None, description="Default 30; fractions allowed.")
    max_cooldown_minutes: Minutes | None = Field(default=None, description="Default 1440.")
    retry_on: Annotated[list[RetryOutcome], AfterValidator(without_repeats)] | None = Field(
        default=None,
        description="Outcomes that are retried; default `busy`, `no_answer` and `failed`. "
        "`unknown` is an extension: the call may have reached the person, who is left alone for at least "
        "the longest ring and call before the retry. So is `voicemail`: a machine or fax answered.",
    )

    def to_domain(self) -> RedialPolicy:
        default = RedialPolicy()
        return RedialPolicy(
            max_retries=default.max_retries if self.max_retries is None else self.max_retries,
            strategy=self.strategy or default.strategy,
            cooldown=length_of(self.cooldown_minutes) or default.cooldown,
            max_cooldown=length_of(self.max_cooldown_minutes) or default.max_cooldown,
            retry_on=default.retry_on if self.retry_on is None else frozenset(map(Outcome, self.retry_on)),
        )


def length_of(number: float | None) -> timedelta | None:
    """Return so many minutes."""
    # A cooldown of less than the clock's grain would come back as 0, which no client may send.
    return None if number is None else max(timedelta(minutes=number), timedelta.resolution)


class RetryPolicyOut(WireOutput):
    """When a person is called again."""

    max_retries: int
    strategy: RedialStrategy
    cooldown_minutes: WireNumber = Field(examples=[20])
    max_cooldown_minutes: WireNumber = Field(examples=[1440])
    retry_on: list[Outcome]

    @classmethod
    def of(cls, policy: RedialPolicy) -> "RetryPolicyOut":
        return cls(
            max_retries=policy.max_retries,
            strategy=policy.strategy,
            cooldown_minutes=in_minutes(policy.cooldown),
            max_cooldown_minutes=in_minutes(policy.max_cooldown),
            retry_on=[outcome for outcome in _ORDER if outcome in policy.retry_on],
        )


def in_minutes(length: timedelta) -> float:
    return length / timedelta(minutes=1)
