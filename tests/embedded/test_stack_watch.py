"""A part that dies is named with its log and the command that starts it again; the others keep running."""

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedded.data_folder import held
from embedded.errors import DataFolderBusy, PartDied, PortTaken
from embedded.listening import free_ports
from embedded.parts import Parts
from embedded.plan import StackPlan
from embedded.processes import ChildProcess, Command
from embedded.stack import RunningStack, running
from embedded.stop_request import StopRequest, StopRequested
from settings import Settings


def a_plan(data_dir: Path, **changes: object) -> StackPlan:
    settings = Settings.model_construct().model_copy(update={"data_dir": data_dir, **changes})
    return StackPlan(settings=settings, environment=dict(os.environ), working_dir=data_dir)


@contextmanager
def a_stack_of(tmp_path: Path, said: list[str], **scripts: str) -> Iterator[tuple[RunningStack, StopRequest]]:
    """Yield a stack whose parts are short scripts."""
    plan, stop = a_plan(tmp_path), StopRequest()
    stack = RunningStack(plan, stop, said.append)
    stack.parts = Parts(plan, database_url="postgresql://db", temporal_address="127.0.0.1:7233")
    for name, script in scripts.items():
        argv = (sys.executable, "-c", script)
        command = Command(name=name, argv=argv, environment=dict(os.environ), working_dir=tmp_path)
        stack.children.append(ChildProcess(command, plan.log_dir))
    try:
        yield stack, stop
    finally:
        for child in stack.children:
            child.stop()
        stack.end()


def wish_to_stop_after(seconds: float, stop: StopRequest) -> threading.Timer:
    timer = threading.Timer(seconds, lambda: setattr(stop, "is_raised", True))
    timer.start()
    return timer


def wait_until_ended(child: ChildProcess) -> None:
    end = time.monotonic() + 5
    while child.exit_code is None:
        assert time.monotonic() < end
        time.sleep(0.01)


SLEEPS = "import time; time.sleep(60)"
DIES = "raise SystemExit(3)"


def test_watch_of_healthy_parts_says_nothing_and_tells_that_all_lived(tmp_path: Path) -> None:
    said: list[str] = []
    with a_stack_of(tmp_path, said, worker=SLEEPS) as (stack, stop):
        timer = wish_to_stop_after(0.1, stop)
        all_lived = stack.watch()
        timer.join()

    assert (all_lived, said) == (True, [])


def test_fallen_part_is_told_once_and_the_others_keep_running(tmp_path: Path) -> None:
    said: list[str] = []
    with a_stack_of(tmp_path, said, worker=DIES, api=SLEEPS) as (stack, stop):
        wait_until_ended(stack.children[0])
        timer = wish_to_stop_after(1, stop)
        all_lived = stack.watch()
        timer.join()
        others_run = stack.children[1].exit_code is None

    assert (all_lived, others_run) == (False, True)
    assert said[:2] == [
        f"worker is down: it ended with exit code 3; see {tmp_path / 'logs' / 'worker.log'}",
        "The other parts keep running. Start it by hand in another terminal:",
    ]
    assert "APOLLO_DATABASE_URL=postgresql://db" in said[2]
    assert said[2].endswith(f"-c '{DIES}'")
    assert len(said) == 3


def test_pause_beside_a_fallen_part_ends_at_once(tmp_path: Path) -> None:
    with a_stack_of(tmp_path, [], worker=DIES) as (stack, _):
        wait_until_ended(stack.children[0])
        with pytest.raises(PartDied, match="The worker ended by itself with exit code 3"):
            stack.pause(0.01)


def test_pause_ends_when_a_stop_is_wished(tmp_path: Path) -> None:
    with a_stack_of(tmp_path, [], worker=SLEEPS) as (stack, stop):
        stop.is_raised = True
        with pytest.raises(StopRequested):
            stack.pause(30)


def test_taken_port_starts_nothing_and_frees_the_folder(tmp_path: Path) -> None:
    said: list[str] = []
    ports = dict(
        zip(("api_port", "temporal_port", "temporal_ui_port", "sim_port"), free_ports(4), strict=True)
    )
    plan = a_plan(tmp_path, **ports)
    with (
        socket.create_server(("127.0.0.1", ports["sim_port"])),
        StopRequest() as stop,
        pytest.raises(PortTaken, match=r"APOLLO_SIM_PORT"),
        running(plan, stop, said.append),
    ):
        pass

    assert (said, sorted(path.name for path in tmp_path.iterdir())) == ([], ["lock"])
    with held(tmp_path):
        pass


def test_second_stack_on_a_folder_starts_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    with (
        held(tmp_path),
        StopRequest() as stop,
        pytest.raises(DataFolderBusy),
        running(a_plan(tmp_path), stop, said.append),
    ):
        pass

    assert said == []
