"""How often one token may ask: a window of a minute per token, in this process only."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.http.refusals import RateLimited
from domain.identity import TokenId

WINDOW = timedelta(minutes=1)
_PRUNED_ABOVE = 10_000


@dataclass
class _Usage:
    ends_at: datetime
    requests: int = 0


class RateLimit:
    """Counts requests per token; a limit of 0 counts nothing."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._usage: dict[TokenId, _Usage] = {}

    def admit(self, token_id: TokenId, now: datetime) -> None:
        """Count a request. Raises RateLimited when the token's minute is used up."""
        if self._per_minute == 0:
            return
        usage = self._usage.get(token_id)
        if usage is None or usage.ends_at <= now:
            self._prune(now)
            usage = self._usage[token_id] = _Usage(ends_at=now + WINDOW)
        if usage.requests >= self._per_minute:
            raise RateLimited(max(1, math.ceil((usage.ends_at - now).total_seconds())))
        usage.requests += 1

    def _prune(self, now: datetime) -> None:
        if len(self._usage) > _PRUNED_ABOVE:
            self._usage = {token: usage for token, usage in self._usage.items() if usage.ends_at > now}
