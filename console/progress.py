"""How far a batch is, how fast it goes and how long it may take: numbers and words, nothing drawn."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from console.api_client import JsonObject
from console.failures import RequestRefused

FINAL_COUNTERS = ("completed", "failed", "busy", "no_answer", "skipped", "max_retries_reached")
"""Contacts that will not be called again; in the order they are shown."""
OPEN_COUNTERS = ("in_flight", "dispatched", "retrying", "followup_scheduled", "pending")
FINAL_STATUSES = frozenset({"completed", "cancelled", "expired"})

_PACE_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class BatchProgress:
    """A batch as it was when the API was asked."""

    batch_id: str
    campaign_id: str
    status: str
    paused_by: str | None
    total: int
    counters: Mapping[str, int]

    @property
    def done(self) -> int:
        """Contacts in a terminal status."""
        return sum(self.counters.get(name, 0) for name in FINAL_COUNTERS)

    @property
    def is_over(self) -> bool:
        """Tell whether the batch itself is terminal."""
        return self.status in FINAL_STATUSES


def read_progress(batch: JsonObject) -> BatchProgress:
    """Return the progress in a batch object. Raises RequestRefused for anything else."""
    counters, total, paused_by = batch.get("counters"), batch.get("total_contacts"), batch.get("paused_by")
    if not isinstance(counters, dict) or not isinstance(total, int):
        raise RequestRefused("The API answered with something else than a batch")
    return BatchProgress(
        batch_id=str(batch.get("batch_id")),
        campaign_id=str(batch.get("campaign_id")),
        status=str(batch.get("status")),
        paused_by=paused_by if isinstance(paused_by, str) else None,
        total=total,
        counters={str(name): count for name, count in counters.items() if isinstance(count, int)},
    )


class Pace:
    """Contacts finished per second over the last quarter of a minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, done: int, at: float) -> None:
        """Keep that `done` contacts were finished at `at`, in seconds of any steady clock."""
        self._seen.append((at, done))
        # The newest observation before the stretch stays, so that the stretch is covered whole.
        while len(self._seen) > 2 and self._seen[1][0] <= at - _PACE_SECONDS:
            self._seen.popleft()

    @property
    def per_second(self) -> float:
        """0 before the second observation, and when nothing was finished between the two."""
        if len(self._seen) < 2:
            return 0.0
        (since, before), (until, after) = self._seen[0], self._seen[-1]
        return max(after - before, 0) / (until - since) if until > since else 0.0

    def seconds_left(self, unfinished: int) -> float | None:
        """Return how long the rest takes at this pace; None when that cannot be said."""
        if unfinished == 0:
            return 0.0
        return unfinished / self.per_second if self.per_second > 0 else None


def counts_text(counters: Mapping[str, int]) -> str:
    """Return the counters that are not 0, in words."""
    names = (*FINAL_COUNTERS, *OPEN_COUNTERS)
    return ", ".join(f"{name} {counters[name]}" for name in names if counters.get(name, 0) > 0)


def status_text(progress: BatchProgress) -> str:
    """Return the batch's status, and who paused it."""
    if progress.paused_by is None:
        return progress.status
    return f"{progress.status} by its {progress.paused_by}"


def pace_text(progress: BatchProgress, pace: Pace) -> str:
    """Return speed and time left, as far as they are known."""
    if progress.is_over:
        return ""
    left = pace.seconds_left(progress.total - progress.done)
    time_left = "time left unknown" if left is None else f"about {duration_text(left)} left"
    return f"{pace.per_second:.1f} contacts/s, {time_left}"


def progress_line(progress: BatchProgress, pace: Pace) -> str:
    """Return everything in one line, for logs and pipes."""
    share = 100 * progress.done // progress.total if progress.total else 100
    parts = [
        f"{status_text(progress)} {progress.done}/{progress.total} ({share} %)",
        counts_text(progress.counters),
        pace_text(progress, pace),
    ]
    return "; ".join(part for part in parts if part)


def duration_text(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
