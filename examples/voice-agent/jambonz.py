"""What Jambonz sends: who is on the phone, what the callee said, and whether it was Jambonz at all."""

import hmac
import json
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

Json = Mapping[str, object]

OLDEST_SIGNATURE_SECONDS = 300


@dataclass(frozen=True)
class Call:
    """An answered call, as its tag describes it."""

    execution_id: str
    variables: Json | None
    """None where the tag carries no brief: then Apollo is to be asked."""
    context: Json = field(default_factory=dict)


def read_call(data: Json) -> Call | None:
    """Return the call of a hook; None when Apollo did not place it."""
    tag = _object(data.get("customerData"))
    execution_id = tag.get("attempt_id")
    if not isinstance(execution_id, str):
        return None
    brief = _parsed(tag.get("brief"))
    if brief is None:
        return Call(execution_id, None)
    return Call(execution_id, _object(brief.get("variables")), _object(brief.get("context")))


def read_speech(data: Json) -> str:
    """Return what the callee said to a `gather`, empty after silence."""
    alternatives = _object(data.get("speech")).get("alternatives")
    best = _object(alternatives[0]) if isinstance(alternatives, list) and alternatives else {}
    return str(best.get("transcript") or "").strip()


def is_signed(header: str, body: bytes, secret: str) -> bool:
    """Tell whether a call hook comes from who knows the secret, and not from long ago."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    told_at, signature = parts.get("t", ""), parts.get("v1", "")
    if not told_at.isdecimal() or abs(time.time() - int(told_at)) > OLDEST_SIGNATURE_SECONDS:
        return False
    expected = hmac.new(secret.encode(), f"{told_at}.".encode() + body, "sha256").hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def has_password(header: str, secret: str) -> bool:
    """Tell whether a websocket shows `jambonz` and the secret as its basic auth: it carries no signature."""
    expected = b64encode(f"jambonz:{secret}".encode()).decode()
    return hmac.compare_digest(header.encode(), f"Basic {expected}".encode())


def _object(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _parsed(text: object) -> Json | None:
    try:
        brief: object = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return brief if isinstance(brief, Mapping) else None
