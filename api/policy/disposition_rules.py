"""What machines and dispositions lead to, on the wire."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from api.http.wire import WireInput, WireNumber, WireOutput, without_repeats
from api.policy.retry_policy import Minutes, in_minutes, length_of
from domain.disposition import (
    AnsweredBy,
    DispositionRule,
    OnMachine,
    ReportedCounts,
    Then,
    is_disposition,
)


def _known_form(text: str) -> str:
    if not is_disposition(text):
        raise PydanticCustomError("disposition", "Must be 1 to 64 of a-z, 0-9 and _, the first a letter")
    return text


Disposition = Annotated[
    str,
    AfterValidator(_known_form),
    Field(description="1 to 64 of `a-z`, `0-9` and `_`, the first a letter.", examples=["wrong_number"]),
]
OnMachineIn = Annotated[
    OnMachine,
    Field(
        strict=False,
        description="Default `continue`. With `hang_up` the provider is asked to end calls that a machine "
        "answers, and Apollo ends them itself 5 s after it hears of the machine.",
    ),
]


class DispositionRuleIn(WireInput):
    """What becomes of a contact whose call came to a disposition."""

    disposition: Disposition
    then: Annotated[Then, Field(strict=False)]
    after_minutes: Minutes | None = Field(
        default=None,
        description="From the call's end to the next one, fractions allowed; default the cooldown, or what "
        "was agreed.",
    )

    def to_domain(self) -> DispositionRule:
        return DispositionRule(
            disposition=self.disposition, then=self.then, after=length_of(self.after_minutes)
        )


def _each_once(rules: list[DispositionRuleIn]) -> list[DispositionRuleIn]:
    without_repeats([each.disposition for each in rules])
    return rules


DispositionRulesIn = Annotated[
    list[DispositionRuleIn],
    Field(
        max_length=50,
        description="Each disposition once; default none. A rule comes before the retry policy.",
        examples=[[{"disposition": "wrong_number", "then": "suppress"}]],
    ),
    AfterValidator(_each_once),
]


class DispositionRuleOut(WireOutput):
    """What becomes of a contact whose call came to a disposition."""

    disposition: str = Field(examples=["wrong_number"])
    then: Then
    after_minutes: WireNumber | None

    @classmethod
    def of(cls, rule: DispositionRule) -> "DispositionRuleOut":
        after = None if rule.after is None else in_minutes(rule.after)
        return cls(disposition=rule.disposition, then=rule.then, after_minutes=after)


class AnsweredByCounts(WireOutput):
    """Calls by who answered, as far as somebody told."""

    human: int
    machine: int
    fax: int
    unknown: int

    @classmethod
    def of(cls, reported: ReportedCounts) -> "AnsweredByCounts":
        return cls(**{each: reported.answered_by.get(each, 0) for each in AnsweredBy})
