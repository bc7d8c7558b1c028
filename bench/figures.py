"""The figures of a run beside their goals, kept as JSON, and compared with those of a former run."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    contacts: int
    """Of one round."""
    rounds: int = 1
    limit: int = 0
    """Slots of the batch."""


@dataclass(frozen=True)
class Figure:
    """One number that has a goal."""

    what: str
    """With its unit, unless it is a ratio."""
    value: float
    goal: float
    at_least: bool = False
    """Whether more is better; else the value is to stay below the goal."""

    @property
    def is_reached(self) -> bool:
        """Tell whether the value is as good as its goal."""
        return self.value >= self.goal if self.at_least else self.value <= self.goal


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def machine() -> Mapping[str, str | int | float]:
    """Return on what is measured: absolute figures of two machines do not compare, ratios nearly do."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 1),
    }


def _processor() -> str:
    if _CPU_INFO.exists():
        for line in _CPU_INFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def show_figures(console: Console, figures: Sequence[Figure], former: Mapping[str, float]) -> None:
    """Print every figure beside its goal, and beside what a former run found."""
    where = machine()
    title = f"{where['cores']} cores, {where['processor']}, load average {where['load_average']}"
    table = Table(title=title, title_justify="left")
    for column in ("", "former run", "now", "goal", ""):
        table.add_column(column, justify="left" if column == "" else "right")
    for each in figures:
        before = former.get(each.what)
        goal = f"{'≥' if each.at_least else '≤'} {each.goal:g}"
        shown = ("" if before is None else f"{before:.3g}", f"{each.value:.3g}", goal)
        table.add_row(each.what, *shown, "reached" if each.is_reached else "missed")
    console.print(table)


def read_figures(path: Path) -> Mapping[str, float]:
    """Return the figures of a former run by what they are; none where there is no such file."""
    if not path.exists():
        return {}
    kept = json.loads(path.read_text())
    return {each["what"]: each["value"] for each in kept["figures"]}


def write_figures(path: Path, figures: Sequence[Figure]) -> None:
    """Keep the figures, and the machine, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "figures": [vars(each) | {"is_reached": each.is_reached} for each in figures],
    }
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
