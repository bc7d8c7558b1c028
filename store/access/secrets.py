"""The secrets of API tokens: made here, shown once, and known by their hashes."""

import hashlib
import secrets

from domain.access import TOKEN_MARK

_RANDOM_BYTES = 32


def new_secret() -> str:
    """Return a fresh API token of 32 random bytes."""
    return TOKEN_MARK + secrets.token_urlsafe(_RANDOM_BYTES)


def hash_of(secret: str) -> str:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
