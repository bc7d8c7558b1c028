"""What people ask of a batch: run one after the other by the main loop, each once."""

from collections.abc import Awaitable, Callable


class Requests:
    """A queue of requests; submitting one wakes the main loop."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._submitted: list[Callable[[], Awaitable[None]]] = []

    @property
    def are_run(self) -> bool:
        """Tell whether none is left."""
        return not self._submitted

    def submit(self, request: Callable[[], Awaitable[None]]) -> None:
        """Have a request run soon."""
        self._submitted.append(request)
        self._wake()

    async def run(self) -> None:
        """Run what was submitted, in order."""
        while self._submitted:
            await self._submitted.pop(0)()
