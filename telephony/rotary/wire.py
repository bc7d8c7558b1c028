"""The neutral contract's payloads: the body of a create call, and the ids and lists in answers."""

import json
from collections.abc import Mapping, Sequence
from typing import TypeGuard

from domain.disposition import OnMachine
from domain.telephony import CallRequest
from telephony.fields import LONGEST_KEY, can_be_kept


def create_call_body(request: CallRequest, status_callback_url: str) -> bytes:
    body: dict[str, object] = {
        "execution_id": request.execution_id,
        "organization_id": request.organization_id,
        "campaign_id": request.campaign_id,
        "batch_id": request.batch_id,
        "contact_id": request.contact_id,
        "agent_id": request.agent_id,
        "from": request.from_number,
        "to": request.to_number,
        "ring_timeout_seconds": int(request.ring_timeout.total_seconds()),
        "max_duration_seconds": int(request.max_duration.total_seconds()),
        "variables": dict(request.variables),
        "context": dict(request.context),
        "status_callback_url": status_callback_url,
    }
    if request.on_machine is not OnMachine.CONTINUE:
        body["on_machine"] = request.on_machine  # what is no news to anybody is left unsaid
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def call_id_in(answer: object, paths: Sequence[str]) -> str | None:
    """Return the provider's id of a call from an answer of any shape, None when no path leads to one.

    A path is a field's name, or several with dots between them, leading into objects.
    """
    candidates = (_value_at(answer, path) for path in paths)
    return next((each for each in candidates if _is_call_id(each)), None)


def _value_at(answer: object, path: str) -> object:
    for name in path.split("."):
        answer = answer.get(name) if isinstance(answer, Mapping) else None
    return answer


def _is_call_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_KEY and can_be_kept(value)


def calls_in(answer: object) -> Sequence[Mapping[str, object]] | None:
    """Return the calls of a list answer, bare or under `calls`; None when it is no such list."""
    calls = answer.get("calls") if isinstance(answer, Mapping) else answer
    if not isinstance(calls, list) or not all(isinstance(call, Mapping) for call in calls):
        return None
    return calls
