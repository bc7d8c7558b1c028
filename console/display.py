"""Two ways to show a batch's progress: redrawn in a terminal, line by line elsewhere."""

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from console.progress import BatchProgress, Pace, counts_text, pace_text, progress_line, status_text

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
        """Nothing was shown yet."""
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
        """Redraw."""
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
