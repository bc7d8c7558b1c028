"""What is done to a stack while a request is under way, and the moments at which it hurts most."""

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import LiteralString

import psutil
import psycopg
from sqlalchemy import make_url

from console.api_client import JsonObject
from tests.e2e.world import World


class Blow(StrEnum):
    """What is done to the stack."""

    TEMPORAL_FROZEN = "temporal frozen"
    API_KILLED = "api killed"
    POSTGRES_FROZEN = "postgres frozen"
    KILLED_WHILE_FROZEN = "api killed while temporal is frozen"


class Moment(StrEnum):
    """When it is done; what the database shows can be hit more surely than a time."""

    AT_A_TIME = "at"
    WHILE_WRITTEN = "while written"
    """The contacts are on their way into the database."""
    ONCE_STORED = "once stored"
    """The batch is committed, and its workflow perhaps started, perhaps not."""


_SHOWN: Mapping[Moment, LiteralString] = {
    Moment.WHILE_WRITTEN: "SELECT 1 FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND query LIKE 'COPY%%'",
    Moment.ONCE_STORED: "SELECT 1 FROM batches WHERE campaign_id = %(campaign)s",
}


@dataclass
class Watch:
    """Two connections to the database: one sees where a create stands, one may hold it up there."""

    seeing: "psycopg.Connection[tuple[object, ...]]"
    holding: "psycopg.Connection[tuple[object, ...]]"
    campaign_id: str
    sending: "Future[JsonObject] | None" = None
    """The create, once it is sent."""

    def wait(self, moment: Moment, seconds: float) -> None:
        """Return once the moment has come, or will not come any more."""
        shown, end = _SHOWN[moment], time.monotonic() + seconds
        while time.monotonic() < end and not (self.sending and self.sending.done()):
            # Without a pause, for the moment is short.
            if self.seeing.execute(shown, {"campaign": self.campaign_id}).fetchone():
                return

    def let_go(self) -> None:
        """Let a create that is held up go on."""
        self.holding.rollback()


@contextmanager
def watching(world: World, moment: Moment, campaign_id: str) -> Iterator[Watch]:
    """Watch the database; contacts are written only once the watch lets go, where that is the moment."""
    address = _driver_address(world)
    with psycopg.connect(address, autocommit=True) as seeing, psycopg.connect(address) as holding:
        if moment is Moment.WHILE_WRITTEN:
            holding.execute("LOCK TABLE contacts IN SHARE MODE")
        yield Watch(seeing, holding, campaign_id)


def strike(world: World, blow: Blow, seconds: float, watch: Watch) -> None:
    """Do it, and let go of a create that is held up when that hurts most; all is well again on return."""
    match blow:
        case Blow.API_KILLED:
            world.kill("api")
            watch.let_go()
            world.start_api()
        case Blow.TEMPORAL_FROZEN:
            with frozen(_temporal(world)):
                watch.let_go()
                time.sleep(seconds)
        case Blow.KILLED_WHILE_FROZEN:
            with frozen(_temporal(world)):
                watch.let_go()
                watch.wait(Moment.ONCE_STORED, seconds)
                world.kill("api")
            world.start_api()
        case Blow.POSTGRES_FROZEN:
            watch.let_go()
            with frozen(_main_process_of_postgres(world)):
                time.sleep(seconds)


def _driver_address(world: World) -> str:
    assert world.stack.database_url is not None
    address = make_url(world.stack.database_url).set(drivername="postgresql")
    return address.render_as_string(hide_password=False)


@contextmanager
def frozen(process_id: int) -> Iterator[None]:
    """Stop a process with all its children for the length of a `with` block."""
    process = psutil.Process(process_id)
    os.kill(process_id, signal.SIGSTOP)  # first, so that it makes no further children
    family = [process_id, *(child.pid for child in process.children(recursive=True))]
    _signal_all(family, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal_all(family, signal.SIGCONT)


def _signal_all(process_ids: Sequence[int], number: signal.Signals) -> None:
    for each in process_ids:
        try:
            os.kill(each, number)
        except ProcessLookupError:
            continue


def _temporal(world: World) -> int:
    [temporal] = [each for each in world.stack.children if each.name == "temporal"]
    return temporal.pid


def _main_process_of_postgres(world: World) -> int:
    folder = Path(world.stack.plan.settings.data_dir) / "postgres" / "pgdata"
    return int((folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
