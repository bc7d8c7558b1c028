"""When a part that died is started again, and when it is given up."""

from dataclasses import dataclass

DELAYS_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Before the first restart, the second, …; the last one holds for all that follow."""
HEALTHY_SECONDS = 60.0
"""Having been ready for so long, a part has its deaths forgiven."""
DEATHS_THAT_END_IT = 8
"""In a row."""


@dataclass
class Restarts:
    """The deaths of one part since it was last healthy."""

    deaths: int = 0

    def note_death(self, ready_seconds: float) -> float | None:
        """Count a death after so long a readiness; return the seconds to the restart, None to give up."""
        self.deaths = 1 if ready_seconds >= HEALTHY_SECONDS else self.deaths + 1
        if self.deaths >= DEATHS_THAT_END_IT:
            return None
        return DELAYS_SECONDS[min(self.deaths, len(DELAYS_SECONDS)) - 1]
