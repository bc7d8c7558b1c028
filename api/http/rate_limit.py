"""How often one token may ask, and how much at once: counted in this process only."""

import math
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.http.refusals import RateLimited
from domain.identity import TokenId

WINDOW = timedelta(minutes=1)
_PRUNED_ABOVE = 10_000
_RETRY_AFTER_SECONDS = 1


@dataclass
class _Usage:
    ends_at: datetime
    requests: int = 0


class RateLimit:
    """Counts the requests of a token within a minute; a limit of 0 counts nothing."""

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


class RequestPlaces:
    """Counts the requests of a token under way, so that no token fills the process; 0 counts nothing."""

    def __init__(self, per_token: int) -> None:
        self._per_token = per_token
        self._taken: dict[TokenId, int] = {}

    def enter(self, token_id: TokenId, held: ExitStack) -> None:
        """Take a place until `held` is closed. Raises RateLimited when the token has them all."""
        if self._per_token == 0:
            return
        taken = self._taken.get(token_id, 0)
        if taken >= self._per_token:
            raise RateLimited(_RETRY_AFTER_SECONDS)
        self._taken[token_id] = taken + 1
        held.callback(self._leave, token_id)

    def _leave(self, token_id: TokenId) -> None:
        self._taken[token_id] -= 1
        if self._taken[token_id] == 0:
            del self._taken[token_id]
