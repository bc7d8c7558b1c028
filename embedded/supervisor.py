"""Supervises the parts of a stack: reports each that dies, and restarts it until it keeps dying."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from embedded.errors import PartKeepsDying
from embedded.processes import ChildProcess, Command, how_it_ended
from embedded.readiness import Wait, wait_until_ready
from embedded.restarts import Restarts
from embedded.stop_request import StopRequest

Say = Callable[[str], None]
"""Tells the person at the terminal one line."""

_BETWEEN_LOOKS_SECONDS = 0.2


def _nothing() -> None:
    """There is nothing to clear away."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """How one part is run, and how to tell that it is ready."""

    command: Command
    probe: Callable[[ChildProcess], str | None]
    """Asks once, in a thread of its own: None when it is ready, else why it is not."""
    ready_seconds: float = 60
    """How long it may take to be ready before a line says so."""
    needs: tuple[str, ...] = ()
    """Names of the parts without which it could not start."""
    clear: Callable[[], None] = _nothing
    """Removes what a dead process left in the way of the next."""


class SupervisedPart:
    """A part, its present process, and where it stands."""

    def __init__(self, part: Part, log_dir: Path) -> None:
        """Start it for the first time."""
        self.part = part
        self.name = part.command.name
        self.child = ChildProcess(part.command, log_dir)
        self.restarts = Restarts()
        self.ready_since: float | None = None
        self.died_at = 0.0
        self.restart_at: float | None = None
        """When the dead process is to be followed by another."""
        self._started_at = time.monotonic()
        self._asking: Future[str | None] | None = None

    @property
    def is_ready(self) -> bool:
        """Tell whether others can count on it."""
        return self.ready_since is not None and self.child.exit_code is None

    def restart(self, now: float) -> None:
        """Follow the dead process by another."""
        self.child.stop()
        self.part.clear()
        self.child = ChildProcess(self.part.command, self.child.log_path.parent, keeps_log=True)
        self.ready_since = self.restart_at = self._asking = None
        self._started_at = now

    def ask(self, prober: ThreadPoolExecutor) -> str | None:
        """Return the answer of the last probe, and begin the next; empty while there is none."""
        if self._asking is None:
            self._asking = prober.submit(self.part.probe, self.child)
        if not self._asking.done():
            return ""
        asked, self._asking = self._asking, None
        error = asked.exception()
        return asked.result() if error is None else type(error).__name__

    def is_late(self, now: float) -> bool:
        """Tell once that it should have been ready by now."""
        if now - self._started_at < self.part.ready_seconds:
            return False
        self._started_at = float("inf")
        return True


class Supervisor:
    """Starts parts, watches them whenever it is asked to pause, and stops them.

    To be used from one thread that outlives the parts, for the system ends them with it.
    """

    def __init__(self, log_dir: Path, stop: StopRequest, say: Say) -> None:
        """Nothing runs yet."""
        self._log_dir = log_dir
        self._stop = stop
        self._say = say
        self._parts: dict[str, SupervisedPart] = {}
        self._prober = ThreadPoolExecutor(thread_name_prefix="probe")

    @property
    def children(self) -> list[ChildProcess]:
        """The present process of every part, dead ones too."""
        return [each.child for each in self._parts.values()]

    def start(self, part: Part) -> None:
        """Start a part that is to be watched from now on."""
        name = part.command.name
        self._say(f"Starting {name} …")
        self._parts[name] = SupervisedPart(part, self._log_dir)

    def wait_until_ready(self, name: str) -> None:
        """Return when a started part is ready. Raises PartDied, PartNotReady, StopRequested."""
        each = self._parts[name]
        wait_until_ready(
            Wait(
                name=name,
                probe=lambda: each.part.probe(each.child),
                seconds=each.part.ready_seconds,
                children=self.children,
            ),
            self._stop,
        )
        each.ready_since = time.monotonic()

    def pause(self, seconds: float) -> None:
        """Sleep, and keep the parts alive meanwhile. Raises StopRequested, PartKeepsDying."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._stop.pause(min(left, _BETWEEN_LOOKS_SECONDS))
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """See to every part once, without waiting for any. Raises PartKeepsDying."""
        for each in self._parts.values():
            if each.restart_at is not None:
                if now >= each.restart_at and not self._missing(each):
                    self._restart(each, now)
            elif each.child.exit_code is not None:
                self._note_death(each, how_it_ended(each.child.exit_code), now)
            elif each.ready_since is None:
                self._ask_whether_ready(each, now)

    def end(self) -> None:
        """Stop every part, the last started first; nothing is left when it returns."""
        for child in reversed(self.children):
            child.stop()
        self._prober.shutdown()

    def _restart(self, each: SupervisedPart, now: float) -> None:
        try:
            each.restart(now)
        except OSError as error:
            self._note_death(each, f"could not be started ({error.strerror})", now)

    def _note_death(self, each: SupervisedPart, how: str, now: float) -> None:
        delay = each.restarts.note_death(0 if each.ready_since is None else now - each.ready_since)
        log_path = each.child.log_path
        if delay is None:
            self._say(f"{each.name} {how}; it is not started again; see {log_path}")
            raise PartKeepsDying(each.name, each.restarts.deaths, log_path)
        if each.ready_since is not None:
            each.died_at = now
        each.ready_since, each.restart_at = None, now + delay
        missing = self._missing(each)
        when = f"once {' and '.join(missing)} is back" if missing else f"in {delay:g} s"
        self._say(f"{each.name} {how}; it is started again {when}; see {log_path}")

    def _ask_whether_ready(self, each: SupervisedPart, now: float) -> None:
        reason = each.ask(self._prober)
        if reason is None:
            each.ready_since = now
            self._say(f"{each.name} is back after {now - each.died_at:.1f} s")
        elif reason and not self._missing(each) and each.is_late(now):
            self._say(f"{each.name} runs, but is not ready yet: {reason}; see {each.child.log_path}")

    def _missing(self, each: SupervisedPart) -> list[str]:
        """Return what the part needs and cannot have now; what is not ours to run is taken to be there."""
        return [need for need in each.part.needs if need in self._parts and not self._parts[need].is_ready]
