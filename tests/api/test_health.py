"""Liveness, readiness and metrics, for which no token is asked."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from api.assembly import install
from domain.contact import ContactStatus
from domain.ports import EngineHealth
from domain.wall_clock import rules_version
from tests import fakes
from tests.api.world import World
from tests.builders import BATCH_ID, a_batch, a_campaign, a_contact

OK = {"ok": True}
TIME_ZONES = {"ok": True, "version": rules_version()}


async def _asked(world: World, path: str) -> httpx.Response:
    return await world.client.get(path, headers={"Authorization": ""})


async def test_process_is_alive_whatever_else_is_down(world: World) -> None:
    world.tables.is_down = world.engine.is_down = True

    answer = await _asked(world, "/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_ready_when_every_part_answers(world: World) -> None:
    world.engine.workflow_pollers = 2

    answer = await _asked(world, "/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "parts": {
            "database": OK,
            "temporal": OK,
            "pollers": {"ok": True, "workflow": 2, "dial": 1},
            "time_zones": TIME_ZONES,
        },
    }


async def _not_ready(world: World) -> tuple[str, dict[str, object]]:
    answer = await _asked(world, "/readyz")
    body = answer.json()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert body["type"] == "urn:apollo:problem:unavailable"
    return body["detail"], body["parts"]


async def test_database_down_is_named(world: World) -> None:
    world.tables.is_down = True

    assert await _not_ready(world) == (
        "Database is unreachable",
        {
            "database": {"ok": False, "error": "Database is unreachable"},
            "temporal": OK,
            "pollers": {"ok": True, "workflow": 1, "dial": 1},
            "time_zones": TIME_ZONES,
        },
    )


async def test_temporal_down_is_named_and_nobody_knows_of_pollers(world: World) -> None:
    world.engine.is_down = True

    assert await _not_ready(world) == (
        "Temporal is unreachable",
        {
            "database": OK,
            "temporal": {"ok": False, "error": "Temporal is unreachable"},
            "pollers": {
                "ok": False,
                "error": "Unknown while Temporal is unreachable",
                "workflow": 0,
                "dial": 0,
            },
            "time_zones": TIME_ZONES,
        },
    )


async def test_missing_dial_worker_is_named(world: World) -> None:
    world.engine.dial_pollers = 0

    detail, parts = await _not_ready(world)

    assert detail == "No worker is polling: dial"
    assert parts["pollers"] == {"ok": False, "error": detail, "workflow": 1, "dial": 0}


class _HangingEngine(fakes.FakeEngine):
    async def health(self) -> EngineHealth:
        await asyncio.Event().wait()
        raise AssertionError


async def test_part_that_hangs_counts_as_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.health.readiness.CHECK_SECONDS", 0.01)

    async def hang() -> None:
        await asyncio.Event().wait()

    install(world.app, replace(world.parts, engine=_HangingEngine(), ping_database=hang))

    detail, parts = await _not_ready(world)

    assert detail == "Database is unreachable"
    assert parts["temporal"] == {"ok": False, "error": "Temporal is unreachable"}


async def test_requests_are_counted_by_route_and_never_by_id(unmetered_world: World) -> None:
    await unmetered_world.client.get("/api/v1/batches/btc_secret/contacts/?status=busy")
    await unmetered_world.client.get("/nowhere/btc_secret")
    await unmetered_world.client.request("BREW", "/healthz")

    text = (await _asked(unmetered_world, "/metrics")).text

    counted = "apollo_http_requests_total"
    lines = [each.removeprefix(counted) for each in text.splitlines() if each.startswith(counted + "{")]
    assert sorted(lines) == [
        '{method="GET",route="/api/v1/batches/{batch_id}/contacts",status="404"} 1.0',
        '{method="GET",route="unmatched",status="404"} 1.0',
        '{method="OTHER",route="/healthz",status="405"} 1.0',
    ]
    assert "apollo_http_request_duration_seconds_bucket" in text
    assert "btc_secret" not in text


async def test_each_app_counts_for_itself(unmetered_world: World) -> None:
    text = (await _asked(unmetered_world, "/metrics")).text

    assert "apollo_http_requests_total{" not in text


async def test_work_of_running_batches_is_measured_when_it_is_asked_for(world: World) -> None:
    batch = world.tables.batches.setdefault(BATCH_ID, a_batch())
    world.tables.campaigns[batch.campaign_id] = a_campaign()
    for number in (1, 2):
        waits = a_contact(
            contact_id=f"con_{number}", status=ContactStatus.RETRYING, next_retry_at=world.clock()
        )
        world.tables.contacts[waits.contact_id] = waits
    world.clock.pass_time(timedelta(seconds=90))
    told = await _workload(world)
    world.tables.is_down = True
    unknown = await _workload(world)

    assert told == {"slots_in_use": "0.0", "slots_limit": "10.0", "contacts_due": "2.0", "lateness": "90.0"}
    assert set(unknown.values()) == {"NaN"}


async def _workload(world: World) -> dict[str, str]:
    lines = dict(each.rsplit(" ", 1) for each in (await _asked(world, "/metrics")).text.splitlines())
    return {
        "slots_in_use": lines["apollo_slots_in_use"],
        "slots_limit": lines["apollo_slots_limit"],
        "contacts_due": lines["apollo_contacts_due"],
        "lateness": lines["apollo_contact_lateness_seconds"],
    }
