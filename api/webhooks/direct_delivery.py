"""Whether a request still tries to tell a workflow itself, or leaves it to the relay."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

MAX_FAILURES = 5
PROBE_EVERY = timedelta(seconds=5)


@dataclass
class DirectDelivery:
    """Counts failures in a row; after a few, only one request per while tries."""

    failures: int = 0
    _probe_at: datetime | None = None

    def is_worth_trying(self, now: datetime) -> bool:
        """Tell whether to try; a yes while deliveries fail is the one probe of its while."""
        if self.failures < MAX_FAILURES:
            return True
        if self._probe_at is not None and now < self._probe_at:
            return False
        self._probe_at = now + PROBE_EVERY
        return True

    def succeeded(self) -> None:
        """Note that a workflow was told, by a request or by the relay."""
        self.failures, self._probe_at = 0, None

    def failed(self, now: datetime) -> int:
        """Note that a workflow was not told; returns how often that happened in a row."""
        self.failures += 1
        self._probe_at = now + PROBE_EVERY
        return self.failures


async def _direct_delivery(request: Request) -> DirectDelivery:
    direct: DirectDelivery = request.app.state.direct_delivery
    return direct


Direct = Annotated[DirectDelivery, Depends(_direct_delivery)]
