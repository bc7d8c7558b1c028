"""`apollo up` as a user runs it: a process of its own, whose lines are read and whose parts are killed."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from embedded.plan import StackPlan
from embedded.stack import RunningStack
from embedded.stop_request import StopRequest
from tests.e2e.world import World, a_plan

STARTS_WITHIN_SECONDS = 150
ENDS_WITHIN_SECONDS = 30
COMMAND_LINES: Mapping[str, tuple[str, ...]] = {
    "temporal": ("server", "start-dev"),
    "simulator": ("-m", "telephony.simulator"),
    "worker": ("-m", "worker"),
    "api": ("-m", "uvicorn"),
    "console": ("-m", "web"),
}
"""By part, words that stand in its command line and in no other's."""


class ApolloUp:
    """A running `apollo up`."""

    def __init__(self, plan: StackPlan) -> None:
        """Start it; its standard output and error are read in a thread."""
        self.plan = plan
        self.lines: list[str] = []
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [str(Path(sys.executable).with_name("apollo")), "up"],
            cwd=plan.working_dir,
            env=_environment(plan),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reading = threading.Thread(target=self._read, name="apollo up")
        self._reading.start()

    def kill(self, part: str) -> None:
        """Kill a part alone, with -9."""
        os.kill(self.pid_of(part), signal.SIGKILL)

    def pid_of(self, part: str) -> int:
        """Return the process id of a part that runs."""
        if part == "postgres":
            pid_file = self.plan.settings.data_dir / "postgres" / "pgdata" / "postmaster.pid"
            return int(pid_file.read_text().splitlines()[0])
        words = COMMAND_LINES[part]
        [pid] = [
            int(each.pid)
            for each in psutil.Process(self.process.pid).children()
            if _follow_each_other(words, each.cmdline())
        ]
        return pid

    def has_said(self, text: str, *, after: int = 0) -> bool:
        """Tell whether one of the lines from a certain one on holds the text."""
        return any(text in line for line in self.lines[after:])

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> None:
        """Return once the condition holds; fails with what was printed."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "\n".join(self.lines)
            time.sleep(0.05)

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(ENDS_WITHIN_SECONDS)
        self._reading.join()
        return code

    def end(self) -> None:
        """End it if it still runs, however that may be."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(ENDS_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self._reading.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))


def _follow_each_other(words: tuple[str, ...], line: list[str]) -> bool:
    return any(tuple(line[at : at + len(words)]) == words for at in range(len(line)))


def _environment(plan: StackPlan) -> dict[str, str]:
    settings = plan.settings
    named = ("data_dir", "api_port", "temporal_port", "temporal_ui_port", "web_port")
    return {
        **plan.environment,
        **{f"APOLLO_{name.upper()}": str(getattr(settings, name)) for name in named},
        **{f"APOLLO_SIM_{name.upper()}": str(value) for name, value in settings.sim},
        "COLUMNS": "400",
    }


@contextmanager
def apollo_up() -> Iterator[tuple[ApolloUp, World]]:
    """Run `apollo up` in a folder of its own, and yield it with the world it keeps."""
    folder = Path(tempfile.mkdtemp(prefix="apollo-up-")).resolve()
    up = ApolloUp(a_plan(folder))
    try:
        up.wait_for(lambda: up.has_said("Ctrl-C stops everything"), STARTS_WITHIN_SECONDS)
        with _seen_from_outside(up.plan) as world:
            yield up, world
    finally:
        up.end()
        shutil.rmtree(folder)


@contextmanager
def _seen_from_outside(plan: StackPlan) -> Iterator[World]:
    """Yield a world around a stack that another process runs."""
    stack = RunningStack(plan, StopRequest(), lambda _: None)
    stack.token = (plan.settings.data_dir / "token").read_text(encoding="utf-8").strip()
    stack.temporal_address = f"127.0.0.1:{plan.settings.temporal_port}"
    world = World(stack)
    with world.api:
        yield world
    stack.end()
