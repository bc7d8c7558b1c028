"""Connections to receivers: a name is resolved once, and the very address that was checked is connected to.

So what a name resolves to a moment later does not matter. TLS and the `Host` header keep the name.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any

import httpcore

from receivers.addresses import Network, is_allowed, literal_of

RESOLVED_AT_ONCE = 16
"""A name server that hangs holds a thread until it gives up, and one for each name."""
TRIED_ADDRESSES = 2
"""Of a name with several."""

Resolve = Callable[[str, int], Sequence[str]]
"""Return the addresses of a host, blocking. Raises OSError."""


class AddressRefused(Exception):
    """Nobody is posted to there."""


class NameUnknown(Exception):
    """The host has no address."""


def system_addresses(host: str, port: int) -> Sequence[str]:
    """Return what this machine resolves a host to."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Resolver:
    """Resolves names in threads of its own; who asks for a name at the same time shares the answer."""

    def __init__(self, resolve: Resolve = system_addresses) -> None:
        self._resolve = resolve
        self._threads = ThreadPoolExecutor(RESOLVED_AT_ONCE, thread_name_prefix="resolver")
        self._under_way: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Raises NameUnknown."""
        asked = host, port
        answer = self._under_way.get(asked)
        if answer is None:
            answer = asyncio.get_running_loop().run_in_executor(self._threads, self._resolve, host, port)
            self._under_way[asked] = answer
            answer.add_done_callback(lambda done: self._forget(asked, done))
        try:
            return await asyncio.shield(answer)  # others wait for it, too
        except (OSError, UnicodeError):
            raise NameUnknown from None

    def close(self) -> None:
        """Wait for no name server."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, asked: tuple[str, int], done: asyncio.Future[Sequence[str]]) -> None:
        self._under_way.pop(asked, None)
        if not done.cancelled():
            done.exception()  # has been seen, also when nobody waits any more


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections to allowed addresses alone."""

    def __init__(self, resolver: Resolver, networks: Sequence[Network]) -> None:
        self._resolver = resolver
        self._networks = networks
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to an address of `host`. Raises AddressRefused, NameUnknown, httpcore's errors."""
        failure: Exception = NameUnknown()
        for address in await self._allowed(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _allowed(self, host: str, port: int) -> Sequence[str]:
        literal = literal_of(host)
        found = [str(literal)] if literal else await self._resolver.addresses(host, port)
        if not found:
            raise NameUnknown
        allowed = [each for each in found if is_allowed(ip_address(each), host, self._networks)]
        if not allowed:
            raise AddressRefused
        return list(dict.fromkeys(allowed))[:TRIED_ADDRESSES]
