"""The embedded Postgres belongs to one live process, survives that process, and really stops."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from embedded.postgres import EmbeddedPostgres, FolderInUse, PostgresDidNotStart
from store.database.engine import driver_url

pytestmark = pytest.mark.store

_OWNER = """
import sys, time
from pathlib import Path
from embedded.postgres import EmbeddedPostgres

EmbeddedPostgres(Path(sys.argv[1]), durable=False).start()
print("started", flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that is gone, with its server, after the test."""
    path = Path(tempfile.mkdtemp(prefix="apollo-pg-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        if (path / "pgdata" / "postmaster.pid").exists():
            left_over = EmbeddedPostgres(path)
            left_over.start()
            left_over.stop()
        shutil.rmtree(path)


def _connect(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    plain = driver_url(url).set(drivername="postgresql")
    return psycopg.connect(plain.render_as_string(hide_password=False))


def _ask(server: EmbeddedPostgres, question: str, database: str = "postgres") -> str:
    with _connect(server.url(database)) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return str(row[0])


def _assert_gone(url: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        _connect(url)


def _server_id(folder: Path) -> int:
    return int((folder / "pgdata" / "postmaster.pid").read_text().splitlines()[0])


@pytest.fixture
def orphaned(folder: Path) -> int:
    """The process id of a server whose owner was killed without a chance to stop it."""
    owner = subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-c", _OWNER, str(folder)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "started\n"
        server_id = _server_id(folder)  # it dies with its owner, and takes the file along
        owner.send_signal(signal.SIGKILL)
    return server_id


def test_what_was_written_is_there_after_a_restart(folder: Path) -> None:
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    server.create_database("apollo")
    server.create_database("apollo")
    server.stop()
    server.start()
    assert _ask(server, "SELECT current_database()", "apollo") == "apollo"
    server.stop()


def test_stopped_server_is_gone_and_its_folder_free(folder: Path) -> None:
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    url = server.url("postgres")
    server.stop()
    _assert_gone(url)
    assert not (folder / "pgdata" / "postmaster.pid").exists()
    with pytest.raises(RuntimeError):
        server.url("apollo")
    server.stop()


def test_folder_of_a_live_process_is_refused(folder: Path) -> None:
    owner = EmbeddedPostgres(folder, durable=False)
    owner.start()
    with pytest.raises(FolderInUse, match=f"is in use by process {os.getpid()}"):
        EmbeddedPostgres(folder).start()
    assert _ask(owner, "SELECT 1") == "1"
    owner.stop()


def test_starting_twice_is_a_mistake(folder: Path) -> None:
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    with pytest.raises(RuntimeError, match="started already"):
        server.start()
    server.stop()


def test_server_of_a_killed_owner_makes_room_for_the_next_ones(folder: Path, orphaned: int) -> None:
    heir = EmbeddedPostgres(folder, durable=False)
    heir.start()
    assert _server_id(folder) != orphaned
    assert _ask(heir, "SELECT 1") == "1"
    url = heir.url("postgres")
    heir.stop()
    _assert_gone(url)


def test_server_killed_with_its_owner_is_started_again(folder: Path, orphaned: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(orphaned, signal.SIGKILL)
    heir = EmbeddedPostgres(folder, durable=False)
    heir.start()
    assert _ask(heir, "SELECT 1") == "1"
    heir.stop()


def test_killed_server_is_followed_by_one_at_the_same_address_however_busy_its_clients_were(
    folder: Path,
) -> None:
    server = EmbeddedPostgres(folder)
    server.start()
    with _connect(server.url("postgres")) as writer:
        writer.execute("CREATE TABLE t AS SELECT 7 AS seven")
    busy = threading.Thread(target=_count_for_long, args=[server.url("postgres")])
    busy.start()
    _wait_until_somebody_counts(server)
    address = server.url("postgres")
    killed = _server_id(folder)
    os.kill(killed, signal.SIGKILL)
    _wait_until_gone(killed)

    server.clear()

    busy.join()
    server.stop()
    server.start()
    assert server.url("postgres") == address
    assert _ask(server, "SELECT seven FROM t") == "7"
    server.stop()


def _count_for_long(url: str) -> None:
    """Keep a server process from noticing that its master is gone."""
    with suppress(psycopg.OperationalError), _connect(url) as connection:
        connection.execute("SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b")


def _wait_until_somebody_counts(server: EmbeddedPostgres) -> None:
    counting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%series%' AND pid <> pg_backend_pid()"
    end = time.monotonic() + 10
    while _ask(server, counting) == "0":
        assert time.monotonic() < end
        time.sleep(0.05)


def _wait_until_gone(process_id: int) -> None:
    end = time.monotonic() + 5
    while psutil.pid_exists(process_id) and psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_stranger_with_the_old_servers_process_id_is_left_alone(folder: Path) -> None:
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    pid_file = folder / "pgdata" / "postmaster.pid"
    remembered = pid_file.read_text().splitlines()
    server.stop()
    user = pid_file.parent.owner()
    with subprocess.Popen(["/bin/sleep", "60"], user=user if os.geteuid() == 0 else None) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *remembered[1:]]) + "\n")
        server.start()
        assert _ask(server, "SELECT 1") == "1"
        assert stranger.poll() is None
        stranger.kill()
    server.stop()


@pytest.mark.parametrize(("durable", "fsync"), [(True, "on"), (False, "off")])
def test_only_tests_give_up_durability(folder: Path, durable: bool, fsync: str) -> None:
    server = EmbeddedPostgres(folder, durable=durable)
    server.start()
    settings = [_ask(server, f"SHOW {name}") for name in ("fsync", "full_page_writes", "synchronous_commit")]
    assert settings == [fsync] * 3
    assert _ask(server, "SHOW max_connections") == "200"
    assert _ask(server, "SHOW listen_addresses") == ""
    server.stop()


def test_folder_with_a_long_path_is_no_obstacle(folder: Path) -> None:
    server = EmbeddedPostgres(folder / ("long" * 30), durable=False)
    server.start()
    assert _ask(server, "SELECT 1") == "1"
    server.stop()


def test_server_that_cannot_start_says_where_to_look(folder: Path) -> None:
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    server.stop()
    settings = folder / "pgdata" / "postgresql.conf"
    sound = settings.read_text()
    settings.write_text("max_connections = many\n")
    with pytest.raises(PostgresDidNotStart, match=r"postgres\.log"):
        server.start()
    settings.write_text(sound)
    server.start()
    server.stop()


def test_database_is_cloned_from_a_template_and_dropped(folder: Path) -> None:
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    server.create_database("model")
    with _connect(server.url("model")) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS seven")
    server.create_database("copy", template="model")
    assert _ask(server, "SELECT seven FROM t", "copy") == "7"
    server.drop_database("copy")
    server.drop_database("copy")
    _assert_gone(server.url("copy"))
    server.stop()
