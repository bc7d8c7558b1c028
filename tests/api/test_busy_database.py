"""A database that is locked, read-only or refuses a row: what clients, webhooks and the log are told."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from api.app import build_production_app, production_dependencies
from api.assembly import create_app
from embedded.listening import free_ports
from settings import Settings
from store.access.tokens import PostgresTokenStore
from store.database.engine import single_statement, transaction
from store.database.ids import mint
from tests import fakes
from tests.api.world import (
    ORGANIZATION,
    OTHER_ORGANIZATION,
    OTHER_SECRET,
    SECRET,
    a_batch_body,
    a_campaign_body,
    a_problem,
    bearer,
    created,
)

pytestmark = pytest.mark.store

UNREACHABLE = a_problem(503, "unavailable", "Service Unavailable", "Database is unreachable")
WEBHOOK = {"execution_id": "exec_none", "call_status": "ringing"}


@dataclass(frozen=True)
class Production:
    """The app as it is put together for real, over a database of its own and without a Temporal."""

    client: httpx.AsyncClient
    database: AsyncEngine

    async def run(self, statement: str) -> None:
        """Do something to the database behind the app's back."""
        async with single_statement(self.database) as connection:
            await connection.execute(text(statement))

    @asynccontextmanager
    async def locked(self, statement: str) -> AsyncIterator[None]:
        """Hold the locks that a statement takes."""
        async with transaction(self.database) as connection:
            await connection.execute(text(statement))
            yield


@pytest.fixture
async def production(database_url: str, store_engine: AsyncEngine) -> AsyncIterator[Production]:
    """The app with a token for each of two organizations."""
    tokens, now = PostgresTokenStore(store_engine, mint), fakes.FakeClock()()
    await tokens.create(ORGANIZATION, "demo", SECRET, now)
    await tokens.create(OTHER_ORGANIZATION, "other", OTHER_SECRET, now)
    (nobody_there,) = free_ports(1)
    settings = Settings(
        database_url=database_url,
        temporal_address=f"127.0.0.1:{nobody_there}",
        lock_timeout_seconds=2,
        api_statement_timeout_seconds=3,
    )
    app = build_production_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000", headers=bearer(SECRET)
        ) as client,
    ):
        yield Production(client, store_engine)


async def test_locked_row_of_one_tenant_stops_neither_the_others_nor_the_webhook(
    production: Production,
) -> None:
    client = production.client
    campaign = created(await client.post("/api/v1/campaigns", json=a_campaign_body()))
    path = f"/api/v1/campaigns/{campaign['campaign_id']}"

    async with production.locked("UPDATE campaigns SET updated_at = now()"):
        patches = [asyncio.create_task(client.patch(path, json={"name": f"n{i}"})) for i in range(25)]
        await asyncio.sleep(0.5)
        async with asyncio.timeout(1.5):
            other = await client.get("/api/v1/campaigns", headers=bearer(OTHER_SECRET))
            event = await client.post("/webhooks/call-status", json=WEBHOOK)
        answers = await asyncio.gather(*patches)

    assert (other.status_code, event.status_code) == (200, 404)
    assert {each.status_code for each in answers} == {503}
    assert answers[0].json() == UNREACHABLE
    assert answers[0].headers["retry-after"] == "5"


@contextmanager
def _hung(server: psutil.Process) -> Iterator[None]:
    stopped = [server, *server.children(recursive=True)]
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in stopped:
            process.resume()


async def test_database_that_hangs_is_503_while_the_client_still_waits(production: Production) -> None:
    client = production.client
    assert (await client.get("/api/v1/campaigns")).status_code == 200
    async with single_statement(production.database) as connection:
        pid = await connection.scalar(text("SELECT pg_backend_pid()"))
    server = psutil.Process(pid).parent()
    assert server is not None

    with _hung(server):
        async with asyncio.timeout(10):
            list_, event, ready = await asyncio.gather(
                client.get("/api/v1/campaigns"),
                client.post("/webhooks/call-status", json=WEBHOOK),
                client.get("/readyz"),
            )
    after = await client.get("/api/v1/campaigns")

    assert (list_.status_code, list_.json()) == (503, UNREACHABLE)
    assert (event.status_code, event.json()) == (503, UNREACHABLE)
    assert ready.json()["parts"]["database"] == {"ok": False, "error": "Database is unreachable"}
    assert after.status_code == 200


async def test_database_that_only_reads_is_503_and_readiness_says_so(production: Production) -> None:
    client, engine = production.client, production.database
    name = engine.url.database
    await production.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    ended = "SELECT bool_and(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
    await production.run(f"{ended} WHERE datname = current_database() AND pid <> pg_backend_pid()")

    campaign = await client.post("/api/v1/campaigns", json=a_campaign_body())
    ready = await client.get("/readyz")
    assert (campaign.status_code, campaign.json()) == (503, UNREACHABLE)
    assert (ready.status_code, ready.json()["detail"]) == (503, "Database is read-only")
    assert ready.json()["parts"]["database"] == {"ok": False, "error": "Database is read-only"}

    await production.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    created(await client.post("/api/v1/campaigns", json=a_campaign_body()))
    assert (await client.get("/readyz")).json()["parts"]["database"] == {"ok": True}


@pytest.mark.parametrize(
    "constraint",
    [
        pytest.param("ADD CONSTRAINT planted CHECK (length(phone_number) < 5)", id="check"),
        pytest.param("ALTER COLUMN external_id SET NOT NULL", id="not null"),
        pytest.param("ADD CONSTRAINT planted UNIQUE (batch_id)", id="unique"),
        pytest.param(
            "ADD CONSTRAINT planted FOREIGN KEY (phone_number) REFERENCES organizations", id="foreign key"
        ),
        pytest.param("ALTER COLUMN phone_number TYPE varchar(5)", id="too long"),
    ],
)
async def test_row_that_is_refused_is_500_and_nobody_is_named(
    production: Production, capsys: pytest.CaptureFixture[str], constraint: str
) -> None:
    app = create_app(
        production_dependencies(
            Settings(), production.database, fakes.FakeEngine(), lambda: datetime.now(UTC)
        )
    )
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://apollo.test", headers=bearer(SECRET)
    )
    campaign = created(await client.post("/api/v1/campaigns", json=a_campaign_body()))
    await production.run(f"ALTER TABLE contacts {constraint}")
    people = [
        {"phone_number": f"+1415555017{last}", "call_variables": {"callee_name": "Ines Moreau"}}
        for last in range(2)
    ]

    with capture_logs() as logs:
        answer = await client.post(
            "/api/v1/batches", json=a_batch_body(campaign["campaign_id"], contacts=people)
        )

    assert (answer.status_code, answer.json()) == (
        500,
        a_problem(500, "internal", "Internal Server Error", "Internal server error"),
    )
    (failed,) = [each for each in logs if each["event"] == "request failed"]
    assert failed["defect"] in ("ConstraintViolated", "UnstorableValue")
    told = repr(logs) + answer.text + "".join(capsys.readouterr())
    assert [each for each in ("1415555017", "Moreau") if each in told] == []
    assert (await client.get("/api/v1/batches")).json() == []
    await client.aclose()
