"""Doing a request once per `Idempotency-Key`, and answering its repetitions from memory."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256

import structlog
from anyio import move_on_after, to_thread
from starlette.responses import Response

from api.parts import ApiParts
from domain.errors import FieldError, IdempotencyKeyBusy, InvalidRequest, StoreUnavailable
from domain.identity import OrganizationId
from domain.ports import IdempotencyKey, InProgress, Mismatch, Replay

_log = structlog.get_logger()

_LAST_WORD_SECONDS = 5
"""How long a request that is being cancelled may take to leave its key in order."""


@dataclass(frozen=True)
class OnceOnly:
    """A request that may be repeated: its key, and the document it must be repeated with."""

    key: IdempotencyKey
    document: dict[str, object]


def once_only(
    organization_id: OrganizationId, kind: str, key: str | None, document: dict[str, object]
) -> OnceOnly | None:
    """Return how a request may be repeated, None without a key."""
    if key is None:
        return None
    return OnceOnly(IdempotencyKey(organization_id=organization_id, kind=kind, key=key), document)


Work = Callable[[], Awaitable[str]]


async def answer_created(parts: ApiParts, once: OnceOnly | None, work: Work) -> Response:
    """Do the work and answer 201 with the JSON text it returns; with a key, at most once.

    Raises IdempotencyKeyBusy, InvalidRequest for a key used with another body, and what the work raises.
    """
    if once is None:
        return _created(await work())
    fingerprint = await to_thread.run_sync(_fingerprint, once.document)
    match await parts.idempotency.begin(once.key, fingerprint, parts.clock()):
        case Replay(body=body):
            return _created(body, {"Idempotency-Replayed": "true"})
        case InProgress():
            raise IdempotencyKeyBusy
        case Mismatch():
            raise InvalidRequest([_MISMATCH])
    return _created(await _do_first(parts, once.key, work))


_MISMATCH = FieldError(
    ("header", "Idempotency-Key"), "The key was used with another body", "idempotency_mismatch"
)


async def _do_first(parts: ApiParts, key: IdempotencyKey, work: Work) -> str:
    try:
        body = await work()
    except BaseException:
        await _release(parts, key)
        raise
    await _keep(parts, key, body)
    return body


async def _release(parts: ApiParts, key: IdempotencyKey) -> None:
    with move_on_after(_LAST_WORD_SECONDS, shield=True):
        try:
            await parts.idempotency.release(key)
        except StoreUnavailable:
            _log.warning("idempotency key not released; it lapses by itself")


async def _keep(parts: ApiParts, key: IdempotencyKey, body: str) -> None:
    """The work is done whether or not its answer can be kept, so a failure here is not the client's."""
    with move_on_after(_LAST_WORD_SECONDS, shield=True):
        try:
            await parts.idempotency.keep(key, body, parts.clock())
        except StoreUnavailable:
            _log.warning("answer not kept for its idempotency key")


def _fingerprint(document: dict[str, object]) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()


def _created(body: str, headers: dict[str, str] | None = None) -> Response:
    return Response(body, 201, headers, "application/json")
