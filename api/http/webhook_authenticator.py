"""Whether a webhook is accepted: by a signed body, by a shared token, or, where allowed, without either."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.errors import InvalidSignature, UnsignedWebhook

SIGNATURE_HEADER = "jambonz-signature"
TOKEN_HEADER = "x-apollo-webhook-token"  # noqa: S105 - the header's name


class SignatureCheck(Protocol):
    """Return whether one of the secrets signed these bytes close to `now`."""

    def __call__(self, header: str | None, body: bytes, secrets: Sequence[str], now: datetime) -> bool: ...


class HeaderCheck(Protocol):
    """Return whether the header alone could be that of a signed body, close to `now`."""

    def __call__(self, header: str | None, now: datetime) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class WebhookAuthenticator:
    """Checks the sender of a webhook."""

    secrets: Sequence[str] = field(repr=False)
    unsigned_allowed: bool
    """From anywhere; only matters without a secret."""
    local_unsigned_allowed: bool = False
    """From this machine; the same."""
    is_signed: SignatureCheck
    can_be_signed: HeaderCheck

    def admit(self, headers: Mapping[str, str], now: datetime, *, is_local: bool) -> None:
        """Check the headers before the body is read.

        Raises InvalidSignature with a secret set, where no body could verify; else UnsignedWebhook.
        """
        if not self.secrets:
            if not (self.unsigned_allowed or (self.local_unsigned_allowed and is_local)):
                raise UnsignedWebhook
        elif not self._carries_token(headers) and not self.can_be_signed(headers.get(SIGNATURE_HEADER), now):
            raise InvalidSignature

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Check the body of a webhook whose headers were admitted. Raises InvalidSignature."""
        if not self.secrets or self._carries_token(headers):
            return
        if not self.is_signed(headers.get(SIGNATURE_HEADER), body, self.secrets, now):
            raise InvalidSignature

    def _carries_token(self, headers: Mapping[str, str]) -> bool:
        token = headers.get(TOKEN_HEADER)
        if token is None:
            return False
        given = token.encode()
        return any(hmac.compare_digest(given, secret.encode()) for secret in self.secrets)
