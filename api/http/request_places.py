"""How many requests of one token are served at once, in this process, so that nobody fills it alone."""

from contextlib import ExitStack

from api.http.refusals import RateLimited
from domain.identity import TokenId

RETRY_AFTER_SECONDS = 1


class RequestPlaces:
    """Counts the requests under way by token; a limit of 0 counts nothing."""

    def __init__(self, per_token: int) -> None:
        self._per_token = per_token
        self._taken: dict[TokenId, int] = {}

    def enter(self, token_id: TokenId, held: ExitStack) -> None:
        """Take a place until `held` is closed. Raises RateLimited when the token has them all."""
        if self._per_token == 0:
            return
        taken = self._taken.get(token_id, 0)
        if taken >= self._per_token:
            raise RateLimited(RETRY_AFTER_SECONDS)
        self._taken[token_id] = taken + 1
        held.callback(self._leave, token_id)

    def _leave(self, token_id: TokenId) -> None:
        self._taken[token_id] -= 1
        if self._taken[token_id] == 0:
            del self._taken[token_id]
