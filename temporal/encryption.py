"""Payloads encrypted before they leave the process: Temporal keeps what only holders of a key can read.

AES-256-GCM. Nothing else is touched: ids, names of workflows, signals and queues, and search attributes
stay readable.
"""

import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

KEY_BYTES = 32
ENCODING = b"binary/encrypted"
_NONCE_BYTES = 12
_KEY_ID = "encryption-key-id"


class PayloadUnreadable(Exception):
    """A payload cannot be decrypted"""


class UnknownPayloadKey(PayloadUnreadable):
    """A payload was encrypted with a key that this process does not have."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"No key {key_id} among APOLLO_PAYLOAD_KEYS; a payload was encrypted with it")


class EncryptingCodec(PayloadCodec):
    """Encrypts with the first key and decrypts with whichever of them was used."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take one or more keys of 32 bytes. Raises ValueError for any other length, and without a key."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"payload keys must be {KEY_BYTES} bytes long each")
        self._ciphers = {key_id(key): AESGCM(key) for key in keys}
        self._first = key_id(keys[0])

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return each payload encrypted, its own encoding within."""
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return what was encrypted; any other payload, such as an operator's JSON, as it is.

        Raises UnknownPayloadKey, and PayloadUnreadable for a payload that was altered.
        """
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._first].encrypt(
            nonce, payload.SerializeToString(), self._first.encode("ascii")
        )
        return Payload(metadata={"encoding": ENCODING, _KEY_ID: self._first.encode()}, data=nonce + sealed)

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        used = payload.metadata.get(_KEY_ID, b"").decode("ascii", "replace")
        cipher = self._ciphers.get(used)
        if cipher is None:
            raise UnknownPayloadKey(used)
        nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, sealed, used.encode("ascii")))
        except (InvalidTag, ValueError) as error:
            raise PayloadUnreadable(f"A payload under key {used} was altered") from error


def key_id(key: bytes) -> str:
    """Return the name under which payloads refer to a key; it tells nothing of the key itself."""
    return hashlib.sha256(b"apollo payload key\0" + key).hexdigest()[:16]
