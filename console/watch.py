"""Following one batch to its end, through short outages of the API: by its events, or by polls.

Progress is redrawn in a terminal, and printed line by line elsewhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from console.api_client import ApiClient, JsonObject
from console.failures import ApiUnreachable, RequestRefused
from console.progress import (
    BatchProgress,
    Pace,
    counts_text,
    pace_text,
    progress_line,
    read_progress,
    status_text,
)

OUTAGE_SECONDS = 60.0
"""How long the API may be away before the watcher gives up."""

_BETWEEN_POLLS_SECONDS = 0.5
_LINE_EVERY_SECONDS = 5.0


class Display(Protocol):
    """Shows what the watcher sees."""

    def show(self, progress: BatchProgress, pace: Pace, at: float) -> None:
        """Show a fresh answer; `at` in seconds of the watcher's clock."""

    def trouble(self, reason: str) -> None:
        """Show that the API does not answer just now."""


class LineDisplay:
    """A line now and then, and one for each change of status."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown_at: float | None = None
        self._status: str | None = None
        self._in_trouble = False

    def show(self, progress: BatchProgress, pace: Pace, at: float) -> None:
        """Print a line when one is due."""
        is_due = self._shown_at is None or at - self._shown_at >= _LINE_EVERY_SECONDS
        if is_due or progress.status != self._status or self._in_trouble:
            self._print(progress_line(progress, pace))
            self._shown_at, self._status, self._in_trouble = at, progress.status, False

    def trouble(self, reason: str) -> None:
        """Print the reason once per outage."""
        if not self._in_trouble:
            self._print(f"{reason}; asking again …")
        self._in_trouble = True

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


class LiveDisplay:
    """A bar that moves; the last picture stays when the block is left."""

    def __init__(self, console: Console) -> None:
        """Draw nothing before the block is entered."""
        self._live = Live(console=console, auto_refresh=False)
        self._last: tuple[BatchProgress, Pace] | None = None

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, progress: BatchProgress, pace: Pace, at: float) -> None:  # noqa: ARG002 - the port's
        self._last = (progress, pace)
        self._live.update(picture(progress, pace), refresh=True)

    def trouble(self, reason: str) -> None:
        """Keep the last picture and say why it stands still."""
        notice = Text(f"{reason}; asking again …", style="yellow")
        still = [picture(*self._last)] if self._last else []
        self._live.update(Group(*still, notice), refresh=True)


def picture(progress: BatchProgress, pace: Pace) -> RenderableType:
    """Return the bar with its numbers."""
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        Text(status_text(progress), style="bold"),
        ProgressBar(total=max(progress.total, 1), completed=progress.done, width=40),
        Text(f"{progress.done}/{progress.total}"),
        Text(pace_text(progress, pace), style="dim"),
    )
    return Group(bar, Text(counts_text(progress.counters), style="cyan"))


@dataclass(frozen=True, kw_only=True)
class Watcher:
    """Follows batches by a clock, through outages of a bounded length."""

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
        for answer in self._answers(api, batch_id):
            if isinstance(answer, ApiUnreachable):
                if self.clock() - answered_at >= self.outage_seconds:
                    raise answer
                display.trouble(str(answer))
                continue
            progress = read_progress(answer)
            answered_at = self.clock()
            pace.note(progress.done, answered_at)
            display.show(progress, pace, answered_at)
            if progress.is_over:
                return progress
        raise AssertionError("answers do not end")

    def _answers(self, api: ApiClient, batch_id: str) -> Iterator[JsonObject | ApiUnreachable]:
        """Yield the batch each time it may have changed, by its events, or by polls where there are none."""
        sends_events = True
        while True:
            try:
                if sends_events:
                    yield from api.follow_batch(batch_id)
                else:
                    yield api.batch(batch_id)
            except ApiUnreachable as outage:
                yield outage
            except RequestRefused:
                if not sends_events:
                    raise
                sends_events = False
                continue
            self.pause(_BETWEEN_POLLS_SECONDS)
