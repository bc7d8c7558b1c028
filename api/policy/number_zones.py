"""Zones of numbers are learnt at upload, so contacts that are there already cannot change to them."""

from domain.errors import FieldError, InvalidRequest
from domain.zones import FROM_NUMBER

_NOT_LEARNT = FieldError(
    ("body", "timezone"),
    "The zones of numbers are learnt when contacts are uploaded, and these are: "
    "clone the campaign or upload a new batch with from_number",
    "zones_not_learnt",
)


def require_learnt_zones(before: str, after: str) -> None:
    """Raise InvalidRequest where uploaded contacts would change to the zones of their numbers."""
    if after == FROM_NUMBER != before:
        raise InvalidRequest([_NOT_LEARNT])
