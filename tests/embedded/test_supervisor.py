"""A part that dies is told of and started again, until it keeps dying; nobody waits for it."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from embedded.errors import PartDied, PartKeepsDying
from embedded.processes import ChildProcess, Command
from embedded.stop_request import StopRequest, StopRequested
from embedded.supervisor import Part, Supervisor

pytestmark = pytest.mark.process

SLEEPS = "import time; print('up', flush=True); time.sleep(60)"
DIES = "raise SystemExit(3)"
SEEN_WITHIN_SECONDS = 1.0


class LaterProcesses:
    """A probe that is content with the first process it sees, and answers for each later one."""

    def __init__(self, answer: Callable[[], str | None]) -> None:
        self._answer = answer
        self._first: ChildProcess | None = None

    def __call__(self, child: ChildProcess) -> str | None:
        self._first = self._first or child
        return None if child is self._first else self._answer()


class Watch:
    """A supervisor of short scripts, what it said, and a clock that is moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.stop = StopRequest()
        self.supervisor = Supervisor(folder / "logs", self.stop, self.said.append)
        self.now = time.monotonic()

    def start(self, name: str, script: str = SLEEPS, **changes: object) -> None:
        """Start a part that is ready as soon as it runs; `changes` are those of the part."""
        argv = (sys.executable, "-c", script)
        command = Command(name=name, argv=argv, environment=dict(os.environ), working_dir=self.folder)
        self.supervisor.start(replace(Part(command=command, probe=lambda _: None), **changes))  # type: ignore[arg-type]  # names of fields
        if script == SLEEPS:
            self.supervisor.wait_until_ready(name)
            wait_for(lambda: self.log(name).read_text() == "up\n")
        self.said.clear()

    def child(self, name: str) -> ChildProcess:
        """Return the present process of a part."""
        [child] = [each for each in self.supervisor.children if each.name == name]
        return child

    def log(self, name: str) -> Path:
        """Return where a part writes its log."""
        return self.folder / "logs" / f"{name}.log"

    def kill(self, name: str) -> None:
        """Kill a part and look once it is gone."""
        os.kill(self.child(name).pid, 9)
        self.look_at_the_death_of(name)

    def look_at_the_death_of(self, name: str) -> None:
        """Look once a part is gone."""
        wait_for(lambda: self.child(name).exit_code is not None)
        self.supervisor.look(self.now)

    def look_later(self, seconds: float) -> None:
        """Look as if so much time had passed."""
        self.now += seconds
        self.supervisor.look(self.now)

    def look_until_said(self, count: int) -> None:
        """Look, without the clock moving, until so many lines were said."""

        def has_said() -> bool:
            self.supervisor.look(self.now)
            return len(self.said) >= count

        wait_for(has_said)


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def ended(watch: Watch) -> Iterator[Watch]:
    try:
        yield watch
    finally:
        watch.supervisor.end()


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    with ended(Watch(tmp_path)) as opened:
        yield opened


def test_living_parts_are_not_spoken_of(watch: Watch) -> None:
    watch.start("worker")

    watch.supervisor.pause(0.5)

    assert watch.said == []


def test_death_is_seen_within_a_second_and_told_with_its_kind_the_restart_and_the_log(watch: Watch) -> None:
    watch.start("worker")
    watch.start("api")
    os.kill(watch.child("worker").pid, 9)

    watch.supervisor.pause(SEEN_WITHIN_SECONDS - 0.6)

    assert watch.said == [
        f"worker was killed by SIGKILL; it is started again in 0.5 s; see {watch.log('worker')}"
    ]
    assert watch.child("api").exit_code is None


def test_dead_part_is_started_again_and_told_to_be_back_once_it_is_ready(watch: Watch) -> None:
    ready = threading.Event()
    watch.start("worker", probe=LaterProcesses(lambda: None if ready.is_set() else "not yet"))
    first = watch.child("worker")
    watch.kill("worker")

    watch.look_later(0.4)
    assert watch.child("worker") is first
    watch.look_later(0.2)
    second = watch.child("worker")
    assert second is not first
    watch.look_later(1)
    ready.set()
    watch.look_until_said(2)

    assert watch.said[1:] == ["worker is back after 1.6 s"]
    assert second.exit_code is None
    wait_for(lambda: watch.log("worker").read_text() == "up\nup\n")


def test_part_that_keeps_dying_is_left_alone_for_longer_each_time_and_then_ends_the_stack(
    watch: Watch,
) -> None:
    watch.start("worker", DIES)
    for _ in range(7):
        watch.look_at_the_death_of("worker")
        watch.look_later(8)

    with pytest.raises(PartKeepsDying) as given_up:
        watch.look_at_the_death_of("worker")

    how, log = "worker ended by itself with exit code 3; it is", watch.log("worker")
    waits = [f"{how} started again in {delay} s; see {log}" for delay in ("0.5", 1, 2, 4, 8, 8, 8)]
    assert watch.said == [*waits, f"{how} not started again; see {log}"]
    assert str(given_up.value) == (
        f"The worker died 8 times and is not started again; everything was stopped. {log} says why"
    )


def test_part_that_ran_for_a_minute_is_started_again_as_soon_as_at_first(watch: Watch) -> None:
    watch.start("worker")
    watch.now = time.monotonic()
    for said in (2, 4):
        watch.kill("worker")
        watch.look_later(2)
        watch.look_until_said(said)
    watch.said.clear()
    watch.look_later(61)

    watch.kill("worker")

    assert [line.split("; ")[1] for line in watch.said] == ["it is started again in 0.5 s"]


def test_part_is_not_started_before_what_it_needs_is_back(watch: Watch) -> None:
    watch.start("temporal")
    watch.start("worker", needs=("temporal", "somebody else's"))
    first = watch.child("worker")
    watch.kill("temporal")
    watch.kill("worker")
    assert "worker was killed by SIGKILL; it is started again once temporal is back" in watch.said[1]

    watch.look_later(0.6)
    assert watch.child("worker") is first
    watch.look_until_said(3)
    watch.look_later(0)

    assert watch.said[2].startswith("temporal is back")
    assert watch.child("worker") is not first


def test_probe_that_takes_its_time_holds_up_nobody_else(watch: Watch) -> None:
    answers = threading.Event()
    watch.start("api")
    watch.start("postgres", probe=LaterProcesses(lambda: str(answers.wait(30))))
    watch.kill("postgres")
    watch.look_later(1)
    watch.supervisor.pause(0.3)

    os.kill(watch.child("api").pid, 9)
    began = time.monotonic()
    watch.look_until_said(2)
    took = time.monotonic() - began
    answers.set()

    assert took < SEEN_WITHIN_SECONDS


def test_part_that_runs_and_is_not_ready_in_time_is_told_of_once(watch: Watch) -> None:
    watch.start("worker", probe=LaterProcesses(lambda: "it sulks"))
    watch.kill("worker")
    watch.look_later(1)
    watch.now += 61
    watch.look_until_said(2)
    for _ in range(5):
        watch.look_later(61)
        time.sleep(0.02)

    assert watch.said[1:] == [f"worker runs, but is not ready yet: it sulks; see {watch.log('worker')}"]


def test_probe_that_breaks_is_a_reason_like_others(watch: Watch) -> None:
    def breaks() -> str:
        raise LookupError

    watch.start("worker", probe=LaterProcesses(breaks), ready_seconds=0)
    watch.kill("worker")
    watch.look_later(1)
    watch.look_until_said(2)

    assert watch.said[1].startswith("worker runs, but is not ready yet: LookupError; see ")


def test_part_that_cannot_be_started_at_all_is_tried_again_like_one_that_died(
    watch: Watch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    argv = (sys.executable, "-c", SLEEPS)
    command = Command(name="worker", argv=argv, environment=dict(os.environ), working_dir=home)
    watch.supervisor.start(Part(command=command, probe=lambda _: None))
    watch.supervisor.wait_until_ready("worker")
    shutil.rmtree(home)
    watch.kill("worker")

    watch.look_later(1)
    home.mkdir()
    watch.look_later(2)
    watch.look_until_said(4)

    assert "could not be started (No such file or directory); it is started again in 1 s" in watch.said[2]
    assert watch.said[3].startswith("worker is back")


def test_what_a_dead_process_left_is_cleared_away_before_the_next(watch: Watch) -> None:
    cleared: list[bool] = []
    watch.start("postgres", clear=lambda: cleared.append(watch.child("postgres").exit_code is not None))
    watch.kill("postgres")

    watch.look_later(1)

    assert cleared == [True]


def test_death_before_the_stack_is_up_ends_its_start(watch: Watch) -> None:
    watch.start("worker", DIES, probe=lambda _: "not yet")

    with pytest.raises(PartDied, match="The worker ended by itself with exit code 3; see "):
        watch.supervisor.wait_until_ready("worker")


def test_wish_to_stop_is_heard_while_a_part_waits_for_its_restart(watch: Watch) -> None:
    watch.start("worker")
    watch.kill("worker")
    watch.stop.is_raised = True

    with pytest.raises(StopRequested):
        watch.supervisor.pause(30)


def test_nothing_is_left_when_it_ends(tmp_path: Path) -> None:
    with ended(Watch(tmp_path)) as watch:
        watch.start("temporal")
        watch.start("worker")
        watch.kill("worker")
        watch.look_later(1)

    assert all(child.exit_code is not None for child in watch.supervisor.children)
