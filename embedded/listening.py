"""Which TCP ports are free to listen on."""

import random
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from embedded.errors import PortClash, PortTaken

LOOPBACK = "127.0.0.1"
# Above the well-known services, and below 32768, from where on Linux takes the near ends of connections.
_SELDOM_USED = range(15_000, 32_000)


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
    """Return different free loopback ports that no outgoing connection will take before they are used."""
    drawn = iter(random.sample(_SELDOM_USED, len(_SELDOM_USED)))
    return tuple(islice((port for port in drawn if is_free(port)), count))


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
