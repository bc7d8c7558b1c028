"""Tiers, Postgres for every test that asks for it, and an end of the process that cannot abort."""

import gc
import itertools
import os
import shutil
import sys
import tempfile
import zoneinfo
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from embedded.postgres import EmbeddedPostgres
from store.database.engine import create_store_engine
from store.migrations import upgrade
from tests.examples import register_quick_profile
from tests.scheduling import Scheduling
from tests.tiers import Watch, spread

_SESSION = pytest.StashKey[pytest.Session]()
_TEMPLATE = "apollo_template"
_numbers = itertools.count(1)
_watch = Watch()

register_quick_profile()
# What tests hold against the product's clocks must go by the same rules, and not by a machine's of some year.
zoneinfo.reset_tzpath(to=())
zoneinfo.ZoneInfo.clear_cache()


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_SESSION] = session
    _watch.install()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = spread(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    # Thousands of tests and all they import stay to the end: whoever looks for garbage need not look there.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    _watch.begin(item)
    try:
        return (yield)
    finally:
        _watch.end()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    # With Python up to 3.12 threads of the Temporal SDK may abort the interpreter while it shuts down,
    # after every fixture was torn down and every report written; its status would hide pytest's own.
    session = config.stash.get(_SESSION, None)
    if session is None:
        return
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None and not stream.closed:
            stream.flush()
    os._exit(session.exitstatus)


@pytest.fixture(scope="session", autouse=True)
def _certificates_are_read_once() -> Iterator[None]:
    """To read those of all authorities takes longer than most tests that open a client."""
    with pytest.MonkeyPatch.context() as patch:
        read_once = cache(httpx.create_ssl_context)
        for place in ("httpx.create_ssl_context", "httpx._transports.default.create_ssl_context"):
            patch.setattr(place, read_once)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A Postgres of the test session, with a migrated database to clone."""
    folder = Path(tempfile.mkdtemp(prefix="apollo-test-"))
    folder.chmod(0o755)  # under root the server runs as another user
    server = EmbeddedPostgres(folder, durable=False)
    try:
        server.start()
        server.create_database(_TEMPLATE)
        upgrade(server.url(_TEMPLATE))
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@contextmanager
def a_database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Yield the address of a fresh, migrated database."""
    name = f"test_{next(_numbers)}"
    postgres.create_database(name, template=_TEMPLATE)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address of a fresh, migrated database."""
    with a_database(postgres) as address:
        yield address


@pytest.fixture
async def store_engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a fresh, migrated database."""
    engine = create_store_engine(database_url)
    yield engine
    await engine.dispose()
