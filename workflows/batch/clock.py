"""What time it is for a batch: that of its last look at the rows."""

from datetime import datetime

from temporalio import workflow

GO_BY_LOOKS = "go-by-looks"
"""Before this, a batch went by the time of its workflow tasks."""


class LookClock:
    """Tells the time that came with the last look, by the database's clock.

    The time of a workflow task does not do. A look is a local activity; while it takes long, the task is
    prolonged by another, and whoever replays them later is told the time of the last of them from the start.
    What was decided before the look by the time of the first would be decided otherwise then.
    """

    def __init__(self) -> None:
        """It is the beginning of the run, until the first look."""
        self.goes_by_looks = workflow.patched(GO_BY_LOOKS)
        self._at = workflow.info().start_time

    @property
    def now(self) -> datetime:
        """Return the time."""
        return self._at if self.goes_by_looks else workflow.now()

    def set(self, at: datetime | None) -> None:
        """Take over when the rows were looked at; None of looks by former workers."""
        self._at = at or self._at
