"""An operator finds every diagnosis in the runbook, and in the logs what the runbook quotes from them."""

import re
from pathlib import Path

from domain.diagnosis.facts import Diagnosis
from tests.architecture.source import product

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
_QUOTED = re.compile(r"`([a-z]+(?: [a-z:]+)+)`")
_COMMANDS = ("apollo ", "make ", "temporal ")
_OF_OTHERS = {
    "no poller seen for task queue recently",
    "parameter not set or null",
    "query timed out",
    "workflow not found",
}
"""What Temporal and the shell say."""


def test_every_diagnosis_has_a_section() -> None:
    lines = RUNBOOK.read_text(encoding="utf-8").splitlines()
    headings = [line.removeprefix("### ") for line in lines if line.startswith("### ")]

    told = [code for heading in headings for code in heading.split(", ")]

    assert [code for code in told if code in set(Diagnosis)] == [
        *("completed", "cancelled", "expired"),
        *(code for code in Diagnosis if code not in ("completed", "cancelled", "expired")),
    ]


def test_log_lines_and_timers_that_the_runbook_quotes_are_those_of_the_code() -> None:
    quoted = set(_QUOTED.findall(RUNBOOK.read_text(encoding="utf-8")))
    ours = {text for text in quoted if not text.startswith(_COMMANDS)} - _OF_OTHERS
    code = "".join(module.text for module in product())

    assert "attempt settled" in ours
    assert {text for text in ours if text not in code} == set()
