"""A stack that cannot start starts nothing, and leaves its folder to others."""

import os
import socket
from pathlib import Path

import pytest

from embedded.data_folder import held
from embedded.errors import DataFolderBusy, PortTaken
from embedded.listening import free_ports
from embedded.plan import StackPlan, with_ports
from embedded.stack import running
from embedded.stop_request import StopRequest
from settings import Settings

pytestmark = pytest.mark.process


def a_plan(data_dir: Path) -> StackPlan:
    settings = with_ports(Settings.model_construct(data_dir=data_dir), free_ports(4))
    return StackPlan(settings=settings, environment=dict(os.environ), working_dir=data_dir)


def test_taken_port_starts_nothing_and_frees_the_folder(tmp_path: Path) -> None:
    said: list[str] = []
    plan = a_plan(tmp_path)
    with (
        socket.create_server(("127.0.0.1", plan.settings.sim.port)),
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
