"""The lines of a storm do what their weather says, and nothing else."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from embedded.listening import free_ports
from tests.storms.link import CALM, Link, Loop, Weather
from tests.storms.post import Post, PostOffice

pytestmark = pytest.mark.process


@pytest.fixture
def loop() -> Iterator[Loop]:
    opened = Loop()
    yield opened
    opened.close()


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says what it hears, to one caller after the other."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        thread = threading.Thread(target=_say_again, args=(server,))
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _say_again(server: socket.socket) -> None:
    while True:
        try:
            heard, _ = server.accept()
        except OSError:
            return
        with heard:
            try:
                while said := heard.recv(100_000):
                    heard.sendall(said)
            except OSError:
                continue


@pytest.fixture
def link(loop: Loop, echo: int) -> Iterator[Link]:
    [port] = free_ports(1)
    with closing(Link(loop, port, echo)) as opened:
        yield opened


def call(link: Link) -> socket.socket:
    return socket.create_connection(("127.0.0.1", link.port), timeout=5)


def exchange(line: socket.socket, said: bytes) -> bytes:
    line.sendall(said)
    heard = b""
    while len(heard) < len(said):
        heard += line.recv(100_000)
    return heard


def test_calm_line_carries_every_byte(link: Link) -> None:
    said = bytes(range(256)) * 1000
    with call(link) as line:
        assert exchange(line, said) == said
        assert link.connections == 1


@pytest.mark.parametrize(
    "weather", [pytest.param(Weather(delay=0.2), id="slow"), pytest.param(Weather(loss=0.5), id="lossy")]
)
def test_bad_line_carries_every_byte_later(link: Link, weather: Weather) -> None:
    with call(link) as line:
        link.set(weather)

        assert exchange(line, b"hello") == b"hello"


def test_cut_line_resets_its_connections_and_new_ones(link: Link) -> None:
    with call(link) as line:
        assert exchange(line, b"hello") == b"hello"

        link.set(Weather(is_cut=True))

        with pytest.raises(ConnectionResetError):
            line.recv(1)
        # Some are reset before they are heard to be open.
        with pytest.raises(ConnectionResetError), call(link) as another:
            another.recv(1)
    link.set(CALM)
    with call(link) as line:
        assert exchange(line, b"again") == b"again"


def test_hole_swallows_until_the_weather_is_calm(link: Link) -> None:
    with call(link) as line:
        assert exchange(line, b"hello") == b"hello"
        link.set(Weather(is_hole=True))
        line.sendall(b"is anybody there")
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(100)

        link.set(CALM)
        line.settimeout(5)

        assert line.recv(100) == b"is anybody there"


@pytest.mark.parametrize(
    ("habit", "times"),
    [
        pytest.param(Post.PLAIN, 1, id="plain"),
        pytest.param(Post.LOST, 0, id="lost"),
        pytest.param(Post.DOUBLED, 2, id="doubled"),
        pytest.param(Post.SHUFFLED, 1, id="shuffled"),
    ],
)
def test_webhook_is_thanked_for_and_brought_as_often_as_the_habit_says(
    loop: Loop, habit: Post, times: int
) -> None:
    office_port, api_port = free_ports(2)
    with closing(PostOffice(loop, api_port, "http://127.0.0.1:9")) as api:
        api.habit = Post.LOST  # thanks for everything, and counts it
        with closing(PostOffice(loop, office_port, f"http://127.0.0.1:{api_port}")) as office:
            office.habit = habit

            answer = httpx.post(office.url, content=b"{}", trust_env=False)

            assert answer.status_code == 200
            end = time.monotonic() + 5
            while office.kept and time.monotonic() < end:
                time.sleep(0.02)
            assert (api.lost, office.lost) == (times, int(habit is Post.LOST))
