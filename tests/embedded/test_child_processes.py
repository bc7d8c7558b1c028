"""Children end when asked, are seen when they die, and never outlive their parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from embedded.processes import ChildProcess, Command, how_it_ended

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(60)"
)
WITH_A_CHILD = (
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(child.pid, flush=True); time.sleep(60)"
)

STARTS_A_CHILD = """
import sys, time
from pathlib import Path
from datetime import timedelta
from embedded.processes import ChildProcess, Command
import os
child = ChildProcess(
    Command(name="part", argv=(sys.executable, "-c", sys.argv[2]), environment=dict(os.environ),
            working_dir=Path("."), patience=timedelta(seconds=1)),
    Path(sys.argv[1]),
)
print(child.pid, flush=True)
time.sleep(60)
"""


def a_command(tmp_path: Path, script: str, patience: float = 2) -> Command:
    return Command(
        name="part",
        argv=(sys.executable, "-c", script),
        environment=dict(os.environ) | {"GREETING": "hello"},
        working_dir=tmp_path,
        patience=timedelta(seconds=patience),
    )


@contextmanager
def a_child(tmp_path: Path, script: str, patience: float = 2) -> Iterator[ChildProcess]:
    child = ChildProcess(a_command(tmp_path, script, patience), tmp_path / "logs")
    try:
        yield child
    finally:
        child.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def has_ended(child: ChildProcess) -> bool:
    return child.exit_code is not None


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie waits for its parent's notice and runs no more.
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_child_writes_to_its_log_and_keeps_the_one_before(tmp_path: Path) -> None:
    for word in ("first", "second"):
        with a_child(tmp_path, f"print('{word}')") as child:
            wait_for(partial(has_ended, child))

    assert child.log_path.read_text() == "second\n"
    assert (tmp_path / "logs" / "part.log.1").read_text() == "first\n"


def test_child_that_follows_a_dead_one_goes_on_in_its_log(tmp_path: Path) -> None:
    for word in ("first", "second"):
        command = a_command(tmp_path, f"print('{word}')")
        child = ChildProcess(command, tmp_path / "logs", keeps_log=word == "second")
        wait_for(partial(has_ended, child))
        child.stop()

    assert child.log_path.read_text() == "first\nsecond\n"


def test_child_gets_its_environment_and_working_directory(tmp_path: Path) -> None:
    script = "import os; print(os.environ['GREETING'], os.getcwd())"
    with a_child(tmp_path, script) as child:
        wait_for(lambda: child.exit_code is not None)

    assert child.log_path.read_text() == f"hello {tmp_path}\n"


def test_child_that_dies_is_noticed_with_its_exit_code(tmp_path: Path) -> None:
    with a_child(tmp_path, "raise SystemExit(7)") as child:
        wait_for(lambda: child.exit_code is not None)

        assert child.exit_code == 7


def test_program_that_does_not_exist_ends_its_child(tmp_path: Path) -> None:
    command = Command(
        name="part", argv=("/nowhere/program",), environment=dict(os.environ), working_dir=tmp_path
    )
    child = ChildProcess(command, tmp_path)

    wait_for(lambda: child.exit_code is not None)

    assert child.exit_code != 0
    assert "FileNotFoundError" in child.log_path.read_text()
    child.stop()


def test_running_child_has_no_exit_code_and_ends_when_asked(tmp_path: Path) -> None:
    with a_child(tmp_path, SLEEPER) as child:
        wait_for(lambda: "up" in child.log_path.read_text())
        assert child.exit_code is None

        child.stop()

        assert child.exit_code == -signal.SIGTERM


@pytest.mark.parametrize("wanted", [signal.SIGINT, signal.SIGQUIT])
def test_child_is_asked_to_end_by_the_signal_that_it_wants_also_where_we_ignore_it(
    tmp_path: Path, wanted: signal.Signals
) -> None:
    command = replace(a_command(tmp_path, SLEEPER), stop_signal=wanted, patience=timedelta(seconds=30))
    before = signal.signal(wanted, signal.SIG_IGN)  # as a shell has it that starts us in the background
    try:
        child = ChildProcess(command, tmp_path)
    finally:
        signal.signal(wanted, before)
    wait_for(lambda: "up" in child.log_path.read_text())

    child.stop()

    assert child.exit_code == -wanted


@pytest.mark.parametrize(
    ("exit_code", "text"),
    [
        pytest.param(0, "ended by itself with exit code 0", id="content"),
        pytest.param(3, "ended by itself with exit code 3", id="by itself"),
        pytest.param(-9, "was killed by SIGKILL", id="killed"),
        pytest.param(-40, "was killed by signal 40", id="nameless signal"),
    ],
)
def test_end_is_told_in_words(exit_code: int, text: str) -> None:
    assert how_it_ended(exit_code) == text


def test_child_that_ignores_sigterm_is_killed_after_its_patience(tmp_path: Path) -> None:
    with a_child(tmp_path, STUBBORN, patience=0.2) as child:
        wait_for(lambda: "up" in child.log_path.read_text())

        child.stop()

        assert child.exit_code == -signal.SIGKILL


def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    with a_child(tmp_path, WITH_A_CHILD) as child:
        wait_for(lambda: child.log_path.read_text().endswith("\n"))
        grandchild = int(child.log_path.read_text())

        child.stop()

        wait_for(lambda: not is_alive(grandchild))


def test_stopping_twice_does_no_harm(tmp_path: Path) -> None:
    with a_child(tmp_path, SLEEPER) as child:
        child.stop()
        child.stop()

    assert child.exit_code is not None


def test_terminal_interrupt_does_not_reach_a_child(tmp_path: Path) -> None:
    with a_child(tmp_path, SLEEPER) as child:
        assert os.getpgid(child.pid) != os.getpgid(0)
        assert os.getsid(child.pid) != os.getsid(0)


def test_parent_killed_outright_leaves_no_child_not_even_a_stubborn_one(tmp_path: Path) -> None:
    parent = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", STARTS_A_CHILD, str(tmp_path), STUBBORN],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert parent.stdout is not None
        child_pid = int(parent.stdout.readline())
        wait_for(lambda: "up" in (tmp_path / "part.log").read_text())

        parent.kill()

        wait_for(lambda: not is_alive(child_pid))
    finally:
        parent.kill()
        parent.communicate()


def test_tether_refuses_to_run_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    die_with_parent = ROOT / "embedded" / "die_with_parent.py"
    somebody_else = os.getppid()

    done = subprocess.run(  # noqa: S603 - our own script
        [
            sys.executable,
            str(die_with_parent),
            str(somebody_else),
            "9",
            "",
            sys.executable,
            "-c",
            "print('ran')",
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
