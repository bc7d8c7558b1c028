"""Which TCP ports are free to listen on."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass

from embedded.errors import PortClash, PortTaken

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class WantedPort:
    """A port a part is going to listen on, and the setting that chose it."""

    port: int
    setting: str
    part: str
    host: str = LOOPBACK


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a server could listen on the port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do; else the lingering connections of a stopped server look like a taken port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports(count: int) -> tuple[int, ...]:
    """Return different free loopback ports, chosen by the system."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return tuple(each.getsockname()[1] for each in sockets)
    finally:
        for each in sockets:
            each.close()


def refuse_taken_ports(wanted: Sequence[WantedPort]) -> None:
    """Return when every port is free and wanted once. Raises PortClash, PortTaken."""
    seen: dict[int, WantedPort] = {}
    for each in wanted:
        if each.port in seen:
            raise PortClash(each.port, seen[each.port].setting, each.setting)
        seen[each.port] = each
    for each in wanted:
        if not is_free(each.port, each.host):
            raise PortTaken(each.port, each.setting, each.part)
