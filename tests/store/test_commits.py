"""A commit whose acknowledgement is lost is asked about, and never told as a failure when it holds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.campaign import Campaign
from domain.errors import StoreUnavailable
from domain.ports import IdempotencyKey, KeyedRequest, Replay
from store.access.idempotency import PostgresIdempotencyStore
from store.campaigns.repository import PostgresCampaignStore
from store.database.commits import confirmed_transaction
from store.database.engine import create_store_engine, transaction
from store.database.ids import mint
from tests.builders import MONDAY_NOON, ORGANIZATION, a_campaign_rules
from tests.store.scenes import EVERYTHING

pytestmark = pytest.mark.store

_SOCKET = ".s.PGSQL.5432"
_COMMIT = b"COMMIT"


@dataclass
class Wire:
    """What lies between a store and its database, and what it does to the next commit."""

    server: Path
    forwards_commit: bool = True
    """Else the connection ends before the server has heard of it."""
    answers_afterwards: bool = True
    """Else nobody is let through any more."""
    is_cut: bool = False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends or is cut."""
        if self.is_cut and not self.answers_afterwards:
            writer.close()
            return
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(self.server / _SOCKET)
        back = asyncio.create_task(_copy(upstream_reader, writer))
        try:
            while chunk := await reader.read(65_536):
                if _COMMIT in chunk and not self.is_cut:
                    self.is_cut = True
                    await self._lose(chunk, upstream_writer, back)
                    return
                upstream_writer.write(chunk)
        finally:
            back.cancel()
            await asyncio.wait([back])
            upstream_writer.close()
            writer.close()

    async def _lose(self, commit: bytes, upstream: asyncio.StreamWriter, back: "asyncio.Task[None]") -> None:
        back.cancel()  # the acknowledgement is not carried
        await asyncio.wait([back])
        if self.forwards_commit:
            upstream.write(commit)
            await upstream.drain()
            await asyncio.sleep(0.2)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()


@asynccontextmanager
async def wired(database_url: str, **manner: bool) -> AsyncIterator[AsyncEngine]:
    """Reach the database through a wire that loses the first commit's acknowledgement."""
    address = make_url(database_url)
    wire = Wire(Path(str(address.query["host"])), **manner)
    with TemporaryDirectory(prefix="apollo-wire-") as folder:
        server = await asyncio.start_unix_server(wire.carry, Path(folder) / _SOCKET)
        through = address.update_query_dict({"host": folder}).render_as_string(hide_password=False)
        engine = create_store_engine(through)
        try:
            yield engine
        finally:
            await engine.dispose()
            server.close()
            await server.wait_closed()


async def _change(engine: AsyncEngine) -> None:
    async with confirmed_transaction(engine) as connection:
        await connection.execute(text("CREATE TABLE effects ()"))


async def _has_changed(engine: AsyncEngine) -> bool:
    async with transaction(engine) as connection:
        return await connection.scalar(text("SELECT to_regclass('effects')")) is not None


async def test_commit_that_holds_is_no_failure(database_url: str, store_engine: AsyncEngine) -> None:
    async with wired(database_url) as engine:
        await _change(engine)
    assert await _has_changed(store_engine)


async def test_commit_the_server_never_heard_of_is_a_failure(
    database_url: str, store_engine: AsyncEngine
) -> None:
    async with wired(database_url, forwards_commit=False) as engine:
        with pytest.raises(StoreUnavailable):
            await _change(engine)
    assert not await _has_changed(store_engine)


async def test_commit_nobody_can_be_asked_about_is_a_failure(database_url: str) -> None:
    async with wired(database_url, answers_afterwards=False) as engine:
        with pytest.raises(StoreUnavailable):
            await _change(engine)


async def test_failure_before_the_commit_is_not_asked_about(store_engine: AsyncEngine) -> None:
    async def change_and_fail() -> None:
        async with confirmed_transaction(store_engine) as connection:
            await connection.execute(text("CREATE TABLE effects ()"))
            raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        await change_and_fail()
    assert not await _has_changed(store_engine)


async def test_request_whose_commit_could_not_be_confirmed_is_replayed_when_it_comes_again(
    database_url: str, store_engine: AsyncEngine
) -> None:
    key = IdempotencyKey(organization_id=ORGANIZATION, kind="campaign", key="abc")
    async with wired(database_url, answers_afterwards=False) as engine:
        keyed = KeyedRequest[Campaign](key=key, fingerprint="body", answer=lambda made: made.campaign_id)
        store = PostgresCampaignStore(engine, mint)
        with pytest.raises(StoreUnavailable):
            await store.create(ORGANIZATION, a_campaign_rules(), MONDAY_NOON, keyed)
    [kept] = (
        await PostgresCampaignStore(store_engine, mint).list_campaigns(ORGANIZATION, [], EVERYTHING)
    ).items
    known = await PostgresIdempotencyStore(store_engine).look_up(key, "body")
    assert known == Replay(kept.campaign_id)
