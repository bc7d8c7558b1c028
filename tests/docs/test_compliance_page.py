"""The page on laws and the code name the same presets, with the same hours, caps and sources."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from domain.frequency import FrequencyCap
from domain.presets import PRESETS, Preset
from domain.working_hours import DayHours, Weekday

PAGE = Path(__file__).parents[2] / "docs" / "compliance.md"
_EVERY_DAY = tuple(Weekday)


def rows_told() -> Mapping[str, Sequence[str]]:
    """Return the rows of the table of presets, by name."""
    lines = PAGE.read_text("utf-8").split("| preset | hours |", 1)[1].splitlines()[2:]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines if line.startswith("|")]
    return {name.strip("`"): rest for name, *rest in cells[: len(PRESETS)]}


def row_of(preset: Preset) -> Sequence[str]:
    """Write a preset as the page does."""
    return [
        ", ".join(_stretches(preset)),
        f"`{preset.holidays}`" if preset.holidays else "",
        ", ".join(map(_cap, preset.frequency_caps)),
        f"[{preset.law}]({preset.address})",
    ]


def _stretches(preset: Preset) -> Sequence[str]:
    """Write each run of days that are open alike."""
    runs: list[tuple[list[Weekday], DayHours]] = []
    for day, hours in zip(Weekday, preset.working_hours.days, strict=True):
        if runs and runs[-1][1] == hours:
            runs[-1][0].append(day)
        else:
            runs.append(([day], hours))
    return [f"{_days(days)} {_windows(hours)}" for days, hours in runs if hours.enabled]


def _days(days: Sequence[Weekday]) -> str:
    if tuple(days) == _EVERY_DAY:
        return "every day"
    names = [each.name.capitalize() for each in days]
    return " and ".join(names) if len(names) <= 2 else f"{names[0]} to {names[-1]}"


def _windows(hours: DayHours) -> str:
    return ", ".join(f"{each.start:%H:%M}–{each.end:%H:%M}" for each in hours.windows)


def _cap(cap: FrequencyCap) -> str:
    noun = cap.counts.value if cap.max_calls > 1 else cap.counts.value.removesuffix("s")
    return f"{cap.max_calls} {noun} in {cap.window // timedelta(hours=1)} hours"


def test_page_tells_every_preset_as_the_code_has_it() -> None:
    assert rows_told() == {name: row_of(preset) for name, preset in PRESETS.items()}


def test_every_file_and_every_test_that_the_page_names_is_there() -> None:
    text, root = PAGE.read_text("utf-8"), PAGE.parents[1]
    tests = "\n".join(each.read_text("utf-8") for each in (root / "tests").rglob("test_*.py"))

    assert [each for each in re.findall(r"`([a-z_/]+\.py)`", text) if not (root / each).is_file()] == []
    assert [each for each in re.findall(r"`(test_\w+)`", text) if f"def {each}(" not in tests] == []


def test_page_says_that_it_is_no_legal_advice() -> None:
    assert "legal advice" in PAGE.read_text("utf-8").splitlines()[3]
