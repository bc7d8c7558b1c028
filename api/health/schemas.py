"""Health on the wire."""

from typing import Literal

from pydantic import Field

from api.http.wire import WireOutput


class Alive(WireOutput):
    """The process runs."""

    status: Literal["ok"]


class PartHealth(WireOutput):
    """One part the API leans on."""

    ok: bool
    error: str | None = Field(default=None, description="Present where `ok` is false.")


class PollersHealth(PartHealth):
    """How many workers listen."""

    workflow: int
    dial: int


class TimeZonesHealth(PartHealth):
    """The rules by which local times are read."""

    version: str = Field(description="Release of the IANA time zone database.", examples=["2026f"])


class PartsHealth(WireOutput):
    """Every part."""

    database: PartHealth
    temporal: PartHealth
    pollers: PollersHealth
    time_zones: TimeZonesHealth


class Ready(WireOutput):
    """Everything answers."""

    status: Literal["ready"]
    parts: PartsHealth
