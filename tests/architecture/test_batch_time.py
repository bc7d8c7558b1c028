"""A batch decides by the time of its looks: nothing else of its workflow may read a clock."""

import re
from collections import Counter
from pathlib import Path

ROOM = Path(__file__).parents[2] / "workflows" / "batch"
SHOWN = {"journal.py": 2, "workflow.py": 2}
"""What people are shown; and how long a look waits, which is no command."""
BEFORE = {"clock.py": 1}
"""For runs that began before they went by their looks."""


def test_batch_decides_by_no_time_of_its_tasks() -> None:
    found = Counter(
        {
            path.name: len(re.findall(r"workflow\.(?:now|time)\(", path.read_text()))
            for path in ROOM.glob("*.py")
        }
    )
    assert +found == Counter(SHOWN | BEFORE)
