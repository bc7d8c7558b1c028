"""Doing a request once per `Idempotency-Key`, and answering its repetitions from the store."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, TypeVar

from anyio import to_thread
from fastapi import Header
from starlette.background import BackgroundTask
from starlette.responses import Response

from api.http.dependencies import ApiDependencies
from domain.errors import (
    FieldError,
    IdempotencyKeyBusy,
    IdempotencyKeyUsed,
    InvalidRequest,
    StoreUnavailable,
)
from domain.identity import OrganizationId
from domain.ports import IdempotencyKey, InProgress, KeyedRequest, Mismatch, Replay

T = TypeVar("T")


@dataclass(frozen=True)
class OnceOnly:
    """A request that may be repeated: its key, and the fingerprint of what it must be repeated with."""

    key: IdempotencyKey
    fingerprint: str


async def once_only(
    organization_id: OrganizationId, kind: str, key: str | None, document: dict[str, object]
) -> OnceOnly | None:
    """Return how a request may be repeated, None without a key."""
    if key is None:
        return None
    fingerprint = await to_thread.run_sync(_fingerprint, document)
    return OnceOnly(IdempotencyKey(organization_id=organization_id, kind=kind, key=key), fingerprint)


def keyed(once: OnceOnly | None, answer: Callable[[T], str]) -> KeyedRequest[T] | None:
    """Return what the store needs to write the key beside the effect, None without a key."""
    if once is None:
        return None
    return KeyedRequest(key=once.key, fingerprint=once.fingerprint, answer=answer)


Work = Callable[[], Awaitable[str]]
"""Has its effect by a store verb that takes the key, and returns the JSON text of the answer."""


async def answer_created(dependencies: ApiDependencies, once: OnceOnly | None, work: Work) -> Response:
    """Do the work and answer 201 with the JSON text it returns; with a key, at most once.

    Raises IdempotencyKeyBusy, InvalidRequest for a key used with another body, and what the work raises.
    """
    if once is None:
        return _created(await work())
    answered = await _answered_before(dependencies, once)
    if answered is not None:
        return answered
    try:
        body = await work()
    except IdempotencyKeyUsed:
        # By a request that finished while this one was on its way to the store.
        answered = await _answered_before(dependencies, once)
        if answered is None:
            raise IdempotencyKeyBusy from None
        return answered
    return _created(body, background=BackgroundTask(_forget_old, dependencies))


async def _answered_before(dependencies: ApiDependencies, once: OnceOnly) -> Response | None:
    match await dependencies.idempotency.look_up(once.key, once.fingerprint):
        case Replay(body=body):
            return _created(body, {"Idempotency-Replayed": "true"})
        case InProgress():
            raise IdempotencyKeyBusy
        case Mismatch():
            raise InvalidRequest([_MISMATCH])
    return None


_MISMATCH = FieldError(
    ("header", "Idempotency-Key"), "The key was used with another body", "idempotency_mismatch"
)


async def _forget_old(dependencies: ApiDependencies) -> None:
    with suppress(StoreUnavailable):
        await dependencies.idempotency.forget_old()


def _fingerprint(document: dict[str, object]) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()


def _created(
    body: str, headers: dict[str, str] | None = None, background: BackgroundTask | None = None
) -> Response:
    return Response(body, 201, headers, "application/json", background)


IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[ -~]+$",
        description="Repeating a request with the same key and body makes one object, wherever the first "
        "was cut: what that made is answered again.",
    ),
]
