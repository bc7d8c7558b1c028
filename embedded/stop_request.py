"""A request to stop, from Ctrl-C, SIGTERM or a closed terminal.

Handlers only raise a flag: a second Ctrl-C can therefore never interrupt the clean-up of the first.
"""

import signal
import time
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STEP_SECONDS = 0.1


class StopRequested(Exception):
    """Somebody asked the stack to stop."""


class StopRequest:
    """Catches the stop signals while entered; the former handlers return at the end."""

    def __init__(self) -> None:
        self.is_raised = False
        self._former: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._former[number] = signal.signal(number, self._raise_flag)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() itself returned

    def pause(self, seconds: float) -> None:
        """Sleep; raises StopRequested as soon as a stop is requested."""
        end = time.monotonic() + seconds
        while not self.is_raised and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _STEP_SECONDS))
        self.check()

    def check(self) -> None:
        """Raises StopRequested when a stop is requested."""
        if self.is_raised:
            raise StopRequested

    def _raise_flag(self, _number: int, _frame: FrameType | None) -> None:
        self.is_raised = True
