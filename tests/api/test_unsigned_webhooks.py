"""Without a secret, webhooks are taken from this machine only, wherever the API really listens."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn

from api.app import build_production_app
from api.webhooks.loopback import came_over_loopback
from settings import Settings
from tests.api.test_webhooks import UNSIGNED

RINGING = {"execution_id": "exec_none", "call_status": "ringing"}


@asynccontextmanager
async def an_api_on(host: str, database_url: str, **settings: object) -> AsyncIterator[int]:
    """Run the production app under uvicorn on this address; yield its port."""
    told = Settings(database_url=database_url, temporal_address="127.0.0.1:1", **settings)  # type: ignore[arg-type]
    listening = socket.create_server((host, 0))
    config = uvicorn.Config(build_production_app(told), log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - uvicorn tells by a flag only
                await asyncio.sleep(0.01)
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


def an_outer_address() -> str:
    """Return an address of this machine that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


async def reported_to(host: str, port: int, **headers: str) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"http://{host}:{port}/webhooks/call-status", json=RINGING, headers=headers
        )
    if answer.status_code == 401:
        assert answer.json() == UNSIGNED
    return answer.status_code


@pytest.mark.store
async def test_api_that_listens_everywhere_takes_unsigned_webhooks_from_this_machine_only(
    database_url: str,
) -> None:
    # APOLLO_API_HOST was forgotten: the settings say loopback, the socket says every address.
    async with an_api_on("0.0.0.0", database_url) as port:  # noqa: S104 - that is the case
        from_here = await reported_to("127.0.0.1", port)
        from_outside = await reported_to(an_outer_address(), port)
        through_a_proxy = await reported_to("127.0.0.1", port, **{"X-Forwarded-For": "203.0.113.9"})

    assert (from_here, from_outside, through_a_proxy) == (404, 401, 401)


@pytest.mark.store
async def test_unsigned_webhooks_are_taken_from_outside_when_that_is_wished(database_url: str) -> None:
    async with an_api_on("0.0.0.0", database_url, webhook_allow_unsigned=True) as port:  # noqa: S104
        assert await reported_to(an_outer_address(), port) == 404


@pytest.mark.parametrize(
    ("server", "client", "expected"),
    [
        pytest.param(("127.0.0.1", 8000), ("127.0.0.1", 5), True, id="both here"),
        pytest.param(("::1", 8000), ("::1", 5), True, id="version 6"),
        pytest.param(("::ffff:127.0.0.1", 8000), ("::ffff:127.0.0.9", 5), True, id="version 4 within 6"),
        pytest.param(("10.0.0.5", 8000), ("10.0.0.5", 5), False, id="an outer address of our own"),
        pytest.param(("127.0.0.1", 8000), ("203.0.113.9", 0), False, id="a proxy told of its caller"),
        pytest.param(("127.0.0.1", 8000), None, False, id="nobody knows who calls"),
        pytest.param(("/run/apollo.sock", None), None, False, id="a unix socket"),
        pytest.param(None, None, False, id="nothing known"),
        pytest.param(("localhost", 8000), ("127.0.0.1", 5), False, id="a name instead of an address"),
    ],
)
def test_request_is_local_when_both_ends_are(server: object, client: object, expected: bool) -> None:
    assert came_over_loopback({"type": "http", "server": server, "client": client}) is expected
