"""One child process: its log, its exit, and an end that leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

_TETHER = Path(__file__).with_name("die_with_parent.py")


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run, and in which surroundings."""

    name: str
    """Names the part to people, and its log file."""
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    """The whole environment of the child."""
    working_dir: Path
    user: str | None = None
    """The system's user it runs as; None is ours."""
    patience: timedelta = timedelta(seconds=3)
    """How long it may take to end when asked, before it is killed."""
    stop_signal: signal.Signals = signal.SIGTERM
    """Asks it to end."""
    orphan_signal: signal.Signals = signal.SIGKILL
    """What the system sends it when this process dies."""


class ChildProcess:
    """A started command, in a session of its own so that a Ctrl-C at the terminal does not reach it.

    On Linux the system ends it when the thread that started it dies, however that happens.
    """

    def __init__(self, command: Command, log_dir: Path, *, keeps_log: bool = False) -> None:
        """Start `command` with a new log, the one before kept as `NAME.log.1`, or append to it."""
        self.command = command
        self.log_path = log_dir / f"{command.name}.log"
        log_dir.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists() and not keeps_log:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        tie = (str(os.getpid()), str(command.orphan_signal.value), command.user or "")
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the command line is ours
                [sys.executable, "-I", "-S", str(_TETHER), *tie, *command.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(command.environment),
                cwd=command.working_dir,
                start_new_session=True,
            )

    @property
    def name(self) -> str:
        """The part's name."""
        return self.command.name

    @property
    def pid(self) -> int:
        """The process id, also its process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to end, wait, then kill it and whatever it started. Returns when it is gone."""
        if self._process.poll() is None:
            self._process.send_signal(self.command.stop_signal)
            try:
                self._process.wait(self.command.patience.total_seconds())
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._kill_group()
        self._process.wait()

    def _kill_group(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS says EPERM of a group of zombies
            return


def how_it_ended(exit_code: int) -> str:
    """Say how a process ended, as the rest of a sentence about it."""
    if exit_code >= 0:
        return f"ended by itself with exit code {exit_code}"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was killed by signal {-exit_code}"
