"""How many bytes of bodies one process keeps in memory at once, whoever sends them and however slowly."""

from contextlib import ExitStack

from api.http.refusals import BodiesExhausted

MEGABYTE = 1024 * 1024
KEPT_AT_ONCE = 64 * MEGABYTE
SMALL = 64 * 1024
"""So much of every body is free: ordinary requests and events go on while large ones fill the rest."""


class BodyBytes:
    """Counts the bytes of bodies that are being received or worked on."""

    def __init__(self, limit: int = KEPT_AT_ONCE) -> None:
        self._limit = limit
        self._taken = 0

    def grow(self, before: int, after: int, held: ExitStack) -> None:
        """Count a body that grew, until `held` is closed. Raises BodiesExhausted."""
        size = max(after, SMALL) - max(before, SMALL)
        if size == 0:
            return
        if self._taken + size > self._limit:
            raise BodiesExhausted
        self._taken += size
        held.callback(self._give_back, size)

    def _give_back(self, size: int) -> None:
        self._taken -= size
