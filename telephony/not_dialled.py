"""Answers to a dial that vouch, whoever the provider is, that nobody was dialled."""

from datetime import datetime

import httpx

from domain.telephony import Misconfigured, Throttled, Unavailable
from telephony.retry_after import read_retry_after


def read_not_dialled(
    response: httpx.Response, reason: str, now: datetime
) -> Throttled | Misconfigured | Unavailable | None:
    """Return why certainly nobody was dialled; None where the answer vouches for no such thing."""
    status = response.status_code
    if 300 <= status < 400:
        return Misconfigured(reason)
    match status:
        case 400 | 401 | 403 | 404 | 405 | 413 | 415:
            return Misconfigured(reason)
        case 429:
            return Throttled(read_retry_after(response.headers.get("Retry-After"), now))
        case 480:
            return Unavailable(reason)
    return None
