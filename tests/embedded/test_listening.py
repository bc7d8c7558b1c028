"""A port that is taken is named before anything is started."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from embedded.errors import PortClash, PortTaken
from embedded.listening import WantedPort, free_ports, is_free, refuse_taken_ports

pytestmark = pytest.mark.process


@contextmanager
def somebody_listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def a_wanted_port(port: int, setting: str = "APOLLO_API_PORT") -> WantedPort:
    return WantedPort(port=port, setting=setting, part="API")


def test_taken_port_is_refused_naming_the_port_and_its_setting() -> None:
    (free,) = free_ports(1)
    with somebody_listening() as taken:
        wanted = [a_wanted_port(free, "APOLLO_SIM_PORT"), a_wanted_port(taken)]
        with pytest.raises(PortTaken) as refusal:
            refuse_taken_ports(wanted)

    assert str(refusal.value) == (
        f"Port {taken} for the API is taken; free it or set APOLLO_API_PORT to another port. "
        "Nothing was started."
    )


def test_port_wanted_twice_is_refused_naming_both_settings() -> None:
    (free,) = free_ports(1)
    with pytest.raises(PortClash) as refusal:
        refuse_taken_ports([a_wanted_port(free, "APOLLO_API_PORT"), a_wanted_port(free, "APOLLO_SIM_PORT")])

    assert str(refusal.value) == (
        f"APOLLO_API_PORT and APOLLO_SIM_PORT are both {free}; give them different ports."
    )


def test_free_ports_are_accepted_and_stay_free() -> None:
    ports = free_ports(3)

    refuse_taken_ports([a_wanted_port(port, f"SETTING_{port}") for port in ports])

    assert len(set(ports)) == 3
    assert all(is_free(port) for port in ports)


def test_port_of_a_server_that_just_closed_its_connections_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # closed by the server's side first: its half lingers
            client.recv(1)

    assert is_free(port)
