"""Both ends of a telephone line on loopback: phones, a user agent, and the facade before it."""

import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from embedded.listening import LOOPBACK, free_ports
from embedded.module_command import module_command, python_path
from embedded.processes import ChildProcess, Command
from settings import inherited_environment
from tests.sip.far_end import FarEnd
from tests.sip.user_agent import write_user_agent

PACKAGES = {"sipp": "sip-tester", "baresip": "baresip-core"}
"""Programs a loop takes, and Debian's packages that hold them."""

NUMBER = "+14155550180"
SECRET = "phone-loop-secret"


def what_is_missing() -> str:
    """Return one sentence that says which programs are not installed and how to get them; empty if none."""
    missing = [program for program in PACKAGES if shutil.which(program) is None]
    packages = " ".join(PACKAGES[program] for program in missing)
    return f"no {' and no '.join(missing)} on this machine: apt-get install {packages}" if missing else ""


@dataclass(frozen=True)
class PhoneLoop:
    """A running loop."""

    base_url: str
    """Where the facade answers."""
    far_end: FarEnd


@contextmanager
def a_phone_loop() -> Iterator[PhoneLoop]:
    """Run a loop for the length of a `with` block; its three processes end with it."""
    folder = Path(tempfile.mkdtemp(prefix="apollo-sip-")).resolve()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        phones, media, sip = _free_udp_ports(3)
        control, http = free_ports(2)
        far_end = FarEnd(folder, port=phones, media_port=media)
        agent = write_user_agent(folder / "baresip", sip_port=sip, control_port=control, number=NUMBER)
        facade = _facade(http, control_port=control, phones=far_end.address)
        for name, argv, port in (
            ("phones", far_end.argv, phones),
            ("agent", agent, control),
            ("facade", facade, http),
        ):
            child = ChildProcess(_command(name, argv, folder), folder / "logs")
            stack.callback(child.stop)
            wait_for(lambda child=child, port=port: _listens(child, port))  # type: ignore[misc]
        yield PhoneLoop(f"http://{LOOPBACK}:{http}", far_end)


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return once the condition holds. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)


def _facade(port: int, *, control_port: int, phones: str) -> tuple[str, ...]:
    told = {
        "--port": str(port),
        "--control-port": str(control_port),
        "--phones": phones,
        "--number": NUMBER,
        "--secret": SECRET,
    }
    return module_command("tests.sip.facade", *(word for option in told.items() for word in option))


def _command(name: str, argv: tuple[str, ...], folder: Path) -> Command:
    inherited = inherited_environment()
    environment = {**inherited, "PYTHONPATH": python_path(inherited)}
    return Command(name=name, argv=argv, environment=environment, working_dir=folder)


def _listens(child: ChildProcess, port: int) -> bool:
    """Ask the system, for a probe that binds the port could be in the child's way."""
    if child.exit_code is not None:
        raise RuntimeError(f"{child.name} ended: {child.log_path.read_text()[-2000:]}")
    return any(
        each.laddr.port == port and each.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
        for each in psutil.Process(child.pid).net_connections("inet4")
    )


def _free_udp_ports(count: int) -> list[int]:
    """Return different ports from those that the system gives out; nothing else here takes UDP ports."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
