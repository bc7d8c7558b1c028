"""The index of decisions lists every one of them, under its own title and status."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
DECISIONS = sorted(path for path in FOLDER.glob("[0-9]*.md") if path.stem != "0000-template")
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")


def row_of(decision: Path) -> str:
    """Return the row that the index must have for a decision, as its first lines tell it."""
    title, _, status, *_ = decision.read_text(encoding="utf-8").splitlines()
    number, _, subject = title.removeprefix("# ").partition(": ")
    assert decision.name.startswith(f"{number}-"), "The title begins with another number than the file."
    return f"| [{number}]({decision.name}) | {subject} | {status.removeprefix('Status: ')} |"


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_index_lists_every_decision_with_its_title_and_status(decision: Path) -> None:
    assert row_of(decision) in INDEX.splitlines()


def test_index_lists_decisions_in_their_order_and_no_number_is_given_twice() -> None:
    listed = re.findall(r"^\| \[(\d{4})\]", INDEX, re.MULTILINE)

    assert listed == [path.name[:4] for path in DECISIONS]
    assert len(set(listed)) == len(listed)
