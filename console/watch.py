"""Following one batch to its end, through short outages of the API."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from console.api_client import ApiClient
from console.display import Display, LineDisplay, LiveDisplay
from console.failures import ApiUnreachable
from console.progress import BatchProgress, Pace, read_progress

OUTAGE_SECONDS = 60.0
"""How long the API may be away before the watcher gives up."""

_BETWEEN_LOOKS_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Watcher:
    """The clock and the patience of somebody who watches."""

    clock: Callable[[], float]
    """Steady, in seconds."""
    pause: Callable[[float], None]
    outage_seconds: float = OUTAGE_SECONDS

    def follow(self, api: ApiClient, batch_id: str, console: Console) -> BatchProgress:
        """Show the batch until it is terminal and return its last progress.

        Raises RequestRefused, and ApiUnreachable after an outage longer than the patience.
        """
        if not console.is_terminal:
            return self.follow_on(LineDisplay(console), api, batch_id)
        with LiveDisplay(console) as display:
            return self.follow_on(display, api, batch_id)

    def follow_on(self, display: Display, api: ApiClient, batch_id: str) -> BatchProgress:
        """Follow on a display of the caller's choice."""
        pace = Pace()
        answered_at = self.clock()
        while True:
            try:
                progress = read_progress(api.batch(batch_id))
            except ApiUnreachable as outage:
                if self.clock() - answered_at >= self.outage_seconds:
                    raise
                display.trouble(str(outage))
            else:
                answered_at = self.clock()
                pace.note(progress.done, answered_at)
                display.show(progress, pace, answered_at)
                if progress.is_over:
                    return progress
            self.pause(_BETWEEN_LOOKS_SECONDS)
