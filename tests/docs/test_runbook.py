"""Whoever is told a diagnosis finds it in the runbook."""

from pathlib import Path

from domain.diagnosis.facts import Diagnosis

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"


def test_every_diagnosis_has_a_section() -> None:
    lines = RUNBOOK.read_text(encoding="utf-8").splitlines()
    headings = [line.removeprefix("### ") for line in lines if line.startswith("### ")]

    told = [code for heading in headings for code in heading.split(", ")]

    assert [code for code in told if code in set(Diagnosis)] == [
        *("completed", "cancelled", "expired"),
        *(code for code in Diagnosis if code not in ("completed", "cancelled", "expired")),
    ]
