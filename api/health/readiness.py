"""Whether the database, Temporal and its workers answer."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from api.http.dependencies import ApiDependencies
from api.http.wire import WireOutput
from domain.errors import EngineUnavailable, StoreUnavailable
from domain.ports import EngineHealth
from domain.wall_clock import rules_version


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


CHECK_SECONDS = 3
_NO_POLLERS = "No worker is polling"


@dataclass(frozen=True)
class Readiness:
    """What /readyz answers."""

    parts: dict[str, dict[str, object]]
    failure: str | None
    """The first thing that is wrong, None when all is well."""


async def check_readiness(dependencies: ApiDependencies) -> Readiness:
    """Ask the database and Temporal at once, each for a few seconds."""
    database, health = await asyncio.gather(_database_error(dependencies), _engine_health(dependencies))
    temporal = None if health.ok else EngineUnavailable().message
    pollers = _pollers_error(health)
    return Readiness(
        parts={
            "database": _status(database),
            "temporal": _status(temporal),
            "pollers": {
                **_status(pollers),
                "workflow": health.workflow_pollers,
                "dial": health.dial_pollers,
            },
            # For people to see: by rules older than a country's, calls are placed outside hours.
            "time_zones": {**_status(None), "version": rules_version()},
        },
        failure=database or temporal or pollers,
    )


async def _database_error(dependencies: ApiDependencies) -> str | None:
    pinging = asyncio.ensure_future(dependencies.ping_database())
    # Not by a timeout around it: a driver that cleans up after a hung server takes longer than we have.
    await asyncio.wait({pinging}, timeout=CHECK_SECONDS)
    if not pinging.done():
        pinging.cancel()
        return StoreUnavailable().message
    try:
        pinging.result()
    except StoreUnavailable as failure:
        return failure.message
    return None


async def _engine_health(dependencies: ApiDependencies) -> EngineHealth:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await dependencies.engine.health()
    except TimeoutError:
        return EngineHealth(ok=False)


def _pollers_error(health: EngineHealth) -> str | None:
    if not health.ok:
        return "Unknown while Temporal is unreachable"
    missing = [
        role
        for role, pollers in (("workflow", health.workflow_pollers), ("dial", health.dial_pollers))
        if pollers == 0
    ]
    return f"{_NO_POLLERS}: {', '.join(missing)}" if missing else None


def _status(error: str | None) -> dict[str, object]:
    return {"ok": True} if error is None else {"ok": False, "error": error}
