"""A line between two parts that can be slow, lose packets, be cut or swallow everything.

It stands in for `tc netem`, which many kernels lack: what is lost on a TCP connection comes later, so a lost
packet is one that waits for its repetition.
"""

import asyncio
import random
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.hostile.http_server import reset

_CHUNK = 64 * 1024
_FIRST_REPETITION_SECONDS = 0.2
"""As a kernel waits before it sends a packet again; twice as long each time."""
_BETWEEN_LOOKS_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Weather:
    """What a line does to what it carries; the calm one does nothing."""

    delay: float = 0.0
    """Seconds that everything takes at most; each piece takes half of it at least."""
    loss: float = 0.0
    """Share of the pieces that have to be sent again, 0 to below 1."""
    is_cut: bool = False
    """Connections are reset, and new ones too."""
    is_hole: bool = False
    """Nothing passes, and nobody is told."""


CALM = Weather()


class Loop:
    """An event loop in a thread of its own, for everything that stands between the parts."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="weather")
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something there and return what came of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def call(self, work: Callable[[], None]) -> None:
        """Have something done there soon."""
        self._loop.call_soon_threadsafe(work)

    def close(self) -> None:
        """End the loop, whose servers are closed."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Link:
    """One line: whoever connects to `port` is led to `target`, a port or the path of a unix socket."""

    def __init__(self, loop: Loop, port: int, target: int | str, seed: int = 0) -> None:
        """Open it; the weather is calm."""
        self.port, self.target, self.weather = port, target, CALM
        self._loop = loop
        self._random = random.Random(seed)
        self._ends: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server = loop.run(asyncio.start_server(self._connect, "127.0.0.1", port))

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._ends) // 2

    def set(self, weather: Weather) -> None:
        """Change the weather; what is cut is cut at once."""
        self.weather = weather
        if weather.is_cut:
            self._loop.call(self._cut)

    def close(self) -> None:
        """Cut everything and listen no more."""
        self.weather = Weather(is_cut=True)
        self._loop.run(self._close())

    async def _close(self) -> None:
        self._server.close()
        self._cut()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def _cut(self) -> None:
        for end in self._ends:
            reset(end)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._carry(reader, writer)
        finally:
            writer.transport.abort()
            self._carrying.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.weather.is_cut:
            reset(writer)
            return
        far_reader, far_writer = await self._far_end()
        ends = {writer, far_writer}
        self._ends |= ends
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._ends -= ends
            far_writer.transport.abort()

    async def _far_end(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, str):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection("127.0.0.1", self.target)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_CHUNK):
            await self._endure()
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def _endure(self) -> None:
        """Keep a piece back as long as the weather does."""
        if self.weather.delay:
            await asyncio.sleep(self.weather.delay * self._random.uniform(0.5, 1))
        wait = _FIRST_REPETITION_SECONDS
        while self.weather.loss and self._random.random() < self.weather.loss:
            await asyncio.sleep(wait)
            wait *= 2
        while self.weather.is_hole:  # noqa: ASYNC110 - set in another thread
            await asyncio.sleep(_BETWEEN_LOOKS_SECONDS)
