"""The app as it is put together for real: a real database, and a Temporal that is not there."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import build_production_app
from domain.wall_clock import rules_version
from embedded.listening import free_ports
from settings import Settings
from store.access.tokens import PostgresTokenStore
from store.database.ids import mint
from tests import fakes
from tests.api.world import ORGANIZATION, SECRET, a_batch_body, a_campaign_body, a_problem, bearer, created

pytestmark = pytest.mark.store

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def client(database_url: str, store_engine: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the production app, its lifespan running."""
    now = fakes.FakeClock()()
    await PostgresTokenStore(store_engine, mint).create(ORGANIZATION, "demo", SECRET, now)
    app = _production_app(database_url)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000", headers=bearer(SECRET)
        ) as client,
    ):
        yield client


def _production_app(database_url: str) -> FastAPI:
    (nobody_there,) = free_ports(1)
    settings = Settings(database_url=database_url, temporal_address=f"127.0.0.1:{nobody_there}")
    return build_production_app(settings)


async def test_without_temporal_a_batch_is_503_and_nothing_of_it_is_kept(client: httpx.AsyncClient) -> None:
    campaign = created(await client.post("/api/v1/campaigns/", json=a_campaign_body()))

    refused = await client.post("/api/v1/batches/", json=a_batch_body(campaign["campaign_id"]))
    batches = await client.get("/api/v1/batches")
    read = await client.get(f"/api/v1/campaigns/{campaign['campaign_id']}")

    expected = a_problem(503, "unavailable", "Service Unavailable", "Temporal is unreachable")
    assert (refused.status_code, refused.json()) == (503, expected)
    assert (batches.json(), read.json()) == ([], campaign)


async def test_without_temporal_readiness_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.get("/readyz")

    assert (answer.status_code, answer.json()["detail"]) == (503, "Temporal is unreachable")
    assert answer.json()["parts"]["database"] == {"ok": True}


async def test_webhook_reaches_the_real_store(client: httpx.AsyncClient) -> None:
    body = {"execution_id": "exec_none", "call_status": "ringing"}

    answer = await client.post("/webhooks/call-status", json=body)

    assert answer.json() == a_problem(404, "not-found", "Not Found", "Execution not found")


async def test_app_keeps_no_loop_but_its_clock_and_ends_it(database_url: str) -> None:
    def running() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks()}

    before, app = running(), _production_app(database_url)
    async with app.router.lifespan_context(app):
        within = running()

    assert (within - before, running() - before) == ({"database clock"}, set())


def test_process_of_the_api_searches_no_garbage_among_what_it_loaded() -> None:
    build = (
        "import gc; from api.app import from_environment; from_environment(); print(gc.get_freeze_count())"
    )
    environment = {"APOLLO_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    told = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", build], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert int(told.stdout) > 10_000


@pytest.mark.parametrize(
    "start", ["from api.app import from_environment; from_environment()", "from worker import main; main()"]
)
def test_process_says_at_its_start_which_rules_of_time_zones_it_follows(start: str) -> None:
    (nobody_there,) = free_ports(1)
    environment = {
        "APOLLO_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "TEMPORAL_ADDRESS": f"127.0.0.1:{nobody_there}",
    }
    told = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", start],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,  # the worker finds no Temporal and gives up
    )

    lines = [json.loads(line) for line in told.stderr.splitlines() if line.startswith("{")]
    assert [line["time_zones"] for line in lines if "time_zones" in line] == [rules_version()]
